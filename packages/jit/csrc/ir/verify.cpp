#include "verify.h"

#include "../builtin/table.h"
#include "../kernels/expansions.h"
#include "../kernels/image_layout.h"
#include "registry.h"
#include "structure.h"
#include "text.h"
#include "verify_groups.h"

namespace tw::jit {
namespace {

std::string expected_count(int least, int most) {
  if (most < 0) return "at least " + std::to_string(least);
  return std::to_string(least) + (most == least ? "" : " to " + std::to_string(most));
}

class Verifier {
 public:
  Verifier(const Module& module, const Function& function, Level level, const std::set<std::string>* other)
      : module_(module), function_(function), level_(level), other_(other) {}

  void run() {
    region(function_.body);
    if (level_ == Level::kPlanned && !planned())
      throw Error(TW_E_VALUE,
                  "graph @" + module_.names[function_.name] + ": it does not say in what memory its values lie");
  }

 private:
  [[noreturn]] void fail(NodeId node, const std::string& rule) {
    throw Error(TW_E_VALUE,
                "graph @" + module_.names[function_.name] + ": " + rule + ", in\n  " + print_node(module_, node));
  }

  bool planned() const {
    const auto id = module_.function_named(module_.names[function_.name]);
    return id && module_.places(*id);
  }

  void region(RegionId id) {
    const Region& region = module_[id];
    if (!region.last)
      throw Error(TW_E_VALUE, "graph @" + module_.names[function_.name] + ": a region is empty; end it with " +
                                  (region.owner ? "yield" : "return"));
    for (NodeId node = region.first; node; node = module_[node].next) {
      node_here(node);
      const StructuralOp* op = structural_op(module_.op_of(node));
      const bool last = node == region.last;
      if (op && op->ends_region != last && (last || op->ends_region))
        fail(node, last ? "a region must end with yield or return" : "nothing may follow this in its region");
      if (!op && last) fail(node, "a region must end with yield or return");
      if (last && (op->name == "return") != !region.owner)
        fail(node, region.owner ? "a nested region ends with yield" : "a function ends with return");
    }
  }

  void node_here(NodeId id) {
    const Node& node = module_[id];
    module_.each_operand(id, [&](NodeId operand) {
      if (!module_.dominates(operand, id)) fail(id, "an argument is used before, or outside of where, it is defined");
    });
    const std::string_view name = module_.op_of(id);
    if (const StructuralOp* op = structural_op(name))
      structural(id, *op);
    else if (other_ && other_->count(std::string(name)))
      alone(id, std::string(name));
    else if (const RegistryOp* op = registry_op(name))
      registered(id, *op);
    else
      fail(id, "there is no op '" + std::string(name) + "'");
    for (const RegionId inner : node.regions) region(inner);
    if (level_ != Level::kCapture) no_objects(id, node.args), no_objects(id, node.keywords);
  }

  void structural(NodeId id, const StructuralOp& op) {
    const Node& node = module_[id];
    const int count = static_cast<int>(node.args.count);
    if (count < op.least_args || (op.most_args >= 0 && count > op.most_args))
      fail(id, std::string(op.name) + " takes " + expected_count(op.least_args, op.most_args) + " arguments, got " +
                   std::to_string(count));
    if (op.target != static_cast<bool>(node.target))
      fail(id, std::string(op.name) + (op.target ? " needs a @target" : " takes no @target"));
    if (static_cast<int>(node.regions.size()) != op.regions)
      fail(id, std::string(op.name) + " has " + std::to_string(op.regions) + " regions, got " +
                   std::to_string(node.regions.size()));
    if (level_ != Level::kCapture && op.capture_only)
      fail(id, op.name == "effect" ? "a change of a list or dict, a print, or a switch of gradients, is left"
                                   : "a call of Python is left");
    if (op.name == "builtin" || op.name == "effect") known_builtin(id, op.name == "effect");
    if (op.name == "if") same_results(id);
    if (op.name == "while" || op.name == "for") carried(id, op.name == "for");
    if (op.name == "fusion") fused(id);
    if (op.name != "return" && node.keywords.count) fail(id, std::string(op.name) + " takes no keywords");
    if (op.name == "return") updates(id);
    if (op.name == "call" && !module_.function_named(module_.names[node.target]))
      fail(id, "the module has no function @" + module_.names[node.target]);
    if (op.name == "tuple.get") position(id);
  }

  void known_builtin(NodeId id, bool effect) {
    const Node& node = module_[id];
    const std::string& name = module_.names[node.target];
    const Builtin* found = builtin(name);
    if (!found || found->effect != effect)
      fail(id, "there is no " + std::string(effect ? "effect" : "builtin") + " @" + name);
    const int count = static_cast<int>(node.args.count);
    if (count < found->least_args || (found->most_args >= 0 && count > found->most_args))
      fail(id, "@" + name + " takes " + expected_count(found->least_args, found->most_args) + " arguments, got " +
                   std::to_string(count));
  }

  const Node& terminator(RegionId region) const { return module_[module_[region].last]; }

  uint32_t parameters(RegionId region) const {
    uint32_t count = 0;
    for (NodeId node = module_.first(region); node && module_.op_of(node) == "placeholder"; node = module_[node].next)
      ++count;
    return count;
  }

  void same_results(NodeId id) {
    const Node& node = module_[id];
    for (const RegionId region : node.regions)
      if (!module_[region].last) fail(id, "a region is empty; end it with yield");
    if (terminator(node.regions[0]).args.count != terminator(node.regions[1]).args.count)
      fail(id, "both regions of an if yield equally many values");
  }

  void carried(NodeId id, bool counted) {
    const Node& node = module_[id];
    const uint32_t values = node.args.count - (counted ? 1 : 0);
    for (size_t k = 0; k < node.regions.size(); ++k) {
      const RegionId region = node.regions[k];
      if (!module_[region].last) fail(id, "a region is empty; end it with yield");
      if (parameters(region) != values + (counted ? 1 : 0))
        fail(id, "the parameters of a loop's region are the carried values" +
                     std::string(counted ? ", after the count" : ""));
      const uint32_t wanted = !counted && k == 0 ? 1 : values;
      if (terminator(region).args.count != wanted)
        fail(id, "this region yields " + std::to_string(wanted) + " values, got " +
                     std::to_string(terminator(region).args.count));
    }
  }

  // A fusion takes all that it uses as arguments, and holds only ops that one sweep over the elements can compute, but
  // for a layer in front.
  void fused(NodeId id) {
    const Node& node = module_[id];
    const RegionId region = node.regions[0];
    if (!module_[region].last) fail(id, "a region is empty; end it with yield");
    if (parameters(region) != node.args.count) fail(id, "a fusion's region has one parameter for each argument");
    bool leads = true;
    for (NodeId inner = module_.first(region); inner; inner = module_[inner].next) {
      if (module_.op_of(inner) == "placeholder") continue;
      module_.each_operand(inner, [&](NodeId operand) {
        if (module_[operand].parent != region)
          fail(inner, "a fusion uses a value from outside that is no argument of it");
      });
      if (inner == module_[region].last) continue;
      if (module_.op_of(inner) == kToPlanes || module_.op_of(inner) == kToBlocks) {
        moved(inner, region);
        continue;
      }
      const RegistryOp* op = registry_op(module_.op_of(inner));
      const bool first = std::exchange(leads, false);
      const bool fits = op ? op->pointwise || op->reduction || is_expanded(op->name) || is_cast(op->name) ||
                                 (first && (is_layer(op->name) || is_pool(op->name)))
                           : module_.op_of(inner) == "tuple.get";
      if (!fits) fail(inner, "a fusion holds pointwise ops and reductions only, and a layer before them");
    }
    if (level_ < Level::kGrouped) return;
    verify_group(module_, id, [this](NodeId node, const std::string& rule) { fail(node, rule); });
  }

  // Images come from blocks where they enter a fusion, and go to blocks where they leave it.
  void moved(NodeId id, RegionId region) {
    const Node& node = module_[id];
    const Arg* images = node.args.count == 2 ? &module_.item(node.args, 0) : nullptr;
    if (!images || images->kind != ArgKind::kNode) fail(id, "in a fusion, images are moved from a value");
    if (module_.op_of(id) == kToPlanes && module_.op_of(NodeId(images->index)) != "placeholder")
      fail(id, "a fusion takes arguments out of blocks, and nothing else");
    if (module_.op_of(id) == kToBlocks && (node.users.size() != 1 || node.users[0] != module_[region].last))
      fail(id, "a fusion puts what it yields into blocks, and nothing else");
  }

  // return(value, inputs={"name": value}, attributes={"path": value}): what the caller's tensors hold afterwards.
  void updates(NodeId id) {
    const Node& node = module_[id];
    for (uint32_t i = 0; i + 1 < node.keywords.count; i += 2) {
      const std::string& name = module_.constants[ConstantId(module_.item(node.keywords, i).index)].text;
      const Arg& dict = module_.item(node.keywords, i + 1);
      if ((name != "inputs" && name != "attributes") || dict.kind != ArgKind::kDict)
        fail(id, "return takes a value, and the dicts inputs= and attributes= of what is written");
      for (uint32_t k = 0; k + 1 < dict.count; k += 2)
        update(id, name, module_.item(dict, k), module_.item(dict, k + 1));
    }
  }

  void update(NodeId id, const std::string& kind, const Arg& key, const Arg& value) {
    const bool text =
        key.kind == ArgKind::kConstant && module_.constants[ConstantId(key.index)].kind == ConstantKind::kStr;
    if (!text || value.kind != ArgKind::kNode) fail(id, "what is written is a name and a value");
    if (kind != "inputs") return;
    const std::string& name = module_.constants[ConstantId(key.index)].text;
    for (NodeId node = module_.first(function_.body); node; node = module_[node].next)
      if (module_.op_of(node) == "placeholder" && module_.names[module_[node].target] == name) return;
    fail(id, "there is no input '" + name + "' to write into");
  }

  void position(NodeId id) {
    const Arg& place = module_.item(module_[id].args, 1);
    if (place.kind != ArgKind::kConstant || module_.constants[ConstantId(place.index)].kind != ConstantKind::kInt)
      fail(id, "tuple.get takes a constant position");
    const Arg& from = module_.item(module_[id].args, 0);
    if (from.kind != ArgKind::kNode) fail(id, "tuple.get takes a value");
    const Type& type = module_.types[module_[NodeId(from.index)].type];
    const int64_t k = module_.constants[ConstantId(place.index)].integer;
    if (type.kind == TypeKind::kTuple && (k < 0 || k >= static_cast<int64_t>(type.items.size())))
      fail(id, "the tuple has " + std::to_string(type.items.size()) + " items, not number " + std::to_string(k));
  }

  void alone(NodeId id, const std::string& name) {
    if (module_[id].target || !module_[id].regions.empty()) fail(id, name + " takes neither @target nor regions");
  }

  void registered(NodeId id, const RegistryOp& op) {
    const Node& node = module_[id];
    alone(id, op.name);
    if (node.args.count > op.nargs)
      fail(id, op.name + " takes " + std::to_string(op.nargs) + " arguments, got " + std::to_string(node.args.count));
    for (uint32_t i = 0; i + 1 < node.keywords.count; i += 2) {
      const std::string& name = module_.constants[ConstantId(module_.item(node.keywords, i).index)].text;
      if (name == "into") {
        if (level_ != Level::kCapture) fail(id, "a write into a tensor is left");
      } else if (const int place = op.argument(name); place < 0) {
        fail(id, op.name + " has no argument '" + name + "'");
      } else if (place < static_cast<int>(node.args.count)) {
        fail(id, op.name + " got argument '" + name + "' twice");
      }
    }
    if (level_ != Level::kCapture && writes_argument(id, op)) fail(id, "a write into an argument is left");
    if (level_ == Level::kCore && op.composite)
      fail(id, op.name + " is written over smaller ops, which are left to it");
  }

  // Whether the call writes into an argument that its schema marks: running statistics, in training.
  bool writes_argument(NodeId id, const RegistryOp& op) const {
    bool marked = false;
    for (uint32_t k = 0; k < op.arguments.size(); ++k) {
      const Arg* arg = given_argument(module_, id, op, k);
      const std::string& name = op.arguments[k].name;
      if (op.arguments[k].type.find('!') != std::string::npos) marked |= arg && arg->kind != ArgKind::kNone;
      if (name != "training" && name != "use_input_stats") continue;
      if (!arg) return false;  // off by default
      const bool known = arg->kind == ArgKind::kConstant;
      if (known && module_.constants[ConstantId(arg->index)].integer == 0) return false;
    }
    return marked;
  }

  void no_objects(NodeId id, const Arg& arg) {
    if (arg.kind == ArgKind::kConstant && module_.constants[ConstantId(arg.index)].kind == ConstantKind::kObject)
      fail(id, "a Python object is left among the arguments");
    if (arg.kind < ArgKind::kList) return;
    for (uint32_t i = 0; i < arg.count; ++i) no_objects(id, module_.item(arg, i));
  }

  const Module& module_;
  const Function& function_;
  Level level_;
  const std::set<std::string>* other_;
};

}  // namespace

void verify(const Module& module, FunctionId function, Level level, const std::set<std::string>* other) {
  Verifier(module, module.function(function), level, other).run();
}

void verify(const Module& module, Level level, const std::set<std::string>* other) {
  for (uint32_t i = 0; i < module.functions().size(); ++i) verify(module, FunctionId(i), level, other);
}

}  // namespace tw::jit
