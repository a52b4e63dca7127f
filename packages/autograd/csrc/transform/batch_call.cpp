#include "batch_call.h"

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
  Results results(call_.nrets);
  std::vector<Tensor> targets(call_.nrets);
  for (uint32_t i = 0; i < call_.nrets; ++i) {
    if (call_.rets[i].tag != TW_TENSOR) continue;
    if (!is_batched(TensorRef(call_.rets[i].u.t))) refuse_outside_write(op_, "vmap");
    // In place: the very tensor that is the argument, so that the op sees that they are one.
    const bool in_place = i == 0 && args.size() > 0 && call_.args[0].tag == TW_TENSOR &&
                          call_.args[0].u.t == call_.rets[0].u.t && args[0].tag == TW_TENSOR;
    targets[i] = in_place ? Tensor::retain(args[0].u.t) : front(call_.rets[i].u.t);
    results.preset(i, targets[i]);
  }
  results.call(op, args);
  for (uint32_t i = 0; i < call_.nrets; ++i) {
    if (!targets[i]) {
      give_replaced(call_, i, results, [&](Tensor t) { return wrap_batch(level_, std::move(t), batch_dim); });
      continue;
    }
    static_cast<void>(results.take_tensor(i));
    g_host->retain(call_.rets[i].u.t);
  }
}

void BatchCall::give_batched(uint32_t i, Tensor physical, int64_t batch_dim) {
  give(&call_.rets[i], wrap_batch(level_, std::move(physical), batch_dim));
}

}  // namespace tw::autograd
