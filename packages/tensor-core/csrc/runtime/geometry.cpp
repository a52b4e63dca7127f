#include <algorithm>
#include <cstring>

#include "runtime/tensor.h"

namespace tw {

bool checked_numel(const int64_t* shape, int32_t ndim, int64_t* numel) {
  int64_t product = 1;
  bool overflow = false, empty = false;
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] < 0) return false;
    empty |= shape[i] == 0;
    overflow |= __builtin_mul_overflow(product, shape[i], &product);
  }
  *numel = empty ? 0 : product;
  return empty || !overflow;
}

bool is_contiguous(const int64_t* shape, const int64_t* strides, int32_t ndim) {
  int64_t expected = 1;
  bool contiguous = true;
  for (int i = ndim - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1) {
      contiguous &= strides[i] == expected;
      expected *= shape[i];
    }
  }
  return contiguous;
}

MemoryRange memory_range(const tw_tensor* t) {
  const char* data = static_cast<const char*>(t->dl.data);
  if (t->numel == 0) return {data, data};
  const int64_t item = item_size(t->dl.dtype);
  int64_t low = 0, high = item;
  for (int i = 0; i < t->dl.ndim; ++i) {
    const int64_t reach = (t->dl.shape[i] - 1) * t->dl.strides[i] * item;
    (reach < 0 ? low : high) += reach;
  }
  return {data + low, data + high};
}

bool may_overlap_itself(const tw_tensor* t) {
  if ((t->flags & TW_F_CONTIGUOUS) || t->numel < 2) return false;
  struct Dim {
    int64_t stride, size;
  };
  Dim dims[TW_MAX_NDIM];
  int n = 0;
  for (int i = 0; i < t->dl.ndim; ++i)
    if (t->dl.shape[i] > 1) dims[n++] = {std::abs(t->dl.strides[i]), t->dl.shape[i]};
  std::sort(dims, dims + n, [](const Dim& a, const Dim& b) { return a.stride < b.stride; });
  int64_t reach = 0;  // of the dimensions so far
  for (int i = 0; i < n; ++i) {
    if (dims[i].stride <= reach) return true;
    reach += (dims[i].size - 1) * dims[i].stride;
  }
  return false;
}

Overlap overlap_of(const tw_tensor* a, const tw_tensor* b) {
  if (block_of(a)->owner != block_of(b)->owner && a->dl.data != b->dl.data) {
    // Two blobs may still wrap one piece of foreign memory.
    if (block_of(a)->owner->kind != StorageKind::kForeign || block_of(b)->owner->kind != StorageKind::kForeign)
      return Overlap::kNone;
  }
  if (a->backend != b->backend || (a->flags & TW_F_NODATA)) return Overlap::kNone;
  const MemoryRange ra = memory_range(a), rb = memory_range(b);
  if (ra.high <= rb.low || rb.high <= ra.low) return Overlap::kNone;
  const size_t bytes = size_t(a->dl.ndim) * sizeof(int64_t);
  const bool same = a->dl.data == b->dl.data && a->dl.ndim == b->dl.ndim && a->dl.dtype.bits == b->dl.dtype.bits &&
                    !std::memcmp(a->dl.shape, b->dl.shape, bytes) &&
                    (((a->flags & b->flags) & TW_F_CONTIGUOUS) || !std::memcmp(a->dl.strides, b->dl.strides, bytes));
  return same ? Overlap::kSame : Overlap::kPartial;
}

}  // namespace tw
