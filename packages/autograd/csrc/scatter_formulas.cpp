// Gradients of ops that write where indices say.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scatter.hpp>
#include <tensorwright/ops/views.hpp>

#include "formulas.h"

namespace tw::autograd {

Tensor share_among_equals(TensorRef grad, TensorRef self, TensorRef result) {
  const Tensor both_nan = ops::logical_and(ops::isnan(self), ops::isnan(result));
  const Tensor shares = cast(ops::logical_or(ops::eq(self, result), both_nan), grad.dtype());
  return ops::mul(shares, ops::div(grad, ops::sum(shares)));
}

namespace {

// The part of a tensor at its start.
Tensor cropped(TensorRef t, IntList shape) {
  Tensor part = Tensor::retain(t);
  for (size_t d = 0; d < shape.size(); ++d) part = ops::narrow(part, static_cast<int64_t>(d), 0, shape[d]);
  return part;
}

}  // namespace

Tensor padded(TensorRef t, IntList shape) {
  if (same_shape(t.shape(), shape)) return Tensor::retain(t);
  Tensor result = zeros_beside(t, shape, t.dtype());
  ops::copy_(cropped(result, t.shape()), t);
  return result;
}

Tensor masked_scatter_backward(TensorRef grad, TensorRef mask, IntList source) {
  const Tensor chosen = ops::masked_select(grad, mask);
  const Tensor flat = padded(chosen, {product(source)});
  return ops::reshape(flat, source);
}

namespace {

struct Scatter {
  TensorRef self, index, src;
  int64_t dim;
  bool include_self;

  // Sums over what the index sends to each place, the element that stood there included or not.
  Tensor sums(TensorRef own, TensorRef parts) const { return ops::scatter_add(own, dim, index, parts); }
  Tensor gathered(TensorRef t) const { return ops::gather(t, dim, index); }
  // Of places that were overwritten nothing flows to what stood there.
  Tensor of_self(const Tensor& grad) const { return include_self ? grad : ops::scatter_value(grad, dim, index, 0); }
};

using Gradients = std::tuple<Tensor, Tensor>;

Gradients mean_gradients(const Scatter& s, TensorRef grad) {
  const Tensor own = s.include_self ? ops::ones_like(grad) : zeros_like(grad);
  const Tensor count = ops::clamp_min(s.sums(own, cast(ops::ones_like(s.index), grad.dtype())), 1);
  const Tensor share = ops::div(grad, count);
  return {s.of_self(share), s.gathered(share)};
}

// The product of all other elements, also where some are zero: then only a single zero has a gradient. Further
// derivatives by elements that are zero are not followed.
Gradients product_gradients(const Scatter& s, TensorRef grad) {
  const Tensor ones = ops::ones_like(s.self);
  const Tensor is_zero = ops::eq(s.src, 0), filled = ops::masked_fill(s.src, is_zero, 1);
  const Tensor zero_count = s.gathered(s.sums(zeros_like(grad), cast(is_zero, grad.dtype())));
  const Tensor base = s.include_self ? Tensor::retain(s.self) : ones;
  const Tensor others = ops::scatter_reduce(base, s.dim, s.index, filled, "prod");
  const Tensor counts = ops::eq(zero_count, cast(is_zero, grad.dtype()));  // the only zero, or none anywhere
  const Tensor of_src = ops::div(s.gathered(ops::mul(grad, others)), filled);
  const Tensor of_self = ops::mul(grad, ops::scatter_reduce(ones, s.dim, s.index, s.src, "prod"));
  return {s.of_self(of_self), ops::mul(of_src, cast(counts, grad.dtype()))};
}

// In equal shares to all that are the extreme.
Gradients extreme_gradients(const Scatter& s, TensorRef grad, TensorRef result) {
  const Tensor own = s.of_self(cast(ops::eq(s.self, result), grad.dtype()));
  const Tensor hits = cast(ops::eq(s.src, s.gathered(result)), grad.dtype());
  const Tensor share = ops::div(grad, ops::clamp_min(s.sums(own, hits), 1));
  const Tensor untouched = ops::mul(own, share);
  return {untouched, ops::mul(hits, s.gathered(share))};
}

Gradients gradients_of(const Scatter& s, TensorRef grad, std::string_view reduce, TensorRef result) {
  if (reduce == "sum") return {s.of_self(Tensor::retain(grad)), s.gathered(grad)};
  if (reduce == "mean") return mean_gradients(s, grad);
  if (reduce == "prod") return product_gradients(s, grad);
  return extreme_gradients(s, grad, result);
}

}  // namespace

std::tuple<Tensor, Tensor> scatter_reduce_backward(TensorRef grad, TensorRef self, int64_t dim, TensorRef index,
                                                   TensorRef src, std::string_view reduce, bool include_self,
                                                   TensorRef result) {
  const Tensor part = same_shape(src.shape(), index.shape()) ? Tensor::retain(src) : cropped(src, index.shape());
  const Scatter scatter{self, index, part, dim, include_self};
  auto [of_self, of_src] = gradients_of(scatter, grad, reduce, result);
  return {of_self, padded(of_src, src.shape())};
}

}  // namespace tw::autograd
