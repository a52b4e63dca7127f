// Ops written over others become those: what they call is recorded while they run on tensors without data, which lie in
// memory as the program's do. One that needs data, or whose arguments' sizes are not known, stays.
#include <set>

#include "../trace/trace.h"
#include "aliases.h"
#include "pass.h"

namespace tw::jit {
namespace {

constexpr tw_device kHere{TW_DEVICE_CPU, 0};

class Decomposer {
 public:
  explicit Decomposer(Editor& edit) : edit_(edit), module_(edit.module), aliases_(edit) {}

  int64_t run() {
    const std::vector<Function> functions = module_.functions();
    for (const Function& function : functions) aliases_.learn(function.body);
    int64_t count = 0;
    for (const Function& function : functions)
      edit_.each_node_in(function.body, [&](NodeId node) { count += composite(node) && known(node) && replace(node); });
    return count;
  }

 private:
  bool composite(NodeId node) {
    const OpFacts* facts = edit_.facts(node);
    return facts && facts->op->composite && !edit_.draws(node) && !edit_.writes(node);
  }

  // Whether all tensors that it takes have known sizes, and numbers are constants.
  bool known(NodeId node) const {
    bool all = true;
    module_.each_operand(node,
                         [&](NodeId operand) { all &= edit_.sizes(operand).has_value() && edit_.type(operand).dtype; });
    return all;
  }

  bool replace(NodeId node) {
    const std::string name = "decomposed." + std::to_string(node.index);
    if (module_.function_named(name)) return false;
    const FunctionId scratch = module_.add_function(name);
    const size_t attributes = edit_.program.attributes.size();
    std::unordered_map<NodeId, ArgTree> values;
    const bool recorded = record(node, scratch, values) && edit_.program.attributes.size() == attributes;
    const RegionId body = module_.function(scratch).body;
    if (recorded) {
      functionalise_function(edit_, scratch);
      const NodeId before = module_[node].prev;
      const std::vector<ArgTree> result = edit_.copy_body(body, node, values);
      const NodeId first = before ? module_.next(before) : module_.first(module_[node].parent);
      aliases_.learn(first, node);  // what uses the op's results finds these nodes in its place
      settle(first, node);
      edit_.substitute(node, result[0]);
    }
    drop_new_attributes();
    module_.drop_function(scratch);
    return recorded;
  }

  // Runs the op while a trace writes into the scratch function; `values` is told what stands for its parameters.
  bool record(NodeId node, FunctionId scratch, std::unordered_map<NodeId, ArgTree>& values) {
    const RegistryOp& op = *edit_.facts(node)->op;
    const LayerScope bare(0, ~uint64_t{0});
    for (const auto& entry : edit_.program.attributes) known_.insert(entry.first);
    begin_trace(ProgramRef(&edit_.program, [](Program*) {}), scratch, Depth::kPrimitives, nullptr, nullptr);
    try {
      CallArguments args(op);
      CallResults results(op.nrets);
      for (uint32_t k = 0; k < op.nargs; ++k)
        if (const auto arg = edit_.argument(node, k)) args.set(k, given(*arg, values));
      results.call(op.op, args.data(), args.count());
      const Shared result = results.take();
      const ArgTree value = traced(result->get());
      end_trace();
      edit_.create_in(module_.function(scratch).body, "return", {value}, module_.types.simple(TypeKind::kNone));
      return true;
    } catch (const PendingError&) {
      forget_error();
    } catch (const Error&) {
    }
    end_trace();
    return false;
  }

  Shared given(const ArgTree& arg, std::unordered_map<NodeId, ArgTree>& values) {
    auto value = std::make_shared<Value>();
    if (arg.kind == ArgKind::kConstant) {
      retain_into(constant_value(edit_.program, ConstantId(arg.index)), &*value);
      if (edit_.constant(arg)->kind == ConstantKind::kDevice) *&*value = to_value(tw_device{TW_DEVICE_META, 0});
    } else if (arg.kind == ArgKind::kNode) {
      auto tensor = aliases_.like(NodeId(arg.index));
      if (!tensor) throw Error(TW_E_VALUE, "an argument's size is not known");
      values[trace_input(*tensor, "x" + std::to_string(values.size()))] = arg;
      give(&*value, std::move(*tensor));
    } else if (arg.kind >= ArgKind::kList) {
      check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(arg.items.size()), &*value));
      for (size_t i = 0; i < arg.items.size(); ++i)
        retain_into(given(arg.items[i], values)->get(), static_cast<tw_value*>((*value)->u.p) + i);
    }
    return value;
  }

  // The nodes copied are meant for tensors with data: types and device arguments say so.
  void settle(NodeId from, NodeId to) {
    for (NodeId node = from; node != to; node = module_[node].next) {
      module_.set_type(node, here(module_[node].type));
      if (module_[to].location) module_.set_location(node, module_[to].location);
      std::vector<ArgTree> args = module_.args(node);
      for (ArgTree& arg : args)
        if (const Constant* c = edit_.constant(arg); c && c->kind == ConstantKind::kDevice)
          arg = module_.constants({ConstantKind::kDevice, 0, 0, 0, {}, {}, kHere});
      module_.set_args(node, std::move(args));
    }
  }

  TypeId here(TypeId id) {
    Type type = module_.types[id];
    for (TypeId& item : type.items) item = here(item);
    if (type.kind == TypeKind::kTensor) type.device = kHere;
    return module_.types.intern(type);
  }

  // What the op made of no argument has no data, and is no attribute.
  void drop_new_attributes() {
    auto& attributes = edit_.program.attributes;
    for (auto entry = attributes.begin(); entry != attributes.end();)
      entry = known_.count(entry->first) ? std::next(entry) : attributes.erase(entry);
  }

  Editor& edit_;
  Module& module_;
  Aliases aliases_;
  std::set<std::string> known_;
};

}  // namespace

int64_t decompose(Editor& edit, const PassOptions&) { return Decomposer(edit).run(); }

}  // namespace tw::jit
