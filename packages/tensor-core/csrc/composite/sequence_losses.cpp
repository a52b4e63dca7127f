#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/loss_sequence.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "composite/loss_reduction.h"
#include "declarations/loss_sequence.h"

namespace tw::composite {

namespace {

Tensor numbers(IntList values) {
  Tensor t = empty({static_cast<int64_t>(values.size())}, kInt64);
  std::copy(values.begin(), values.end(), t.data<int64_t>());
  return t;
}

Tensor one_sample(TensorRef lengths) { return ops::reshape(lengths, {lengths.numel()}); }

}  // namespace

Tensor ctc_loss(TensorRef log_probs, TensorRef targets, TensorRef input_lengths, TensorRef target_lengths,
                int64_t blank, std::string_view reduction, bool zero_infinity) {
  if (log_probs.ndim() == 2) {
    const Tensor loss = ops::ctc_loss(ops::unsqueeze(log_probs, 1), targets, one_sample(input_lengths),
                                      one_sample(target_lengths), blank, reduction, zero_infinity);
    return reduction == "none" ? ops::squeeze(loss) : loss;
  }
  Tensor losses = ops::ctc_loss_forward(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity);
  if (reduction == "mean") losses = ops::div(losses, ops::to_dtype(ops::clamp_min(target_lengths, 1), losses.dtype()));
  return reduced(std::move(losses), reduction);
}

Tensor ctc_loss_lengths(TensorRef log_probs, TensorRef targets, IntList input_lengths, IntList target_lengths,
                        int64_t blank, std::string_view reduction, bool zero_infinity) {
  return ops::ctc_loss(log_probs, targets, numbers(input_lengths), numbers(target_lengths), blank, reduction,
                       zero_infinity);
}

}  // namespace tw::composite
