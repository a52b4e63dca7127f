#include "trace.h"

#include <unordered_map>

#include "../ir/registry.h"
#include "../ir/values.h"

namespace tw::jit {

const char* const kTraceLayer = "tw.trace";
const char* const kPrimitiveTraceLayer = "tw.trace.primitives";

namespace {

uint64_t layer_bit(const char* name) {
  uint32_t slot = 0;
  check(g_host->layer_find(name, &slot));
  return uint64_t{1} << slot;
}
uint64_t bit_of(Depth depth) {
  static const uint64_t calls = layer_bit(kTraceLayer), primitives = layer_bit(kPrimitiveTraceLayer);
  return depth == Depth::kCalls ? calls : primitives;
}

struct Trace {
  ProgramRef program;
  RegionId body;
  Depth depth;
  ObjectRef location, baked;
  std::set<std::string> whole;
  uint64_t outside[2];  // the thread's layer masks where it was opened
  // What stands for each tensor; the tensors are kept, so that none takes another's address.
  std::unordered_map<const tw_tensor*, NodeId> nodes;
  // The same by memory and geometry: autograd keeps a result under a second handle.
  std::unordered_map<std::string, NodeId> by_memory;
  std::unordered_map<const tw_tensor*, std::string> paths;
  std::vector<Tensor> kept;
  uint32_t constants = 0;
  bool inside = false;  // of an op that it records: what that op calls is no node of its own

  Module& module() { return program->module; }
  // Whether calls that pass this layer are its nodes. One that takes ops apart keeps some of them whole.
  bool records(const std::string& op, Depth layer) const {
    return !inside && (depth == layer || (layer == Depth::kCalls && whole.count(op)));
  }
};
thread_local std::vector<std::unique_ptr<Trace>> traces;

Trace& innermost() {
  if (traces.empty()) throw Error(TW_E_UNKNOWN, "no trace is open on this thread");
  return *traces.back();
}

// ---- values -----------------------------------------------------------------------------------------------------

std::string memory_key(TensorRef tensor) {
  std::string key = key_of(tensor.get()->dl.data, tensor.dtype());
  for (const int64_t size : tensor.shape()) key += key_of(size);
  for (const int64_t stride : tensor.strides()) key += key_of(stride);
  return key;
}

void stand_for(Trace& trace, TensorRef tensor, NodeId node) {
  trace.nodes[tensor.get()] = node;
  if (tensor.numel() > 0 && tensor.get()->dl.data) trace.by_memory[memory_key(tensor)] = node;
  trace.kept.push_back(Tensor::retain(tensor));
}

// A tensor that no recorded op made: an attribute of the program.
NodeId attribute(Trace& trace, TensorRef tensor) {
  Module& module = trace.module();
  const auto known = trace.paths.find(tensor.get());
  std::string path;
  if (known != trace.paths.end()) {
    path = known->second;
  } else {
    do path = "constant." + std::to_string(trace.constants++);
    while (trace.program->attributes.count(path));
  }
  trace.program->attributes.emplace(path, Tensor::retain(tensor));
  const NodeId node =
      module.create(trace.body, NodeId(), module.names("get_attr"), {}, type_of(module, to_value(tensor)));
  module.set_target(node, module.names(path));
  module.set_label(node, module.names(path));
  stand_for(trace, tensor, node);
  return node;
}

NodeId node_of(Trace& trace, TensorRef tensor) {
  if (const auto found = trace.nodes.find(tensor.get()); found != trace.nodes.end()) return found->second;
  if (tensor.numel() > 0 && tensor.get()->dl.data && !trace.paths.count(tensor.get()))
    if (const auto found = trace.by_memory.find(memory_key(tensor)); found != trace.by_memory.end())
      return found->second;
  return attribute(trace, tensor);
}

ArgTree argument(Trace& trace, const tw_value& value) {
  ArgTree list(ArgKind::kList, {});
  switch (value.tag) {
    case TW_NONE:
      return {};
    case TW_TENSOR:
      return node_of(trace, value.u.t);
    case TW_TENSORS:
      for (tw_tensor* t : From<TensorList>::get(value))
        list.items.push_back(t ? ArgTree(node_of(trace, t)) : ArgTree());
      return list;
    case TW_INTS:
      for (const int64_t i : From<IntList>::get(value)) list.items.emplace_back(trace.module().constants.integer(i));
      return list;
    case TW_FLOATS:
      for (const double f : From<FloatList>::get(value)) list.items.emplace_back(trace.module().constants.real(f));
      return list;
    case TW_VALUES:
      for (uint32_t i = 0; i < value.aux; ++i)
        list.items.push_back(argument(trace, static_cast<const tw_value*>(value.u.p)[i]));
      return list;
    default:
      return constant_from(*trace.program, value);
  }
}

// ---- places -----------------------------------------------------------------------------------------------------

LocationId location_now(Trace& trace) {
  if (!trace.location) return {};
  Value result;
  call_object(trace.location.get(), {}, result);
  if (result->tag != TW_VALUES || result->aux != 2) return {};
  const auto* items = static_cast<const tw_value*>(result->u.p);
  Location location;
  location.file = text_of(items[0]);
  location.line = static_cast<uint32_t>(items[1].u.i);
  return trace.module().add_location(location);
}

// ---- recording --------------------------------------------------------------------------------------------------

bool is_plumbing(const std::string& name) {
  const std::string_view space = std::string_view(name).substr(0, name.find("::"));
  return space == "jit" || space == "autograd" || space == "transform";
}

struct Pending {
  std::vector<ArgTree> args;
  Keywords keywords;
};

Pending read_call(Trace& trace, const tw_call& call) {
  Pending pending;
  for (uint32_t i = 0; i < call.nargs; ++i) pending.args.push_back(argument(trace, call.args[i]));
  ArgTree targets(ArgKind::kTuple, {});
  bool some = false;
  for (uint32_t i = 0; i < call.nrets; ++i) {
    const bool preset = call.rets[i].tag == TW_TENSOR;
    some |= preset;
    targets.items.push_back(preset ? ArgTree(node_of(trace, call.rets[i].u.t)) : ArgTree());
  }
  if (some) pending.keywords.emplace_back("into", call.nrets == 1 ? targets.items[0] : targets);
  return pending;
}

void give_nodes(Trace& trace, const tw_value& value, NodeId node) {
  Module& module = trace.module();
  if (value.tag == TW_TENSOR) return stand_for(trace, value.u.t, node);
  if (value.tag != TW_TENSORS && value.tag != TW_VALUES) return;
  for (uint32_t i = 0; i < value.aux; ++i) {
    const tw_value part = value.tag == TW_TENSORS ? to_value(TensorRef(static_cast<tw_tensor* const*>(value.u.p)[i]))
                                                  : static_cast<const tw_value*>(value.u.p)[i];
    if (part.tag != TW_TENSOR && part.tag != TW_TENSORS && part.tag != TW_VALUES) continue;
    const NodeId item = module.create(trace.body, NodeId(), module.names("tuple.get"),
                                      {node, module.constants.integer(i)}, type_of(module, part));
    give_nodes(trace, part, item);
  }
}

bool leaves_graph(const tw_value& value) {
  return value.tag == TW_BOOL || value.tag == TW_INT || value.tag == TW_FLOAT || value.tag == TW_COMPLEX;
}

void tell_baked(Trace& trace, std::string_view op) {
  if (!trace.baked) return;
  Value ignored;
  const tw_value name = to_value(op);
  call_object(trace.baked.get(), {&name, 1}, ignored);
}

void write_node(Trace& trace, const tw_call& call, const RegistryOp& op, Pending pending) {
  Module& module = trace.module();
  tw_value all{TW_VALUES, call.nrets, {0}};
  all.u.p = call.rets;
  const tw_value& result = call.nrets == 1 ? call.rets[0] : all;
  const NodeId node = module.create(trace.body, NodeId(), module.names(op.name), std::move(pending.args),
                                    type_of(module, result), std::move(pending.keywords));
  module.set_location(node, location_now(trace));
  give_nodes(trace, result, node);
  if (call.nrets == 1 && leaves_graph(result)) tell_baked(trace, op.name);
}

// Says which mode was switched since the trace was opened: the graph of calls does not hold that.
void tell_modes(Trace& trace) {
  uint64_t now[2];
  check(g_host->tls_get_mask(g_host->tls(), now));
  const uint64_t changed = (now[0] ^ trace.outside[0]) | (now[1] ^ trace.outside[1]);
  if (changed >> TW_L_AUTOCAST & 1) tell_baked(trace, "autocast");
  if (changed >> TW_L_AUTOGRAD & 1) tell_baked(trace, "gradients");
}

void tell_all_baked(std::string_view op) {
  for (const auto& trace : traces)
    if (!trace->inside) tell_baked(*trace, op);
}

// The layers that no trace listens to while these traces are inside of an op.
uint64_t silent_layers() {
  uint64_t heard = 0;
  for (const auto& trace : traces)
    if (!trace->inside) heard |= bit_of(trace->depth) | bit_of(Depth::kCalls);
  return (bit_of(Depth::kCalls) | bit_of(Depth::kPrimitives)) & ~heard;
}

// A call as the traces see it that record it: the innermost, and those around it, whose function runs it too.
class Recorded {
 public:
  Recorded(const tw_call& call, const RegistryOp& op, Depth layer) : call_(call), op_(op) {
    for (const auto& trace : traces)
      if (trace->records(op.name, layer)) listeners_.push_back({trace.get(), {}});
    for (Listener& listener : listeners_) {
      if (listener.trace->depth == Depth::kCalls) tell_modes(*listener.trace);
      listener.pending = read_call(*listener.trace, call);
    }
  }

  bool nobody() const { return listeners_.empty(); }

  void run(tw_call& call) {
    const Inside inside(*this);
    const LayerScope unheard = LayerScope::without(silent_layers());
    check(g_host->redispatch(&call));
  }

  void write() {
    for (Listener& listener : listeners_) write_node(*listener.trace, call_, op_, std::move(listener.pending));
  }

 private:
  struct Listener {
    Trace* trace;
    Pending pending;
  };
  struct Inside {
    explicit Inside(const Recorded& call) : call(call) { set(true); }
    ~Inside() { set(false); }
    void set(bool value) const {
      for (const Listener& listener : call.listeners_) listener.trace->inside = value;
    }
    const Recorded& call;
  };

  const tw_call& call_;
  const RegistryOp& op_;
  std::vector<Listener> listeners_;
};

void record_call(tw_call& call, Depth layer) {
  const RegistryOp& op = registry_op(call.op);
  const bool read = layer == Depth::kCalls && op.name == "tw::contents";  // Python reads elements
  if (read) tell_all_baked("item");
  if (read || is_plumbing(op.name) || (layer == Depth::kPrimitives && op.composite))
    return check(g_host->redispatch(&call));
  Recorded recorded(call, op, layer);
  if (recorded.nobody()) return check(g_host->redispatch(&call));
  recorded.run(call);
  recorded.write();
}

}  // namespace

tw_status TW_CALL record(void* primitives, tw_call* call) {
  return guard([&] { record_call(*call, primitives ? Depth::kPrimitives : Depth::kCalls); });
}

// ---- opening and closing ----------------------------------------------------------------------------------------

void begin_trace(ProgramRef program, FunctionId function, Depth depth, tw_object* location, tw_object* baked,
                 std::set<std::string> whole) {
  auto trace = std::make_unique<Trace>();
  trace->program = std::move(program);
  trace->body = trace->module().function(function).body;
  trace->depth = depth;
  trace->whole = std::move(whole);
  trace->location = ObjectRef::retain(location), trace->baked = ObjectRef::retain(baked);
  tw_tls* tls = g_host->tls();
  check(g_host->tls_get_mask(tls, trace->outside));
  const uint64_t bits = bit_of(depth) | bit_of(Depth::kCalls);  // the layer of calls also sees elements being read
  check(g_host->tls_mask(tls, trace->outside[0] | bits, trace->outside[1] & ~bits, nullptr));
  traces.push_back(std::move(trace));
}

NodeId trace_input(TensorRef tensor, std::string_view name) {
  Trace& trace = innermost();
  Module& module = trace.module();
  const NodeId node =
      module.create(trace.body, NodeId(), module.names("placeholder"), {}, type_of(module, to_value(tensor)));
  module.set_target(node, module.names(name));
  module.set_label(node, module.names(name));
  stand_for(trace, tensor, node);
  return node;
}

void trace_attribute(TensorRef tensor, std::string_view path) {
  Trace& trace = innermost();
  trace.paths.emplace(tensor.get(), std::string(path));
  trace.kept.push_back(Tensor::retain(tensor));
}

ArgTree traced(const tw_value& value) { return argument(innermost(), value); }

void end_trace() {
  Trace& trace = innermost();
  check(g_host->tls_mask(g_host->tls(), trace.outside[0], trace.outside[1], nullptr));
  traces.pop_back();
}

}  // namespace tw::jit
