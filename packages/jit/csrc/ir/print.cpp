#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <unordered_set>

#include "text.h"

namespace tw::jit {
namespace {

bool is_word(std::string_view text) {
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), part);
}

std::string target_text(const std::string& name) { return "@" + (is_word(name) ? name : quoted(name)); }

// A label as a name in the text: letters, digits, `_` and `.`, not all digits.
std::string as_name(const std::string& label) {
  std::string name;
  for (const char c : label) name += is_word(std::string_view(&c, 1)) ? c : '_';
  const bool number = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? "" : name;
}

class Printer {
 public:
  explicit Printer(const Module& module) : module_(module) {}

  std::string function(FunctionId id) {
    const Function& function = module_.function(id);
    name_region(function.body);
    text_ = "func " + target_text(module_.names[function.name]);
    region(function.body, 0, module_.places(id));
    return text_ + "\n";
  }

  std::string node_alone(NodeId node) {
    module_.each_operand(node, [&](NodeId operand) { name(operand); });
    name(node);
    head(node);
    return text_;
  }

 private:
  void name(NodeId id) {
    if (names_.count(id)) return;
    const Node& node = module_[id];
    std::string wanted = node.label ? as_name(module_.names[node.label]) : "";
    if (wanted.empty()) {
      wanted = std::to_string(next_++);
    } else if (taken_.count(wanted)) {
      const std::string stem = wanted;
      for (int i = 1; taken_.count(wanted); ++i) wanted = stem + "." + std::to_string(i);
    }
    taken_.insert(wanted);
    names_.emplace(id, wanted);
  }

  void name_region(RegionId region) {
    for (NodeId node = module_.first(region); node; node = module_[node].next) {
      if (has_left(node)) name(node);
      for (const RegionId inner : module_[node].regions) name_region(inner);
    }
  }

  bool has_left(NodeId id) const {
    const Node& node = module_[id];
    const bool named = node.label && !as_name(module_.names[node.label]).empty();
    return !node.users.empty() || named || module_.types[node.type].kind != TypeKind::kNone;
  }

  // Placeholders at the head of a region that stand in its parentheses: without default, named as their target.
  bool in_head(NodeId id) const {
    const Node& node = module_[id];
    return module_.op_of(id) == "placeholder" && node.args.count == 0 && node.keywords.count == 0 && node.target &&
           !node.location && names_.count(id) && names_.at(id) == module_.names[node.target];
  }

  // The body of a function has its parameters in front even if there are none, and what memory it is planned for.
  void region(RegionId id, int depth, const Places* places) {
    const bool always_head = !depth;
    NodeId node = module_.first(id);
    std::string parameters;
    for (; node && in_head(node); node = module_[node].next) {
      parameters += parameters.empty() ? "" : ", ";
      parameters += '%' + names_.at(node) + ": " + module_.types.text(module_[node].type);
    }
    if (always_head || !parameters.empty()) text_ += (always_head ? "(" : " (") + parameters + ")";
    if (places) text_ += " memory(" + std::to_string(places->bytes) + ")";
    text_ += " {\n";
    for (; node; node = module_[node].next) line(node, depth + 1);
    text_.append(static_cast<size_t>(2 * depth), ' ');
    text_ += '}';
  }

  void line(NodeId id, int depth) {
    text_.append(static_cast<size_t>(2 * depth), ' ');
    head(id);
    for (const RegionId inner : module_[id].regions) region(inner, depth, nullptr);
    if (module_[id].location) location(module_[module_[id].location]);
    text_ += '\n';
  }

  void head(NodeId id) {
    const Node& node = module_[id];
    if (names_.count(id)) text_ += '%' + names_.at(id) + ": " + module_.types.text(node.type) + " = ";
    text_ += module_.names[node.op];
    if (node.target) text_ += ' ' + target_text(module_.names[node.target]);
    text_ += '(';
    for (uint32_t i = 0; i < node.args.count; ++i) {
      if (i) text_ += ", ";
      argument(module_.item(node.args, i));
    }
    for (uint32_t i = 0; i + 1 < node.keywords.count; i += 2) {
      if (i || node.args.count) text_ += ", ";
      text_ += module_.constants[ConstantId(module_.item(node.keywords, i).index)].text + "=";
      argument(module_.item(node.keywords, i + 1));
    }
    text_ += ')';
    if (const auto offset = module_.offset(id)) text_ += " at(" + std::to_string(*offset) + ")";
  }

  void argument(const Arg& arg) {
    switch (arg.kind) {
      case ArgKind::kNone:
        text_ += "None";
        return;
      case ArgKind::kNode:
        text_ += '%' + names_.at(NodeId(arg.index));
        return;
      case ArgKind::kConstant:
        text_ += module_.constants.text(ConstantId(arg.index));
        return;
      case ArgKind::kList:
        return items(arg, "[", "]");
      case ArgKind::kTuple:
        return items(arg, "(", arg.count == 1 ? ",)" : ")");
      case ArgKind::kSlice:
        return items(arg, "slice(", ")");
      case ArgKind::kDict:
        text_ += '{';
        for (uint32_t i = 0; i + 1 < arg.count; i += 2) {
          if (i) text_ += ", ";
          argument(module_.item(arg, i));
          text_ += ": ";
          argument(module_.item(arg, i + 1));
        }
        text_ += '}';
        return;
    }
  }

  void items(const Arg& group, const char* open, const char* close) {
    text_ += open;
    for (uint32_t i = 0; i < group.count; ++i) {
      if (i) text_ += ", ";
      argument(module_.item(group, i));
    }
    text_ += close;
  }

  void location(const Location& l) {
    text_ += " loc(" + quoted(l.file) + ":" + std::to_string(l.line) + ":" + std::to_string(l.column);
    if (l.end_line) text_ += '-' + std::to_string(l.end_line) + ":" + std::to_string(l.end_column);
    text_ += ')';
  }

  const Module& module_;
  std::string text_;
  uint64_t next_ = 0;
  std::unordered_map<NodeId, std::string> names_;
  std::unordered_set<std::string> taken_;
};

}  // namespace

std::string print(const Module& module, FunctionId function) { return Printer(module).function(function); }

std::string print(const Module& module) {
  std::string text;
  for (const auto& [symbol, range] : module.dims.ranges()) {
    text += "dim " + module.dims.text(symbol) + " from " + std::to_string(range.low);
    text += (range.high ? " to " + std::to_string(*range.high) : "") + "\n";
  }
  for (uint32_t i = 0; i < module.functions().size(); ++i) text += (i ? "\n" : "") + print(module, FunctionId(i));
  return text;
}

std::string print_node(const Module& module, NodeId node) { return Printer(module).node_alone(node); }

}  // namespace tw::jit
