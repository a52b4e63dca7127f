#include "upgraders.h"

#include <mutex>

#include "../ir/text.h"
#include "../passes/editor.h"

namespace tw::jit {
namespace {

using Key = std::pair<std::string, int64_t>;

std::mutex mutex;
std::map<Key, std::string>& table() {
  static auto* map = new std::map<Key, std::string>();
  return *map;
}

std::optional<std::string> upgrader(const std::string& op, int64_t revision) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = table().find({op, revision});
  if (found == table().end()) return std::nullopt;
  return found->second;
}

std::string revision_text(const std::string& op, int64_t revision) {
  return "revision " + std::to_string(revision) + " of " + op;
}

// Whether calls of the revision mean something here: the op has it, or they are rewritten until an op has.
bool is_understood(const std::string& op, int64_t revision, const RegistryOp* installed) {
  if (installed) return revision <= installed->revision;
  return upgrader(op, revision).has_value();
}

// One upgrader, parsed into the program that is rewritten.
class Upgrade {
 public:
  Upgrade(Editor& edit, const std::string& op, int64_t revision, const std::string& graph)
      : edit_(edit), module_(edit.module), op_(op), what_(revision_text(op, revision)) {
    // By a name of its own, should the program have an @upgrade.
    const std::string name = "the upgrader of " + what_;
    parse("func @" + quoted(name) + graph, module_);
    const auto made = module_.function_named(name);
    if (!made) throw Error(TW_E_VALUE, what_ + " gives no function");
    function_ = *made;
  }
  ~Upgrade() { module_.drop_function(function_); }
  Upgrade(const Upgrade&) = delete;

  // Returns the calls of the same op that take the place of this one.
  std::vector<NodeId> rewrite(NodeId call) {
    std::unordered_map<NodeId, ArgTree> values = bound(call);
    const RegionId body = module_.function(function_).body;
    ArgTree result = edit_.copy_body(body, call, values).at(0);
    std::vector<NodeId> again;
    for (NodeId node = module_.first(body); node; node = module_[node].next)
      if (!edit_.is(node, "placeholder") && values.count(node)) settle(values[node], call, again);
    if (made(result, values)) adopt(NodeId(result.index), call);
    if (const auto target = edit_.keyword(call, "into")) result = written(call, *target, result);
    edit_.substitute(call, result);
    return again;
  }

 private:
  [[noreturn]] void fail(NodeId call, const std::string& why) const {
    throw Error(TW_E_VALUE, "a call of " + what_ + " " + why + ", in\n  " + print_node(module_, call));
  }

  // What stands for the upgrader's parameters.
  std::unordered_map<NodeId, ArgTree> bound(NodeId call) const {
    std::unordered_map<NodeId, ArgTree> values;
    const std::vector<ArgTree> args = module_.args(call);
    size_t place = 0, named = 0;
    for (NodeId node = module_.first(module_.function(function_).body); edit_.is(node, "placeholder");
         node = module_[node].next, ++place) {
      const std::string& name = module_.names[module_[node].target];
      const auto keyword = edit_.keyword(call, name);
      named += keyword.has_value();
      if (place < args.size())
        values[node] = args[place];
      else if (keyword)
        values[node] = *keyword;
      else if (module_[node].args.count)
        values[node] = module_.args(node)[0];
      else
        fail(call, "lacks the argument '" + name + "'");
    }
    const size_t others = module_.keywords(call).size() - named - edit_.keyword(call, "into").has_value();
    if (args.size() > place || others) fail(call, "has arguments that it does not take");
    return values;
  }

  // What was made comes from where the call was, and the op's own calls among it are of the next revision.
  void settle(const ArgTree& value, NodeId call, std::vector<NodeId>& again) {
    if (value.kind != ArgKind::kNode) return;
    const auto one = [&](NodeId node) {
      module_.set_location(node, module_[call].location);
      if (edit_.is(node, op_)) again.push_back(node);
    };
    const NodeId node(value.index);
    for (const RegionId inner : std::vector<RegionId>(module_[node].regions)) edit_.each_node_in(inner, one);
    one(node);
  }

  bool made(const ArgTree& result, const std::unordered_map<NodeId, ArgTree>& values) const {
    if (result.kind != ArgKind::kNode) return false;
    for (const auto& [inner, value] : values)
      if (!edit_.is(inner, "placeholder") && value.kind == ArgKind::kNode && value.index == result.index) return true;
    return false;
  }

  void adopt(NodeId node, NodeId call) {
    module_.set_type(node, module_[call].type);
    if (module_[call].label) module_.set_label(node, module_[call].label);
  }

  // What the call wrote into a tensor is copied there.
  ArgTree written(NodeId call, const ArgTree& target, const ArgTree& result) {
    if (target.kind != ArgKind::kNode) fail(call, "writes into several tensors");
    const NodeId copy = module_.create(module_[call].parent, call, module_.names("tw::copy"), {target, result},
                                       module_[call].type, {{"into", target}});
    module_.set_location(copy, module_[call].location);
    return copy;
  }

  Editor& edit_;
  Module& module_;
  std::string op_, what_;
  FunctionId function_;
};

void upgrade_op(Editor& edit, const std::string& op, int64_t revision) {
  std::vector<NodeId> calls;
  edit.each_node([&](NodeId node) {
    if (edit.is(node, op)) calls.push_back(node);
  });
  const RegistryOp* installed = registry_op(op);
  for (; !calls.empty() && (!installed || revision < installed->revision); ++revision) {
    const auto graph = upgrader(op, revision);
    if (!graph && installed) continue;  // it means the same
    if (!graph) throw Error(TW_E_VALUE, revision_text(op, revision) + " is not installed, nor rewritten into others");
    Upgrade step(edit, op, revision, *graph);
    std::vector<NodeId> again;
    for (const NodeId call : calls)
      for (const NodeId made : step.rewrite(call)) again.push_back(made);
    calls = std::move(again);
  }
}

constexpr std::string_view kHead = "func @upgrade";

}  // namespace

void add_upgrader(std::string_view op, int64_t revision, std::string_view graph) {
  const std::string what = "the upgrader of " + revision_text(std::string(op), revision);
  if (revision < 0) throw Error(TW_E_VALUE, what + ": revisions begin at 0");
  Module module;
  parse(graph, module);
  const bool one = module.functions().size() == 1 && module.names[module.function(FunctionId(0)).name] == "upgrade";
  const NodeId last = one ? module[module.function(FunctionId(0)).body].last : NodeId();
  if (!last || module.op_of(last) != "return" || module[last].keywords.count || !module.dims.ranges().empty())
    throw Error(TW_E_VALUE, what + ": it is one function, @upgrade, that ends with return(value)");
  const std::string text = print(module).substr(kHead.size());
  const std::lock_guard<std::mutex> lock(mutex);
  const std::string& kept = table().emplace(Key{op, revision}, text).first->second;
  if (kept != text) throw Error(TW_E_VALUE, what + ": there is another one already");
}

std::set<std::string> outdated(const Revisions& revisions) {
  std::set<std::string> found;
  for (const auto& [op, revision] : revisions) {
    const RegistryOp* installed = registry_op(op);
    const std::string which = std::to_string(revision) + " of " + op;
    if (revision < 0) throw Error(TW_E_VALUE, "archive: it calls revision " + which + "; revisions begin at 0");
    if (!installed && !is_understood(op, revision, installed))
      throw Error(TW_E_VALUE, "archive: it calls " + op + ", which no installed distribution brings");
    if (!is_understood(op, revision, installed))
      throw Error(TW_E_VALUE, "archive: it calls revision " + which + ", of which revision " +
                                  std::to_string(installed->revision) +
                                  " is installed; a newer distribution of that op may read it");
    if (!installed || revision < installed->revision) found.insert(op);
  }
  return found;
}

void upgrade(Program& program, const Revisions& revisions) {
  Editor edit(program);
  for (const auto& [op, revision] : revisions) upgrade_op(edit, op, revision);
}

}  // namespace tw::jit
