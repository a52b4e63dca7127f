#include "ops.h"

#include <tensorwright/boxed.hpp>
#include "anomaly.h"
#include "engine.h"
#include "function_node.h"
#include "kept_results.h"
#include "meta.h"
#include "node_object.h"
#include "saved_hooks.h"
#include "strided.h"
#include "tensor_ops.h"
#include "text.h"

namespace tw::autograd {
namespace {

// ---- attributes of tensors --------------------------------------------------------------------------------

bool get_requires_grad(TensorRef self) { return requires_grad(self.get()); }
void put_requires_grad(TensorRef self, bool value) { set_requires_grad(self.get(), value); }
Tensor requires_grad_(TensorRef self, bool value) {
  set_requires_grad(self.get(), value);
  return Tensor::retain(self);
}
bool get_is_leaf(TensorRef self) { return is_leaf(self.get()); }
Tensor get_grad(TensorRef self) { return grad_of(self.get()); }
void put_grad(TensorRef self, TensorRef grad) { set_grad(self.get(), grad); }
int64_t output_nr(TensorRef self) {
  const Meta* meta = tracked(self.get());
  return meta ? meta->history.slot : 0;
}
ObjectRef grad_fn(TensorRef self) {
  const Meta* meta = tracked(self.get());
  return meta && meta->history.node ? object_of_node(meta->history.node) : ObjectRef();
}
void keep_grad(TensorRef self) { retain_grad(self.get()); }
bool retains_grad(TensorRef self) {
  const Meta* meta = tracked(self.get());
  return meta && meta->retains_grad;
}
Tensor detach_(TensorRef self) {
  Meta* meta = tracked(self.get());
  if (meta && meta->base)
    throw Error(TW_E_UNKNOWN,
                "detach_: self is a view of a tensor with history and cannot be detached in place; use detach()");
  forget_history(self.get());
  return Tensor::retain(self);
}

// ---- hooks --------------------------------------------------------------------------------------------------

ObjectRef register_hook(TensorRef self, tw_object* hook) {
  Meta* meta = tracked(self.get());
  if (!meta) throw Error(TW_E_UNKNOWN, "register_hook: the tensor does not require grad");
  if (!meta->history.node) return ObjectRef::steal(add_leaf_hook(*meta, &GradState::hooks, hook));
  NodeExtras& extras = meta->history.node->make_extras();
  std::lock_guard<std::mutex> lock(extras.mutex);
  for (auto& entry : extras.tensor_hooks)
    if (entry.slot == meta->history.slot) return ObjectRef::steal(HookList::add(entry.hooks, hook));
  extras.tensor_hooks.push_back({meta->history.slot, nullptr});
  return ObjectRef::steal(HookList::add(extras.tensor_hooks.back().hooks, hook));
}

ObjectRef register_accumulate_hook(TensorRef self, tw_object* hook) {
  Meta* meta = tracked(self.get());
  if (!meta || meta->history.node)
    throw Error(TW_E_UNKNOWN, "register_post_accumulate_grad_hook: only leaves that require grad accumulate gradients");
  return ObjectRef::steal(add_leaf_hook(*meta, &GradState::accumulate_hooks, hook));
}

// ---- passes ---------------------------------------------------------------------------------------------------

std::vector<TensorRef> refs(TensorList tensors) { return {tensors.begin(), tensors.end()}; }

PassRequest request(const char* caller, TensorList roots, TensorList seeds, TensorList inputs, bool retain_graph,
                    bool create_graph) {
  if (!seeds.empty() && seeds.size() != roots.size())
    throw Error(TW_E_VALUE, text(caller, ": ", roots.size(), " tensors but ", seeds.size(), " gradients"));
  PassRequest made;
  made.caller = caller;
  made.roots = refs(roots), made.seeds = refs(seeds), made.inputs = refs(inputs);
  made.options.keep_graph = retain_graph, made.options.create_graph = create_graph;
  return made;
}

void backward(TensorList tensors, TensorList grad_tensors, TensorList inputs, bool retain_graph, bool create_graph) {
  run_backward(request("backward", tensors, grad_tensors, inputs, retain_graph, create_graph));
}

// The common case, without any list: loss.backward().
void backward_one(TensorRef self, TensorRef gradient, bool retain_graph, bool create_graph) {
  PassRequest made;
  made.roots.push_back(self), made.seeds.push_back(gradient);
  made.options.keep_graph = retain_graph, made.options.create_graph = create_graph;
  run_backward(made);
}

std::vector<Tensor> grad(TensorList outputs, TensorList inputs, TensorList grad_outputs, bool retain_graph,
                         bool create_graph) {
  return run_grad(request("grad", outputs, grad_outputs, inputs, retain_graph, create_graph));
}

void queue_callback(tw_object* callback) { call_at_end_of_pass(callback); }

// ---- the graph ------------------------------------------------------------------------------------------------

ObjectRef gradient_node(TensorRef self) {
  const Edge edge = gradient_edge(self.get());
  if (!edge.node) throw Error(TW_E_UNKNOWN, "get_gradient_edge: the tensor does not require grad");
  return object_of_node(edge.node);
}

// Stands for the result `slot` of a node: a tensor of the result's shape over one element, with its history.
Tensor edge_tensor(tw_object* node, int64_t slot, IntList shape, tw_dtype dtype) {
  Node& owner = node_of_object(node, "GradientEdge");
  if (slot < 0 || slot >= owner.output_count())
    throw Error(TW_E_VALUE, text("GradientEdge: ", owner.name(), " has ", owner.output_count(),
                                 " results, there is no number ", slot));
  const Tensor element = zeros({}, dtype, {TW_DEVICE_CPU, 0});
  const std::vector<int64_t> strides(shape.size(), 0);
  tw_tensor* made = nullptr;
  check(g_host->as_strided(element.get(), shape.data(), strides.data(), static_cast<int32_t>(shape.size()), 0, &made));
  Tensor tensor = Tensor::steal(made);
  set_history(made, NodeRef::retain(&owner), static_cast<uint32_t>(slot));
  return tensor;
}

bool will_run(tw_object* node) { return pass_reaches(node_of_object(node, "will_run")); }
void bump_version(TensorRef self) { check(g_host->bump_version(self.get())); }

// (node, slot, dtype, shape) of every result that a pass reaches.
void give_row(const ResultShape& found, tw_value* row) {
  check(g_host->list_new(TW_VALUES, 4, row));
  auto* items = static_cast<tw_value*>(row->u.p);
  items[0] = to_value(object_of_node(found.node).release());
  items[1] = to_value(int64_t{found.slot});
  items[2] = to_value(found.dtype);
  give(&items[3], IntList(found.shape));
}

tw_status TW_CALL shapes_of_results(void*, tw_call* call) {
  return guard([&] {
    const std::vector<ResultShape> found = result_shapes(From<TensorRef>::get(call->args[0]));
    Value rows;
    check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(found.size()), &rows));
    for (size_t i = 0; i < found.size(); ++i) give_row(found[i], static_cast<tw_value*>(rows->u.p) + i);
    call->rets[0] = rows.release();
  });
}

// ---- functions, anomaly mode --------------------------------------------------------------------------------

std::vector<Tensor> function(tw_object* backward, std::string_view name, TensorList inputs, TensorList outputs,
                             TensorList saved, TensorList dirty, TensorList constant, bool materialize) {
  return record_function({backward, name, inputs, outputs, saved, dirty, constant, materialize});
}

ObjectRef put_keeper(tw_object* keeper) { return exchange_keeper(keeper); }

void put_anomaly(tw_object* tracer, bool check_nan) { set_anomaly(tracer, check_nan); }
bool get_anomaly() { return anomaly_enabled(); }
std::string failure_trace() { return last_failure_trace(); }
int64_t get_version(TensorRef self) { return static_cast<int64_t>(version_of(self.get())); }

template <auto F>
constexpr tw_op_def op(const char* schema, const char* tags = "composite") {
  return {sizeof(tw_op_def), 0, schema, tags, nullptr, boxed<F>, nullptr};
}

}  // namespace

// "blocking": the binding gives the interpreter lock back while the op runs.
const tw_op_def kOps[] = {
    op<get_requires_grad>("autograd::requires_grad(Tensor self) -> bool"),
    op<put_requires_grad>("autograd::set_requires_grad(Tensor self, bool value) -> ()"),
    op<requires_grad_>("autograd::requires_grad_(Tensor self, bool requires_grad=True) -> Tensor"),
    op<get_is_leaf>("autograd::is_leaf(Tensor self) -> bool"),
    op<get_grad>("autograd::grad_of(Tensor self) -> Tensor"),
    op<put_grad>("autograd::set_grad(Tensor self, Tensor? grad) -> ()"),
    op<output_nr>("autograd::output_nr(Tensor self) -> int"),
    op<grad_fn>("autograd::grad_fn(Tensor self) -> Object"),
    op<keep_grad>("autograd::retain_grad(Tensor self) -> ()"),
    op<retains_grad>("autograd::retains_grad(Tensor self) -> bool"),
    op<detach_>("autograd::detach_(Tensor self) -> Tensor"),
    op<get_version>("autograd::version(Tensor self) -> int"),
    op<register_hook>("autograd::register_hook(Tensor self, Object hook) -> Object"),
    op<register_accumulate_hook>("autograd::register_post_accumulate_grad_hook(Tensor self, Object hook) -> Object"),
    op<backward>(
        "autograd::backward(Tensor[] tensors, Tensor?[] grad_tensors, Tensor[] inputs, bool retain_graph=False, "
        "bool create_graph=False) -> ()",
        "composite,blocking"),
    op<backward_one>("autograd::backward_one(Tensor self, Tensor? gradient=None, bool retain_graph=False, bool "
                     "create_graph=False) -> ()",
                     "composite,blocking"),
    op<grad>("autograd::grad(Tensor[] outputs, Tensor[] inputs, Tensor?[] grad_outputs, bool retain_graph=False, "
             "bool create_graph=False) -> Tensor[]",
             "composite,blocking"),
    op<queue_callback>("autograd::queue_callback(Object callback) -> ()"),
    op<function>("autograd::function(Object backward, str name, Tensor[] inputs, Tensor[] outputs, Tensor?[] saved, "
                 "Tensor[] dirty, "
                 "Tensor[] constant, bool materialize=True) -> Tensor[]"),
    op<put_keeper>("autograd::exchange_keeper(Object? keeper) -> Object"),
    op<put_anomaly>("autograd::set_anomaly(Object? tracer, bool check_nan=True) -> ()"),
    op<get_anomaly>("autograd::anomaly_enabled() -> bool"),
    op<push_saved_hooks>("autograd::push_saved_hooks(Object pack, Object unpack) -> ()"),
    op<pop_saved_hooks>("autograd::pop_saved_hooks() -> ()"),
    op<saved_hooks_depth>("autograd::saved_hooks_depth() -> int"),
    op<gradient_node>("autograd::gradient_node(Tensor self) -> Object"),
    op<edge_tensor>("autograd::edge_tensor(Object node, int slot, int[] shape, dtype dtype) -> Tensor"),
    op<current_pass_number>("autograd::current_pass() -> int"),
    op<will_run>("autograd::will_run(Object node) -> bool"),
    op<bump_version>("autograd::bump_version(Tensor self) -> ()"),
    op<set_metadata_factory>("autograd::set_metadata_factory(Object factory) -> ()"),
    {sizeof(tw_op_def), 0, "autograd::result_shapes(Tensor self) -> Object", "composite", nullptr, shapes_of_results,
     nullptr},
    op<failure_trace>("autograd::failure_trace() -> str"),
};
const uint32_t kOpCount = sizeof kOps / sizeof kOps[0];

}  // namespace tw::autograd
