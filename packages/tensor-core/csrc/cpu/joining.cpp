#include "declarations/joining.h"
#include "cpu/element_types.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

// The part of `out` that one of the joined tensors fills.
Tensor slice_of(TensorRef out, int64_t dim, int64_t start, int64_t size) {
  std::vector<int64_t> shape = out.shape().vec();
  shape[static_cast<size_t>(dim)] = size;
  return as_strided(out, shape, out.strides(), start * out.stride(static_cast<int>(dim)) * item_size(out.dtype()));
}

// What a tensor contributes along the dimension; an empty vector beside tensors of more dimensions nothing.
int64_t length_along(TensorRef t, int64_t dim, TensorRef out) {
  return t.ndim() == out.ndim() ? t.size(static_cast<int>(dim)) : 0;
}

// Contiguous parts of the result's dtype: rows of bytes.
bool join_rows(TensorList tensors, int64_t dim, TensorRef out) {
  for (tw_tensor* t : tensors)
    if (!TensorRef(t).is_contiguous() || TensorRef(t).dtype() != out.dtype()) return false;
  const DimSplit split(out.shape(), dim);
  const int64_t unit = split.inner * item_size(out.dtype()), out_row = split.size * unit;
  parallel_for(0, split.outer, grain_for(out_row / 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      char* to = out.data<char>() + row * out_row;
      for (tw_tensor* t : tensors) {
        const int64_t bytes = length_along(t, dim, out) * unit;
        if (bytes > 0) std::memcpy(to, TensorRef(t).data<char>() + row * bytes, static_cast<size_t>(bytes));
        to += bytes;
      }
    }
  });
  return true;
}

}  // namespace

void cat(TensorList tensors, int64_t dim, TensorRef out) {
  dim = normalized_dim(dim, out.ndim());
  if (out.numel() == 0 || join_rows(tensors, dim, out)) return;
  int64_t start = 0;
  for (tw_tensor* t : tensors) {
    const int64_t size = length_along(t, dim, out);
    if (size > 0) copy_elements(slice_of(out, dim, start, size), t);
    start += size;
  }
}

}  // namespace tw::cpu
