#include "declarations/joining.h"

#include <algorithm>

#include "cpu/copies/interleave.h"
#include "cpu/copies/movement.h"
#include "cpu/copies/plane.h"
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

constexpr int64_t kShortRow = 64;          // bytes that each tensor gives to a row of the result
constexpr int64_t kSerialBytes = 1 << 17;  // of a row that is not worth being shared by threads

// Rows to which each tensor gives a few bytes: some hundred rows of one tensor after another, while they are in cache.
void join_short_rows(TensorList tensors, int64_t dim, TensorRef out) {
  const DimSplit split(out.shape(), dim);
  const int64_t item = item_size(out.dtype()), out_row = split.size * split.inner * item;
  const CastFn copy = cast_function(dtype_id(out.dtype()), dtype_id(out.dtype()));
  parallel_for(0, split.outer, grain_for(out_row / 4), [&](int64_t begin, int64_t end) {
    char* to = out.data<char>() + begin * out_row;
    for (tw_tensor* t : tensors) {
      const int64_t cols = length_along(t, dim, out) * split.inner, row = cols * item;
      if (cols == 0) continue;
      copy_plane(copy, item, end - begin, cols, TensorRef(t).data<char>() + begin * row, {row, item}, to,
                 {out_row, item});
      to += row;
    }
  });
}

// Single elements of each tensor in turn.
bool interleave_elements(TensorList tensors, const DimSplit& split, TensorRef out) {
  const int parts = static_cast<int>(std::min<size_t>(tensors.size(), kMostInterleaved + 1));
  if (split.inner != 1 || split.size != parts) return false;
  const int64_t item = item_size(out.dtype());
  const char* from[kMostInterleaved + 1];
  for (int p = 0; p < parts; ++p) {
    from[p] = TensorRef(tensors[static_cast<size_t>(p)]).data<char>();
    if (TensorRef(tensors[static_cast<size_t>(p)]).numel() != split.outer) return false;
  }
  if (!interleave(parts, item, 0, from, out.data<char>())) return false;
  parallel_for(0, split.outer, std::max<int64_t>(1, kChunkWork / parts), [&](int64_t begin, int64_t end) {
    const char* at[kMostInterleaved];
    for (int p = 0; p < parts; ++p) at[p] = from[p] + begin * item;
    interleave(parts, item, end - begin, at, out.data<char>() + begin * parts * item);
  });
  return true;
}

// Contiguous parts of the result's dtype: rows of bytes.
bool join_rows(TensorList tensors, int64_t dim, TensorRef out) {
  for (tw_tensor* t : tensors)
    if (!TensorRef(t).is_contiguous() || TensorRef(t).dtype() != out.dtype()) return false;
  const DimSplit split(out.shape(), dim);
  const int64_t item = item_size(out.dtype()), unit = split.inner * item, out_row = split.size * unit;
  if (split.outer == 1 && out_row > kSerialBytes) return false;  // one after another, each by all threads
  if (interleave_elements(tensors, split, out)) return true;
  if (out_row <= kShortRow * static_cast<int64_t>(tensors.size())) return join_short_rows(tensors, dim, out), true;
  parallel_for(0, split.outer, grain_for(out_row / 32), [&](int64_t begin, int64_t end) {
    char* to = out.data<char>() + begin * out_row;
    for (tw_tensor* t : tensors) {
      const int64_t bytes = length_along(t, dim, out) * unit;
      if (bytes == 0) continue;
      movement_kernels().copy_rows(end - begin, bytes, TensorRef(t).data<char>() + begin * bytes, bytes, to, out_row);
      to += bytes;
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
