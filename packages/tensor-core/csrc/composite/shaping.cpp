// Ops over views: reshaping, splitting, expanding.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "declarations/views.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

using view::normalize_dim;
using view::Sizes;

Tensor reshape(TensorRef self, IntList shape) {
  const Sizes sizes = view::complete_shape("reshape", self, shape);
  if (view::strides_for(self, sizes)) return ops::view(self, sizes);
  return ops::view(ops::contiguous(self), sizes);
}

Tensor view_as(TensorRef self, TensorRef other) { return ops::view(self, other.shape()); }
Tensor reshape_as(TensorRef self, TensorRef other) { return ops::reshape(self, other.shape()); }

Tensor flatten(TensorRef self, int64_t start_dim, int64_t end_dim) {
  const int first = normalize_dim("flatten", start_dim, self.ndim()),
            last = normalize_dim("flatten", end_dim, self.ndim());
  if (self.ndim() == 0) return ops::reshape(self, {1});
  if (first == last) return Tensor::retain(self);
  Sizes sizes;
  int64_t joined = 1;
  for (int d = 0; d < self.ndim(); ++d) {
    if (d >= first && d <= last) joined *= self.size(d);
    if (d < first || d > last)
      sizes.push_back(self.size(d));
    else if (d == last)
      sizes.push_back(joined);
  }
  return ops::reshape(self, sizes);
}

Tensor ravel(TensorRef self) { return ops::reshape(self, {-1}); }

Tensor unflatten(TensorRef self, int64_t dim, IntList sizes) {
  const int d = normalize_dim("unflatten", dim, self.ndim());
  const int64_t size = self.size(d), open = std::count(sizes.begin(), sizes.end(), -1);
  int64_t known = 1;
  bool fits = open <= 1;
  for (int64_t s : sizes) fits = fits && (s == -1 || (s >= 0 && !__builtin_mul_overflow(known, s, &known)));
  if (!fits || (open == 1 ? known == 0 || size % known != 0 : known != size))
    throw fail(TW_E_SHAPE, "unflatten: ", sizes, " does not make up dimension ", d, " of size ", size);
  Sizes parts(sizes.begin(), sizes.end()), all = self.shape().vec();
  if (open == 1) std::replace(parts.begin(), parts.end(), int64_t{-1}, size / known);
  all.insert(all.erase(all.begin() + d), parts.begin(), parts.end());
  return ops::reshape(self, all);
}

Tensor matrix_transpose(TensorRef self) { return ops::transpose(self, -2, -1); }
Tensor adjoint(TensorRef self) { return ops::conj(ops::transpose(self, -2, -1)); }
Tensor expand_as(TensorRef self, TensorRef other) { return ops::expand(self, other.shape()); }
Tensor broadcast_to(TensorRef self, IntList size) { return ops::expand(self, size); }

std::vector<Tensor> broadcast_tensors(TensorList tensors) {
  Sizes shape;
  for (const TensorRef t : tensors) {
    if (shape.size() < static_cast<size_t>(t.ndim())) shape.insert(shape.begin(), t.ndim() - shape.size(), 1);
    for (int i = 1; i <= t.ndim(); ++i) {
      int64_t& size = shape[shape.size() - i];
      if (size == 1)
        size = t.size(-i);
      else if (t.size(-i) != 1 && t.size(-i) != size)
        throw fail(TW_E_SHAPE, "broadcast_tensors: shape ", t.shape(), " does not broadcast with ", shape);
    }
  }
  std::vector<Tensor> result;
  for (const TensorRef t : tensors) result.push_back(ops::expand(t, shape));
  return result;
}

std::vector<Tensor> split_sizes(TensorRef self, IntList split_sizes, int64_t dim) {
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t size : split_sizes) {
    parts.push_back(ops::narrow(self, dim, start, size));
    start = checked::add(start, size);
  }
  return parts;
}

std::vector<Tensor> split(TensorRef self, int64_t split_size, int64_t dim) {
  const int64_t size = self.size(normalize_dim("split", dim, self.ndim()));
  std::vector<Tensor> parts;
  const int64_t part = std::min(split_size, size);
  int64_t start = 0;
  for (; size - start > part; start += part) parts.push_back(ops::narrow(self, dim, start, part));
  parts.push_back(ops::narrow(self, dim, start, size - start));
  return parts;
}

std::vector<Tensor> chunk(TensorRef self, int64_t chunks, int64_t dim) {
  const int64_t size = self.size(normalize_dim("chunk", dim, self.ndim()));
  if (size == 0) return ops::split_sizes(self, Sizes(static_cast<size_t>(chunks), 0), dim);
  return ops::split(self, (size - 1) / chunks + 1, dim);
}

std::vector<Tensor> unbind(TensorRef self, int64_t dim) {
  const int64_t size = self.size(normalize_dim("unbind", dim, self.ndim()));
  std::vector<Tensor> slices;
  for (int64_t i = 0; i < size; ++i) slices.push_back(ops::select(self, dim, i));
  return slices;
}

}  // namespace tw::composite
