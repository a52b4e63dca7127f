#include "accumulate.h"

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include "meta.h"
#include "tensor_ops.h"

namespace tw::autograd {
namespace {

constexpr uint64_t kFirst = ~uint64_t{0};

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(Tensor leaf) : Node(1, kFirst), leaf_(std::move(leaf)) {}

  ~AccumulateGrad() override {
    GradState& state = meta_of(leaf_.get())->make_state();
    std::lock_guard<std::mutex> lock(state.mutex);
    if (state.accumulator == this) state.accumulator = nullptr;
  }

  const char* name() const override { return "AccumulateGrad"; }
  tw_tensor* leaf() const override { return leaf_.get(); }

  void apply(Tensor* grads, Tensor*, const PassOptions& options) override {
    accumulate_grad(leaf_.get(), std::move(grads[0]), options.create_graph);
    run_accumulate_hooks(leaf_.get());
  }

 private:
  Tensor leaf_;
};

// Whether a gradient may become `.grad` as it is: nobody else sees its memory.
bool can_keep(TensorRef grad) {
  return grad.is_contiguous() && !(grad.get()->flags & (TW_F_VIEW | TW_F_READONLY)) && is_unique(grad);
}

}  // namespace

NodeRef make_accumulator(Tensor leaf) { return NodeRef::steal(make_node<AccumulateGrad>(0, 0, std::move(leaf))); }

void accumulate_grad(tw_tensor* t, Tensor grad, bool create_graph) {
  if (grad.dtype() != t->dl.dtype) grad = cast(grad, t->dl.dtype);
  GradState& state = make_meta(t).make_state();
  Tensor dropped;
  std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.grad) {
    state.grad = create_graph || can_keep(grad) ? std::move(grad) : ops::clone(grad);
  } else if (create_graph || requires_grad(state.grad.get())) {
    dropped = std::exchange(state.grad, ops::add(state.grad, grad));
  } else {
    ops::add_(state.grad, grad);
  }
}

void run_accumulate_hooks(tw_tensor* t) {
  const std::shared_ptr<HookList> hooks = leaf_hooks(t, &GradState::accumulate_hooks);
  if (!hooks) return;
  for (const ObjectRef& hook : hooks->snapshot()) {
    const tw_value args[] = {to_value(TensorRef(t))};
    Value ignored;
    call_object(hook.get(), {args, 1}, ignored);
  }
}

}  // namespace tw::autograd
