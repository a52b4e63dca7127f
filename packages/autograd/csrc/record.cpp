// Recording: what happens between the autograd layer and the kernel when an argument requires grad.
#include <tensorwright/ops/copy.hpp>

#include "anomaly.h"
#include "derivative.h"
#include "meta.h"
#include "op_node.h"
#include "strided.h"
#include "tensor_ops.h"
#include "text.h"

namespace tw::autograd {
namespace {

bool list_requires_grad(TensorList tensors) {
  for (tw_tensor* t : tensors)
    if (t && requires_grad(t)) return true;
  return false;
}

// Bits of the inputs that require grad.
uint64_t find_needed(const Derivative& derivative, const tw_call& call) {
  uint64_t needed = 0;
  for (uint32_t i = 0; i < derivative.input_count; ++i) {
    const tw_value& value = call.args[derivative.inputs[i].arg];
    const bool wanted = value.tag == TW_TENSOR    ? requires_grad(value.u.t)
                        : value.tag == TW_TENSORS ? list_requires_grad(From<TensorList>::get(value))
                                                  : false;
    needed |= uint64_t{wanted} << i;
  }
  return needed;
}

void run_below(const Derivative& derivative, tw_call& call) {
  if (!(derivative.flags & kMayRunOps)) return check(g_host->redispatch(&call));
  const LayerScope scope = LayerScope::without(kLayerBit);
  check(g_host->redispatch(&call));
}

// What a call below has given is dropped unless recording it succeeds: a hook may refuse to pack what is saved.
class Results {
 public:
  explicit Results(tw_call& call) : call_(call) {}
  Results(const Results&) = delete;
  ~Results() {
    for (uint32_t i = 0; !kept_ && i < call_.nrets; ++i) g_host->value_clear(&call_.rets[i]);
  }
  void keep() { kept_ = true; }

 private:
  tw_call& call_;
  bool kept_ = false;
};

bool gives_out(const tw_call& call) {
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag != TW_NONE) return true;
  return false;
}

[[noreturn]] void refuse_out(const Derivative& derivative) {
  throw Error(TW_E_UNSUPPORTED, text(short_name(derivative.op),
                                     ": out= does not support automatic differentiation, and an argument "
                                     "requires grad; leave out= away, or call it under no_grad"));
}

void refuse_leaf(const Derivative& derivative, TensorRef target, TensorRef base) {
  const auto is_needed_leaf = [](TensorRef t) {
    const Meta* meta = tracked(t.get());
    return meta && !meta->history.node;
  };
  if (!is_needed_leaf(base)) return;
  const char* what = target.get() == base.get() ? "a leaf that requires grad" : "a view of a leaf that requires grad";
  throw Error(TW_E_UNKNOWN,
              text(short_name(derivative.op), "_: self is ", what,
                   " and cannot be written in place while gradients are recorded; use no_grad, or write to a clone"));
}

void connect(OpNode& node, const tw_call& call, uint64_t needed) {
  const Derivative& derivative = node.derivative();
  for (uint32_t i = 0; i < derivative.input_count; ++i) {
    if (!(needed >> i & 1)) continue;
    const tw_value& value = call.args[derivative.inputs[i].arg];
    if (value.tag == TW_TENSOR) {
      node.set_edge(i, gradient_edge(value.u.t));
    } else {
      const TensorList tensors = From<TensorList>::get(value);
      for (uint32_t j = 0; j < tensors.size(); ++j) node.set_edge(node.first_edge(i) + j, gradient_edge(tensors[j]));
    }
  }
}

// Whether the formulas in `needed` read the argument that the op overwrites.
bool reads_written(const Derivative& derivative, const tw_call& call, TensorRef target, uint64_t needed) {
  for (uint32_t i = 0; i < derivative.save_count; ++i) {
    const SaveRule& rule = derivative.saves[i];
    if (rule.kind == SaveKind::kArgument && (rule.wanted_by & needed) && call.args[rule.index].tag == TW_TENSOR &&
        call.args[rule.index].u.t == target.get())
      return true;
  }
  return false;
}

// The result of a view op is a view, unless the op had to copy or handed its argument back.
void set_result_history(const Derivative& derivative, const tw_call& call, tw_tensor* result, const NodeRef& node,
                        uint32_t slot) {
  if (!result || !carries_gradient(TensorRef(result).dtype())) return;
  if (!(derivative.flags & kIsView)) return set_history(result, node, slot);
  tw_tensor* source = call.args[derivative.inputs[0].arg].u.t;
  if (result == source) return;
  if ((result->flags & TW_F_VIEW) && share_storage(result, source))
    set_view_history(result, node, slot, base_of(source));
  else
    set_history(result, node, slot);
}

void set_histories(const Derivative& derivative, const tw_call& call, const NodeRef& node) {
  if (call.nrets == 1 && call.rets[0].tag == TW_TENSORS) {
    const TensorList list = From<TensorList>::get(call.rets[0]);
    node->set_output_count(static_cast<uint32_t>(list.size()));
    for (uint32_t i = 0; i < list.size(); ++i) set_result_history(derivative, call, list[i], node, i);
    return;
  }
  for (uint32_t i = 0; i < call.nrets; ++i)
    if ((derivative.differentiable_results >> i & 1) && call.rets[i].tag == TW_TENSOR)
      set_result_history(derivative, call, call.rets[i].u.t, node, i);
}

NodeRef make_recorded(const Derivative& derivative, const tw_call& call, uint64_t needed, TensorRef original) {
  OpNode* node = OpNode::make(derivative, call);
  NodeRef owned = NodeRef::steal(node);
  connect(*node, call, needed);
  node->save_arguments(call, needed, original);
  if (anomaly_enabled()) note_forward_trace(*node);
  return owned;
}

void record_result(const Derivative& derivative, tw_call& call, uint64_t needed) {
  NodeRef node = make_recorded(derivative, call, needed, nullptr);
  run_below(derivative, call);
  Results results(call);
  static_cast<OpNode*>(node.get())->save_results(call, needed);
  set_histories(derivative, call, node);
  results.keep();
}

void note_write(const Derivative& derivative, TensorRef t) {
  Meta& meta = make_meta(t.get());
  meta.last_in_place = derivative.op;
  meta.last_in_place_version = version_of(t.get());
}

// x.mul_(y) overwrites x. After x.transpose_(0, 1), which overwrites nothing, x is a view of what it was, or another
// view of its base.
void record_in_place(const Derivative& derivative, tw_call& call, uint64_t needed, TensorRef target) {
  const bool is_view = derivative.flags & kIsView;
  const Tensor base = base_of(target.get());
  refuse_leaf(derivative, target, base);
  Tensor original;
  if (!is_view && reads_written(derivative, call, target, needed))
    original = ops::clone(target);  // recorded: it is differentiated again
  NodeRef node = make_recorded(derivative, call, needed, original);
  run_below(derivative, call);
  Results results(call);
  static_cast<OpNode*>(node.get())->save_results(call, needed);
  if (base.get() == target.get())
    set_history(target.get(), node, 0);
  else if (is_view)
    set_view_history(target.get(), node, 0, base);
  else
    rebase_view(target.get(), base, std::move(node));
  note_write(derivative, target);
  if (base.get() != target.get()) note_write(derivative, base);
  results.keep();
}

void forget_results(tw_call& call) {
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag == TW_TENSOR)
      check(g_host->set_layers(call.rets[i].u.t, call.rets[i].u.t->layers & ~kLayerBit));
}

void record_call(const Derivative& derivative, tw_call& call) {
  const TensorRef target = written_tensor(derivative, call);
  const uint64_t needed = find_needed(derivative, call);
  const bool recorded = target ? (needed || requires_grad(target.get())) && carries_gradient(target.dtype())
                               : needed && !(derivative.flags & kNoDerivative);
  if (!recorded) return check(g_host->redispatch(&call));
  if (target) return record_in_place(derivative, call, needed, target);
  if (gives_out(call)) refuse_out(derivative);
  if (derivative.flags & kDetaches) return run_below(derivative, call), forget_results(call);
  record_result(derivative, call, needed);
}

}  // namespace

tw_status TW_CALL record(void* self, tw_call* call) {
  return guard([&] { record_call(*static_cast<const Derivative*>(self), *call); });
}

}  // namespace tw::autograd
