#include "formulas.h"

#include <tensorwright/checked.hpp>
#include <tensorwright/ops/activation_backward.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/embedding.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scan.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

namespace tw::autograd {

// ---- broadcasting, dtypes, shapes -----------------------------------------------------------------------------

Tensor scaled(TensorRef grad, const Scalar& factor) {
  return factor.equals(1.0) ? Tensor::retain(grad) : ops::mul(grad, factor);
}

Tensor moved_back(TensorRef grad, tw_dtype dtype, tw_device device) {
  if (grad.dtype() == dtype && grad.device() == device) return Tensor::retain(grad);
  return ops::_to_copy(grad, dtype, device);
}

Tensor zeros_like(TensorRef grad) { return zeros(grad.shape(), grad.dtype(), grad.device()); }

Tensor sum_to_shape(TensorRef grad, IntList shape) { return sum_to(grad, shape, grad.dtype()); }

Tensor sum_over_all_but(TensorRef grad, int64_t dim) {
  const int kept = static_cast<int>(dim < 0 ? checked::add(dim, grad.ndim()) : dim);
  std::vector<int64_t> dims;
  for (int d = 0; d < grad.ndim(); ++d)
    if (d != kept) dims.push_back(d);
  return ops::sum(grad, IntList(dims));
}

Tensor rows(TensorRef t) {
  const int64_t columns = t.size(-1);
  int64_t count = 1;
  for (int d = 0; d + 1 < t.ndim(); ++d) count *= t.size(d);
  return ops::reshape(t, {count, columns});
}

std::vector<int64_t> inverse_permutation(IntList dims) {
  const auto ndim = static_cast<int64_t>(dims.size());
  std::vector<int64_t> inverse(dims.size());
  for (int64_t i = 0; i < ndim; ++i)
    inverse[static_cast<size_t>(dims[i] < 0 ? checked::add(dims[i], ndim) : dims[i])] = i;
  return inverse;
}

std::vector<int64_t> negated(IntList values) {
  std::vector<int64_t> result;
  for (const int64_t value : values) result.push_back(checked::neg(value));
  return result;
}

int64_t product(IntList shape) {
  int64_t n = 1;
  for (const int64_t size : shape) n = checked::mul(n, size);
  return n;
}

int64_t item(IntList list, int64_t index) {
  return list[static_cast<size_t>(index < 0 ? checked::add(index, static_cast<int64_t>(list.size())) : index)];
}

// ---- reductions and scans -------------------------------------------------------------------------------------

namespace {

// The reduced dimensions, as flags; no list, or an empty one, stands for all of them.
std::vector<bool> reduced_dims(size_t ndim, const std::optional<IntList>& dim) {
  std::vector<bool> reduced(ndim, !dim || dim->empty());
  if (dim)
    for (const int64_t d : *dim)
      reduced[static_cast<size_t>(d < 0 ? checked::add(d, static_cast<int64_t>(ndim)) : d)] = true;
  return reduced;
}

// A reduction's result as it would be with keepdim=True.
Tensor with_kept_dims(TensorRef t, IntList shape, const std::optional<IntList>& dim, bool keepdim) {
  if (keepdim || shape.empty()) return Tensor::retain(t);
  const std::vector<bool> reduced = reduced_dims(shape.size(), dim);
  std::vector<int64_t> kept = shape.vec();
  for (size_t d = 0; d < kept.size(); ++d)
    if (reduced[d]) kept[d] = 1;
  return ops::reshape(t, kept);
}

}  // namespace

Tensor expand_reduced(TensorRef grad, IntList shape, const std::optional<IntList>& dim, bool keepdim) {
  if (shape.empty()) return Tensor::retain(grad);
  return ops::expand(with_kept_dims(grad, shape, dim, keepdim), shape);
}

Tensor select_extremes(TensorRef grad, TensorRef self, TensorRef result, const std::optional<IntList>& dim,
                       bool keepdim) {
  const Tensor chosen = ops::eq(self, with_kept_dims(result, self.shape(), dim, keepdim));
  const Tensor mask = cast(chosen, grad.dtype());
  const Tensor count = ops::sum(mask, dim, true);
  return ops::mul(mask, ops::div(with_kept_dims(grad, self.shape(), dim, keepdim), count));
}

namespace {

// Products of all elements before each one along the last dimension.
Tensor products_before(TensorRef t) {
  const int64_t n = t.size(-1);
  std::vector<int64_t> first = t.shape().vec();
  first.back() = 1;
  const Tensor one = ops::ones(first, t.dtype(), t.device()), rest = ops::narrow(ops::cumprod(t, -1), -1, 0, n - 1);
  tw_tensor* const parts[] = {one.get(), rest.get()};
  return ops::cat(TensorList(parts, 2), -1);
}

}  // namespace

// grad * product of all other elements: right where elements are zero as well, unlike grad * result / self.
Tensor prod_backward(TensorRef grad, TensorRef self, const std::optional<IntList>& dim, bool keepdim) {
  if (self.numel() == 0) return zeros(self.shape(), grad.dtype(), grad.device());
  if (self.ndim() == 0) return Tensor::retain(grad);
  const std::vector<bool> reduced = reduced_dims(self.shape().size(), dim);
  std::vector<int64_t> order;
  int64_t count = 1;
  for (size_t d = 0; d < reduced.size(); ++d)
    if (!reduced[d]) order.push_back(static_cast<int64_t>(d));
  for (size_t d = 0; d < reduced.size(); ++d)
    if (reduced[d]) order.push_back(static_cast<int64_t>(d)), count *= self.size(static_cast<int>(d));
  const Tensor moved = ops::permute(self, order);
  const Tensor flat = ops::reshape(moved, {self.numel() / count, count});
  const Tensor others = ops::mul(products_before(flat), ops::flip(products_before(ops::flip(flat, {1})), {1}));
  const Tensor restored = ops::permute(ops::reshape(others, moved.shape()), inverse_permutation(order));
  return ops::mul(restored, with_kept_dims(grad, self.shape(), dim, keepdim));
}

Tensor reverse_cumsum(TensorRef grad, int64_t dim) {
  if (grad.ndim() == 0) return Tensor::retain(grad);
  return ops::flip(ops::cumsum(ops::flip(grad, {dim}), dim), {dim});
}

// Gradient of element i: sum over k >= i of grad_k * (product of the first k without the i-th). One scan for each i,
// since a quotient by self fails at zeros.
Tensor cumprod_backward(TensorRef grad, TensorRef self, int64_t dim) {
  if (self.ndim() == 0 || self.numel() == 0) return Tensor::retain(grad);
  const int64_t n = self.size(static_cast<int>(dim));
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < n; ++i) {
    const Tensor before = i == 0 ? ops::ones_like(ops::narrow(self, dim, 0, 1))
                                 : ops::prod(ops::narrow(self, dim, 0, i), IntList({dim}), true);
    const Tensor one = ops::ones_like(ops::narrow(self, dim, 0, 1)), after = ops::narrow(self, dim, i + 1, n - i - 1);
    tw_tensor* const pieces[] = {one.get(), after.get()};
    const Tensor others = ops::mul(before, ops::cumprod(ops::cat(TensorList(pieces, 2), dim), dim));
    parts.push_back(ops::sum(ops::mul(ops::narrow(grad, dim, i, n - i), others), IntList({dim}), true));
  }
  std::vector<tw_tensor*> pointers;
  for (const Tensor& part : parts) pointers.push_back(part.get());
  return ops::cat(pointers, dim);
}

Tensor restore_dim(TensorRef grad, TensorRef indices, IntList shape, int64_t dim, bool keepdim) {
  if (shape.empty()) return Tensor::retain(grad);
  const Tensor target = zeros(shape, grad.dtype(), grad.device());
  if (keepdim) return ops::scatter_add(target, dim, indices, grad);
  return ops::scatter_add(target, dim, ops::unsqueeze(indices, dim), ops::unsqueeze(grad, dim));
}

// ---- views ----------------------------------------------------------------------------------------------------

namespace {

Tensor zeros_for(TensorRef grad, IntList shape) { return zeros_beside(grad, shape, grad.dtype()); }

TensorRef any_of(TensorList grads) {
  for (const TensorRef grad : grads)
    if (grad) return grad;
  return nullptr;
}

}  // namespace

Tensor narrow_backward(TensorRef grad, IntList shape, int64_t dim, int64_t start) {
  Tensor result = zeros_for(grad, shape);
  const int64_t length = grad.size(static_cast<int>(dim));
  ops::copy_(ops::narrow(result, dim, start, length), grad);
  return result;
}

Tensor select_backward(TensorRef grad, IntList shape, int64_t dim, int64_t index) {
  Tensor result = zeros_for(grad, shape);
  ops::copy_(ops::select(result, dim, index), grad);
  return result;
}

Tensor slice_backward(TensorRef grad, IntList shape, int64_t dim, std::optional<int64_t> start,
                      std::optional<int64_t> end, int64_t step) {
  Tensor result = zeros_for(grad, shape);
  ops::copy_(ops::slice(result, dim, start, end, step), grad);
  return result;
}

Tensor diagonal_backward(TensorRef grad, IntList shape, int64_t offset, int64_t dim1, int64_t dim2) {
  Tensor result = zeros_for(grad, shape);
  ops::copy_(ops::diagonal(result, offset, dim1, dim2), grad);
  return result;
}

Tensor as_strided_backward(TensorRef grad, const SavedGeometry& self, const SavedGeometry& result) {
  return scatter_part(grad, part_of(result, self));
}

Tensor unfold_backward(TensorRef grad, const SavedGeometry& self, const SavedGeometry& result) {
  return as_strided_backward(grad, self, result);
}

Tensor split_backward(TensorList grads, IntList shape, IntList sizes, int64_t dim) {
  const TensorRef some = any_of(grads);
  std::vector<Tensor> parts;
  std::vector<tw_tensor*> pointers;
  for (size_t i = 0; i < grads.size(); ++i) {
    std::vector<int64_t> part = shape.vec();
    part[static_cast<size_t>(dim < 0 ? checked::add(dim, static_cast<int64_t>(shape.size())) : dim)] = sizes[i];
    parts.push_back(grads[i] ? Tensor::retain(grads[i]) : zeros_for(some, part));
    pointers.push_back(parts.back().get());
  }
  return ops::cat(pointers, dim);
}

Tensor split_backward(TensorList grads, IntList shape, int64_t split_size, int64_t dim) {
  const int64_t total = item(shape, dim);
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < grads.size(); ++i)
    sizes.push_back(std::min(split_size, checked::sub(total, checked::mul(static_cast<int64_t>(i), split_size))));
  return split_backward(grads, shape, IntList(sizes), dim);
}

Tensor unbind_backward(TensorList grads, IntList shape, int64_t dim) {
  const TensorRef some = any_of(grads);
  std::vector<int64_t> part = shape.vec();
  const int64_t ndim = static_cast<int64_t>(shape.size());
  part.erase(part.begin() + checked::within(dim < 0 ? dim + ndim : dim, 0, ndim - 1));
  std::vector<Tensor> parts;
  std::vector<tw_tensor*> pointers;
  for (const TensorRef grad : grads) {
    parts.push_back(grad ? Tensor::retain(grad) : zeros_for(some, part));
    pointers.push_back(parts.back().get());
  }
  return ops::stack(pointers, dim);
}

std::vector<Tensor> cat_backward(TensorRef grad, const SavedShapes& shapes, int64_t dim) {
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (shapes.shape(i).size() != static_cast<size_t>(grad.ndim())) {  // an empty vector beside others
      parts.push_back(cast(ops::new_zeros(grad, shapes.shape(i)), shapes.dtype(i)));
      continue;
    }
    const int64_t length = item(shapes.shape(i), dim);
    parts.push_back(cast(ops::narrow(grad, dim, start, length), shapes.dtype(i)));
    start = checked::add(start, length);
  }
  return parts;
}

// ---- pointwise ------------------------------------------------------------------------------------------------

// x * s(u) with u = x (a + b x^2): s + x s (1 - s) (a + 3 b x^2)
Tensor gelu_tanh_backward(TensorRef grad, TensorRef self) {
  constexpr double a = 1.5957691216057308, b = 0.07135481627159893;
  const Tensor squared = ops::mul(self, self);
  const Tensor s = ops::sigmoid(ops::mul(self, ops::add(ops::mul(squared, b), a)));
  const Tensor slope = ops::mul(self, ops::add(ops::mul(squared, 3 * b), a));
  return ops::mul(grad, ops::add(s, ops::sigmoid_backward(slope, s)));
}

namespace {

// Whether x ** exponent is constant, so that its derivative is 0 also where 0 ** -1 is not finite.
bool is_zero(const Operand& exponent) { return !exponent.is_tensor() && exponent.scalar().equals(0.0); }

// A number as a tensor beside `like`, complex if it or that is.
Tensor number(const Scalar& value, TensorRef like) {
  const bool wide = like.dtype() == kFloat64 || like.dtype() == kComplex128;
  const bool complex = value.is_complex() || is_complex(like.dtype());
  return ops::full(IntList(), value, complex ? wide ? kComplex128 : kComplex64 : like.dtype(), like.device());
}

Tensor pow_backward_complex_exponent(TensorRef grad, const Operand& self, const Operand& exponent, TensorRef result) {
  const auto tensor = [&](const Operand& x) {
    return x.is_tensor() ? cast(x.tensor(), result.dtype()) : number(x.scalar(), result);
  };
  const Tensor base = tensor(self), power = tensor(exponent);
  const Tensor vanishes = ops::logical_and(ops::eq(base, 0), ops::ge(ops::real(power), 0));
  return ops::mul(grad, ops::where(vanishes, 0.0, ops::mul(result, ops::log(base))));
}

}  // namespace

Tensor pow_backward_self(TensorRef grad, const Operand& self, const Operand& exponent) {
  if (is_zero(exponent)) return ops::mul(grad, 0.0);
  if (!exponent.is_tensor() && !exponent.scalar().is_complex()) {
    const double n = exponent.scalar().real();
    return ops::mul(grad, n == 2.0 ? ops::mul(self, 2.0) : ops::mul(ops::pow(self, n - 1.0), n));
  }
  const Tensor n = exponent.is_tensor() ? Tensor::retain(exponent.tensor()) : number(exponent.scalar(), grad);
  const Tensor slope = ops::mul(n, ops::pow(self, ops::sub(n, 1)));
  return ops::mul(grad, ops::where(ops::eq(n, 0), 0.0, slope));
}

// The derivative result * log(self), which is 0 where self is 0 and the exponent is not negative.
Tensor pow_backward_exponent(TensorRef grad, const Operand& self, const Operand& exponent, TensorRef result) {
  if (is_complex(result.dtype())) return pow_backward_complex_exponent(grad, self, exponent, result);
  if (!self.is_tensor()) {
    const double base = self.scalar().real();
    if (base == 0.0) return ops::mul(grad, ops::where(ops::ge(exponent, 0), 0.0, ops::mul(result, std::log(base))));
    return ops::mul(grad, ops::mul(result, std::log(base)));
  }
  const Tensor vanishes = ops::logical_and(ops::eq(self, 0), ops::ge(exponent, 0));
  return ops::mul(grad, ops::where(vanishes, 0.0, ops::mul(result, ops::log(self.tensor()))));
}

// ---- networks -------------------------------------------------------------------------------------------------

Tensor embedding_backward_transposed(TensorRef grad, TensorRef indices, int64_t num_embeddings, int64_t padding_idx,
                                     bool scale_grad_by_freq) {
  Tensor result = ops::embedding(grad, indices);
  if (scale_grad_by_freq) {
    const Tensor counts = ops::bincount(ops::reshape(indices, {indices.numel()}), TensorRef(), num_embeddings);
    const Tensor of_each =
        ops::reshape(ops::index_select(counts, 0, ops::reshape(indices, {indices.numel()})), indices.shape());
    result = ops::div(result, ops::unsqueeze(cast(of_each, grad.dtype()), -1));
  }
  if (padding_idx < 0) return result;
  return ops::masked_fill(result, ops::unsqueeze(ops::eq(indices, padding_idx), -1), 0.0);
}

}  // namespace tw::autograd
