#include <tensorwright/checked.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/embedding.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include "formulas.h"

namespace tw::autograd {

namespace {

int64_t padding_row(std::optional<int64_t> padding_idx, int64_t rows) {
  return !padding_idx ? -1 : *padding_idx < 0 ? checked::add(*padding_idx, rows) : *padding_idx;
}

// Each element of a bag's gradient goes to the row that it was taken from; an empty bag's go nowhere.
Tensor max_backward(TensorRef grad, TensorRef weight, TensorRef max_indices) {
  const Tensor counted = ops::ge(max_indices, 0);
  return ops::scatter_add(zeros_like(weight), 0, ops::clamp_min(max_indices, 0), ops::where(counted, grad, 0.0));
}

}  // namespace

Tensor embedding_bag_backward(TensorRef grad, TensorRef weight, TensorRef indices, TensorRef offset2bag,
                              TensorRef bag_size, TensorRef max_indices, bool scale_grad_by_freq, int64_t mode,
                              TensorRef per_sample_weights, std::optional<int64_t> padding_idx) {
  const int64_t rows = weight.size(0);
  if (indices.numel() == 0) return zeros_like(weight);
  if (mode == 2) return max_backward(grad, weight, max_indices);
  const Tensor of_bags = mode == 1 ? ops::div(grad, ops::unsqueeze(cast(ops::clamp_min(bag_size, 1), grad.dtype()), -1))
                                   : Tensor::retain(grad);
  Tensor of_indices = ops::index_select(of_bags, 0, offset2bag);
  if (per_sample_weights) of_indices = ops::mul(of_indices, ops::unsqueeze(per_sample_weights, -1));
  return ops::embedding_backward(of_indices, indices, rows, padding_row(padding_idx, rows), scale_grad_by_freq);
}

Tensor embedding_bag_backward_samples(TensorRef grad, TensorRef weight, TensorRef indices, TensorRef offset2bag,
                                      std::optional<int64_t> padding_idx) {
  const int64_t last[] = {-1};
  const Tensor products =
      ops::mul(ops::index_select(grad, 0, offset2bag), ops::index_select(weight, 0, ops::to_dtype(indices, kInt64)));
  Tensor sums = ops::sum(products, IntList(last, 1));
  if (!padding_idx) return sums;
  return ops::masked_fill(sums, ops::eq(indices, padding_row(padding_idx, weight.size(0))), 0.0);
}

}  // namespace tw::autograd
