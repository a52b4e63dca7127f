#include <tensorwright/ops/attention.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>
#include <limits>

#include "declarations/attention.h"

namespace tw::composite {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// What is added to the scores.
Tensor additive(TensorRef mask, TensorRef like) {
  if (!mask || mask.dtype() != kBool) return mask ? Tensor::retain(mask) : Tensor();
  const Tensor zero = ops::zeros({}, like.dtype(), like.device());
  return ops::where(mask, zero, kNever);
}

struct Operands {
  Tensor query, key, value;
};

std::vector<int64_t> common_batch(std::initializer_list<TensorRef> tensors) {
  std::vector<int64_t> batch;
  for (TensorRef t : tensors)
    for (int d = 3; d <= t.ndim(); ++d) {
      if (static_cast<int>(batch.size()) < d - 2) batch.insert(batch.begin(), 1);
      int64_t& size = batch[batch.size() - static_cast<size_t>(d - 2)];
      if (size == 1) size = t.size(-d);
    }
  return batch;
}

Tensor with_batch(TensorRef t, std::vector<int64_t> batch) {
  batch.push_back(t.size(-2)), batch.push_back(t.size(-1));
  return batch == t.shape().vec() ? Tensor::retain(t) : ops::broadcast_to(t, batch);
}

// One batch for all three, of at least one dimension.
Operands aligned(TensorRef query, TensorRef key, TensorRef value, bool grouped) {
  if (grouped) return {Tensor::retain(query), Tensor::retain(key), Tensor::retain(value)};
  std::vector<int64_t> batch = common_batch({query, key, value});
  if (batch.empty()) batch.push_back(1);
  return {with_batch(query, batch), with_batch(key, batch), with_batch(value, batch)};
}

Tensor repeat_heads(TensorRef t, int64_t heads) {
  return t.size(-3) == heads ? Tensor::retain(t) : ops::repeat_interleave(t, heads / t.size(-3), -3);
}

// With the matrix of probabilities, of which some are dropped.
Tensor with_dropout(const Operands& o, TensorRef bias, double dropout_p, bool is_causal, double scale) {
  const int64_t heads = o.query.size(-3);
  Tensor scores = ops::matmul(ops::mul(o.query, scale), ops::transpose(repeat_heads(o.key, heads), -2, -1));
  if (bias) scores = ops::add(scores, bias);
  if (is_causal) {
    const Tensor allowed = ops::tril(ops::ones({scores.size(-2), scores.size(-1)}, kBool, scores.device()));
    scores = ops::where(allowed, scores, kNever);
  }
  return ops::matmul(ops::dropout(ops::_safe_softmax(scores, -1), dropout_p, true), repeat_heads(o.value, heads));
}

}  // namespace

Tensor scaled_dot_product_attention(TensorRef query, TensorRef key, TensorRef value, TensorRef attn_mask,
                                    double dropout_p, bool is_causal, std::optional<double> scale, bool enable_gqa) {
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
  const Operands o = aligned(query, key, value, enable_gqa);
  const Tensor bias = additive(attn_mask, query);
  const Tensor result = dropout_p > 0 ? with_dropout(o, bias, dropout_p, is_causal, factor)
                                      : std::get<0>(ops::attention(o.query, o.key, o.value, bias, is_causal, factor));
  const bool plain = query.ndim() == 2 && key.ndim() == 2 && value.ndim() == 2;
  return plain ? ops::reshape(result, {query.size(0), value.size(1)}) : Tensor::retain(result);
}

Tensor _safe_softmax(TensorRef self, int64_t dim, std::optional<tw_dtype> dtype) {
  if (self.numel() == 0) return ops::softmax(self, dim, dtype);
  const int64_t dims[] = {dim};
  const Tensor none = ops::all(ops::eq(self, kNever), IntList(dims, 1), true);
  // Zeros go into softmax too, so that its gradient has no NaN to multiply by 0.
  return ops::masked_fill(ops::softmax(ops::masked_fill(self, none, 0), dim, dtype), none, 0);
}

}  // namespace tw::composite
