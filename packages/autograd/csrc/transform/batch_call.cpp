#include "batch_call.h"

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/views.hpp>

#include "interpret.h"

namespace tw::autograd {

bool BatchCall::is_batched(uint32_t arg) const {
  const tw_value& value = call_.args[arg];
  if (value.tag == TW_TENSOR) return is_batched(TensorRef(value.u.t));
  bool found = false;
  if (value.tag == TW_TENSORS)
    for (tw_tensor* t : From<TensorList>::get(value)) found |= is_batched(TensorRef(t));
  return found;
}

Tensor BatchCall::front(TensorRef t) const {
  const Wrapped* wrapped = wrapped_for(t.get(), *level_);
  if (!wrapped) return Tensor::retain(t);
  if (wrapped->batch_dim == 0) return wrapped->value;
  std::vector<int64_t> order{wrapped->batch_dim};
  for (int64_t d = 0; d < wrapped->value.ndim(); ++d)
    if (d != wrapped->batch_dim) order.push_back(d);
  return ops::permute(wrapped->value, order);
}

Tensor BatchCall::repeated(TensorRef t) const {
  if (is_batched(t)) return front(t);
  std::vector<int64_t> shape = t.shape().vec();
  shape.insert(shape.begin(), batch_size());
  return ops::expand(t, shape);
}

void BatchCall::run(const tw_op* op, const Arguments& args, int64_t batch_dim) {
  const auto target = [&](TensorRef t, uint32_t i) {
    if (!is_batched(t)) refuse_outside_write(op_, "vmap");
    // In place: the very tensor that is the argument, so that the op sees that they are one.
    const bool in_place = i == 0 && args.size() > 0 && tensor(0).get() == t.get() && args.tensor(0);
    return in_place ? Tensor::retain(args.tensor(0)) : front(t);
  };
  call_below(call_, op, args, target, [&](Tensor t) { return wrap_batch(level_, std::move(t), batch_dim); });
}

void BatchCall::give_batched(uint32_t i, Tensor physical, int64_t batch_dim) {
  give_logical(i, wrap_batch(level_, std::move(physical), batch_dim));
}

void BatchCall::give_logical(uint32_t i, Tensor logical) {
  if (call_.rets[i].tag != TW_TENSOR) return give(&call_.rets[i], std::move(logical));
  const TensorRef target(call_.rets[i].u.t);
  if (!is_batched(target)) refuse_outside_write(op_, "vmap");
  ops::copy_(target, logical);
  g_host->retain(target.get());
}

}  // namespace tw::autograd
