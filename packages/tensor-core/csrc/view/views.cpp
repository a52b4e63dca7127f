// The view ops of ops/views.yaml: new sizes and strides over the same memory.
#include <algorithm>
#include <tensorwright/checked.hpp>

#include "declarations/views.h"
#include "runtime/tensor.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::view {

namespace {

struct Layout {
  Sizes shape, strides;
  explicit Layout(TensorRef t) : shape(t.shape().vec()), strides(t.strides().vec()) {}
  Layout() = default;
  void erase(int d) { shape.erase(shape.begin() + d), strides.erase(strides.begin() + d); }
  void insert(int d, int64_t size, int64_t stride) {
    shape.insert(shape.begin() + d, size), strides.insert(strides.begin() + d, stride);
  }
  void push(int64_t size, int64_t stride) { shape.push_back(size), strides.push_back(stride); }
};

Tensor apply(TensorRef self, const Layout& layout, int64_t offset = 0) {
  return restrided(self, layout.shape, layout.strides, offset);
}

}  // namespace

Tensor alias(TensorRef self) { return restrided(self, self.shape(), self.strides()); }
Tensor detach(TensorRef self) { return alias(self); }

Tensor view(TensorRef self, IntList size) {
  const Sizes shape = complete_shape("view", self, size);
  const std::optional<Sizes> strides = strides_for(self, shape);
  if (!strides)
    throw fail(TW_E_SHAPE, "view: a tensor of shape ", self.shape(), " and strides ", self.strides(),
               " cannot be viewed as ", shape, "; use reshape, which copies if it must");
  return restrided(self, shape, *strides);
}

namespace {

[[noreturn]] void refuse_size(TensorRef self, tw_dtype dtype) {
  throw fail(TW_E_SHAPE, "view: elements of ", self.dtype(), " (shape ", self.shape(), ", strides ", self.strides(),
             ") do not lie so that they can be read as ", dtype, "; use contiguous() first");
}

}  // namespace

Tensor view_dtype(TensorRef self, tw_dtype dtype) {
  const int64_t from = item_size(self.dtype()), to = item_size(dtype);
  if (from == to) return retyped(self, self.shape(), self.strides(), dtype);
  Layout layout(self);
  const size_t last = layout.shape.size() - 1;
  if (layout.shape[last] != 1 && layout.strides[last] != 1) refuse_size(self, dtype);
  if (to < from) {
    const int64_t parts = from / to;
    if (__builtin_mul_overflow(layout.shape[last], parts, &layout.shape[last])) refuse_size(self, dtype);
    for (int64_t& stride : layout.strides)
      if (__builtin_mul_overflow(stride, parts, &stride)) refuse_size(self, dtype);
  } else {
    const int64_t parts = to / from;
    if (storage_offset(self) % parts != 0) refuse_size(self, dtype);
    for (size_t d = 0; d < last; ++d) {
      if (layout.shape[d] > 1 && layout.strides[d] % parts != 0) refuse_size(self, dtype);
      layout.strides[d] /= parts;
    }
    layout.shape[last] /= parts;
  }
  layout.strides[last] = 1;
  return retyped(self, layout.shape, layout.strides, dtype);
}

Tensor permute(TensorRef self, IntList dims) {
  Layout layout;
  for (int64_t dim : dims) {
    const int d = normalize_dim("permute", dim, self.ndim());
    layout.push(self.size(d), self.stride(d));
  }
  return apply(self, layout);
}

Tensor transpose(TensorRef self, int64_t dim0, int64_t dim1) {
  const int a = normalize_dim("transpose", dim0, self.ndim()), b = normalize_dim("transpose", dim1, self.ndim());
  Layout layout(self);
  if (a != b) std::swap(layout.shape[a], layout.shape[b]), std::swap(layout.strides[a], layout.strides[b]);
  return apply(self, layout);
}

Tensor t(TensorRef self) { return self.ndim() == 2 ? transpose(self, 0, 1) : alias(self); }

Tensor movedim(TensorRef self, IntList source, IntList destination) {
  const int ndim = self.ndim();
  const size_t places = static_cast<size_t>(std::max(ndim, 1));  // without dimensions, 0 and -1 name one all the same
  std::vector<int> order(places, -1);
  std::vector<bool> moved(places, false);
  for (size_t i = 0; i < source.size(); ++i) {
    const int from = normalize_dim("movedim", source[i], ndim);
    order[normalize_dim("movedim", destination[i], ndim)] = from;
    moved[from] = true;
  }
  int next = 0;
  Layout layout;
  for (int d = 0; d < ndim; ++d) {
    if (order[d] < 0) {
      while (moved[next]) ++next;
      order[d] = next++;
    }
    layout.push(self.size(order[d]), self.stride(order[d]));
  }
  return apply(self, layout);
}

Tensor expand(TensorRef self, IntList size) {
  const int ndim = static_cast<int>(size.size()), lead = ndim - self.ndim();
  if (lead < 0)
    throw fail(TW_E_SHAPE, "expand: ", size, " has fewer dimensions than the tensor, whose shape is ", self.shape());
  Layout layout;
  for (int d = 0; d < ndim; ++d) {
    const bool is_new = d < lead;
    const int64_t old = is_new ? 1 : self.size(d - lead), wanted = size[d] == -1 && !is_new ? old : size[d];
    if (wanted < 0 || (old != 1 && wanted != old))
      throw fail(TW_E_SHAPE, "expand: shape ", self.shape(), " does not expand to ", size, " (dimension ", d, ")");
    layout.push(wanted, is_new || (old == 1 && wanted != 1) ? 0 : self.stride(d - lead));
  }
  int64_t numel;
  if (!checked_numel(layout.shape.data(), ndim, &numel))
    throw fail(TW_E_VALUE, "expand: ", size, " has too many elements");
  return apply(self, layout);
}

Tensor squeeze(TensorRef self, std::optional<IntList> dim) {
  std::vector<bool> named(std::max(self.ndim(), 1), !dim);
  if (dim)
    for (int64_t d : *dim) named[normalize_dim("squeeze", d, self.ndim())] = true;
  Layout layout;
  for (int d = 0; d < self.ndim(); ++d)
    if (!named[d] || self.size(d) != 1) layout.push(self.size(d), self.stride(d));
  return apply(self, layout);
}

Tensor unsqueeze(TensorRef self, int64_t dim) {
  const int d = normalize_dim("unsqueeze", dim, self.ndim() + 1);
  if (self.ndim() == TW_MAX_NDIM)
    throw fail(TW_E_VALUE, "unsqueeze: a tensor has at most ", TW_MAX_NDIM, " dimensions");
  Layout layout(self);
  layout.insert(d, 1, d < self.ndim() ? self.size(d) * self.stride(d) : 1);
  return apply(self, layout);
}

Tensor narrow(TensorRef self, int64_t dim, int64_t start, int64_t length) {
  const int d = normalize_dim("narrow", dim, self.ndim());
  if (start < 0) start += self.size(d);
  Layout layout(self);
  layout.shape[d] = std::min(length, layout.shape[d]);
  return apply(self, layout, start * layout.strides[d]);
}

Tensor select(TensorRef self, int64_t dim, int64_t index) {
  const int d = normalize_dim("select", dim, self.ndim());
  const int64_t size = self.size(d);
  if (index < -size || index >= size)
    throw fail(TW_E_INDEX, "select: index ", index, " is out of range for dimension ", d, " of size ", size);
  Layout layout(self);
  const int64_t offset = (index < 0 ? index + size : index) * layout.strides[d];
  layout.erase(d);
  return apply(self, layout, offset);
}

Tensor slice(TensorRef self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  const int d = normalize_dim("slice", dim, self.ndim());
  const int64_t size = self.size(d);
  const auto bound = [size](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size); };
  const int64_t from = bound(start.value_or(0)), to = bound(end.value_or(size));
  Layout layout(self);
  layout.shape[d] = to > from ? (to - from - 1) / step + 1 : 0;
  const int64_t offset = layout.shape[d] ? from * layout.strides[d] : 0;
  if (layout.shape[d] > 1) layout.strides[d] *= std::clamp<int64_t>(step, 1, size);
  return apply(self, layout, offset);
}

Tensor diagonal(TensorRef self, int64_t offset, int64_t dim1, int64_t dim2) {
  const int a = normalize_dim("diagonal", dim1, self.ndim()), b = normalize_dim("diagonal", dim2, self.ndim());
  const int64_t rows = self.size(a), cols = self.size(b);
  const int64_t shift = std::clamp<int64_t>(offset, -rows, cols);  // those further away are empty as well
  const int64_t length = shift >= 0 ? std::min(rows, cols - shift) : std::min(cols, rows + shift);
  const int64_t start = length == 0 ? 0 : shift >= 0 ? shift * self.stride(b) : -shift * self.stride(a);
  Layout layout(self);
  const int64_t stride = self.stride(a) + self.stride(b);
  layout.erase(std::max(a, b));
  layout.erase(std::min(a, b));
  layout.push(length, stride);
  return apply(self, layout, start);
}

Tensor unfold(TensorRef self, int64_t dimension, int64_t size, int64_t step) {
  const int d = normalize_dim("unfold", dimension, self.ndim());
  Layout layout(self);
  if (self.ndim() == 0) layout.push(1, 1);
  const int64_t stride = layout.strides[d];
  const int64_t whole = self.ndim() == 0 ? 1 : self.size(d), length = std::min(size, whole), room = whole - length;
  layout.shape[d] = room / step + 1;
  layout.strides[d] = stride * std::clamp<int64_t>(step, 1, std::max<int64_t>(room, 1));  // one window makes no step
  layout.push(length, stride);
  return apply(self, layout);
}

Tensor as_strided(TensorRef self, IntList size, IntList stride, std::optional<int64_t> storage_offset) {
  const int64_t item = item_size(self.dtype());
  int64_t bytes = 0;
  if (storage_offset) {
    if (__builtin_mul_overflow(*storage_offset, item, &bytes) || bytes < 0)
      throw fail(TW_E_VALUE, "as_strided: storage_offset ", *storage_offset, " lies outside the storage");
    bytes -= byte_offset(self.get());
  }
  return tw::as_strided(self, size, stride, bytes);
}

Tensor view_as_real(TensorRef self) {
  Layout layout(self);
  for (int64_t& stride : layout.strides) stride *= 2;
  layout.push(2, 1);
  return retyped(self, layout.shape, layout.strides, self.dtype() == kComplex128 ? kFloat64 : kFloat32);
}

Tensor view_as_complex(TensorRef self) {
  Layout layout(self);
  const int last = self.ndim() - 1;
  bool dense = self.stride(last) == 1;
  layout.erase(last);
  for (int d = 0; d < last; ++d) {
    dense &= self.size(d) < 2 || layout.strides[d] % 2 == 0;
    layout.strides[d] /= 2;
  }
  if (!dense)
    throw fail(TW_E_SHAPE, "view_as_complex: the two parts of each number must lie side by side; strides are ",
               self.strides());
  return retyped(self, layout.shape, layout.strides, self.dtype() == kFloat64 ? kComplex128 : kComplex64);
}

}  // namespace tw::view
