#include "view/geometry.h"
#include <tensorwright/checked.hpp>

#include <algorithm>

#include "runtime/tensor.h"
#include "runtime/text.h"

namespace tw::view {

int normalize_dim(const char* op, int64_t dim, int ndim) {
  const int64_t range = ndim > 0 ? ndim : 1;
  if (dim < -range || dim >= range)
    throw fail(TW_E_INDEX, op, ": dimension ", dim, " is out of range: expected ", -range, " to ", range - 1);
  return static_cast<int>(dim < 0 ? dim + range : dim);
}

bool has_shape(TensorRef t, IntList shape) {
  return std::equal(shape.begin(), shape.end(), t.shape().begin(), t.shape().end());
}

namespace {

[[noreturn]] void wrong_shape(const char* op, TensorRef self, IntList shape) {
  throw fail(TW_E_SHAPE, op, ": shape ", shape, " does not hold the ", self.numel(), " elements of a tensor of shape ",
             self.shape());
}

}  // namespace

Sizes complete_shape(const char* op, TensorRef self, IntList shape) {
  Sizes sizes = shape.vec();
  int64_t known = 1, unknown = -1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == -1 && unknown < 0) {
      unknown = static_cast<int64_t>(d);
    } else if (sizes[d] < 0) {
      throw fail(TW_E_VALUE, op, ": shape ", shape, ": sizes must not be negative, except for one -1");
    } else if (__builtin_mul_overflow(known, sizes[d], &known)) {
      wrong_shape(op, self, shape);
    }
  }
  if (unknown >= 0) {
    if (known == 0) throw fail(TW_E_SHAPE, op, ": shape ", shape, ": with a size of 0 the -1 could be any size");
    const int64_t fitting = self.numel() / known;
    sizes[unknown] = fitting;
    known *= fitting;
  }
  if (known != self.numel()) wrong_shape(op, self, shape);
  return sizes;
}

namespace {

Sizes contiguous_strides(IntList shape) {
  Sizes strides(shape.size());
  int64_t step = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = step;
    step = checked::mul(step, std::max<int64_t>(shape[d], 1));
  }
  return strides;
}

}  // namespace

std::optional<Sizes> strides_for(TensorRef self, IntList shape) {
  if (self.is_contiguous() || self.numel() == 0) return contiguous_strides(shape);
  Sizes strides(shape.size());
  int next = static_cast<int>(shape.size()) - 1;  // new dimensions up to here have no strides yet
  int64_t chunk = 1, step = self.ndim() ? self.stride(-1) : 1;
  for (int d = self.ndim() - 1; d >= 0; --d) {
    chunk *= self.size(d);
    // Old dimensions that continue each other's strides form one chunk.
    if (d > 0 && (self.size(d - 1) == 1 || self.stride(d - 1) == chunk * step)) continue;
    int64_t taken = 1;
    while (next >= 0 && (taken < chunk || shape[next] == 1)) {
      strides[next] = taken * step;
      taken = checked::mul(taken, shape[next--]);
    }
    if (taken != chunk) return std::nullopt;
    if (d > 0) chunk = 1, step = self.stride(d - 1);
  }
  return next < 0 ? std::optional<Sizes>(strides) : std::nullopt;
}

int64_t storage_numel(TensorRef self) {
  return static_cast<int64_t>(storage_of(self.get())->nbytes) / item_size(self.dtype());
}

int64_t storage_offset(TensorRef self) { return byte_offset(self.get()) / item_size(self.dtype()); }

Tensor retyped(TensorRef self, IntList shape, IntList strides, tw_dtype dtype, int64_t offset) {
  tw_tensor* out;
  void* data = advanced(self.data<void>(), checked::mul(offset, item_size(self.dtype())));
  check(tensor_view(self.get(), shape.data(), strides.data(), static_cast<int32_t>(shape.size()), data, dtype, &out));
  return Tensor::steal(out);
}

Tensor restrided(TensorRef self, IntList shape, IntList strides, int64_t offset) {
  return retyped(self, shape, strides, self.dtype(), offset);
}

}  // namespace tw::view
