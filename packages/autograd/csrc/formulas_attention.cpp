// Gradients of attention: fused, or out of smaller ops when they are to be differentiated again.
#include <tensorwright/ops/attention.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <limits>

#include "formulas.h"

namespace tw::autograd {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

Tensor swapped(TensorRef t) { return ops::transpose(t, -2, -1); }

Tensor repeat_heads(TensorRef t, int64_t heads) {
  return t.size(-3) == heads ? Tensor::retain(t) : ops::repeat_interleave(t, heads / t.size(-3), -3);
}

// Sums over the queries' heads that share one head of keys.
Tensor sum_heads(TensorRef t, int64_t heads) {
  if (t.size(-3) == heads) return Tensor::retain(t);
  std::vector<int64_t> shape = t.shape().vec();
  const size_t at = shape.size() - 3;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at) + 1, shape[at] / heads);
  shape[at] = heads;
  const int64_t dims[] = {static_cast<int64_t>(at) + 1};
  return ops::sum(ops::reshape(t, shape), IntList(dims, 1));
}

struct Scores {
  Tensor key, value, probabilities, slopes;  // the latter of the scores with their scale
};

Scores scores_backward(TensorRef grad, TensorRef query, TensorRef key, TensorRef value, TensorRef attn_mask,
                       bool is_causal, double scale) {
  const int64_t last[] = {-1}, heads = query.size(-3);
  Scores s{repeat_heads(key, heads), repeat_heads(value, heads), {}, {}};
  Tensor scores = ops::matmul(ops::mul(query, scale), swapped(s.key));
  if (attn_mask) scores = ops::add(scores, attn_mask);
  if (is_causal) {
    const Tensor allowed = ops::tril(ops::ones({scores.size(-2), scores.size(-1)}, kBool, scores.device()));
    scores = ops::where(allowed, scores, kNever);
  }
  s.probabilities = ops::_safe_softmax(scores, -1);
  const Tensor grads = ops::matmul(grad, swapped(s.value));
  const Tensor mean = ops::sum(ops::mul(grads, s.probabilities), IntList(last, 1), true);
  s.slopes = ops::mul(s.probabilities, ops::sub(grads, mean));
  return s;
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> attention_gradients(TensorRef grad, TensorRef query, TensorRef key, TensorRef value,
                                                       TensorRef result, TensorRef logsumexp, TensorRef attn_mask,
                                                       bool is_causal, double scale) {
  if (!is_recording())
    return ops::attention_backward(grad, query, key, value, result, logsumexp, attn_mask, is_causal, scale);
  const Scores s = scores_backward(grad, query, key, value, attn_mask, is_causal, scale);
  const int64_t heads = key.size(-3);
  return {ops::mul(ops::matmul(s.slopes, s.key), scale),
          ops::mul(sum_heads(ops::matmul(swapped(s.slopes), query), heads), scale),
          sum_heads(ops::matmul(swapped(s.probabilities), grad), heads)};
}

Tensor attention_mask_gradient(TensorRef grad, TensorRef query, TensorRef key, TensorRef value, TensorRef attn_mask,
                               bool is_causal, double scale) {
  const Scores s = scores_backward(grad, query, key, value, attn_mask, is_causal, scale);
  return sum_to_shape(s.slopes, attn_mask.shape());
}

}  // namespace tw::autograd
