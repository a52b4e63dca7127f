// Indices as kernels use them: int64, checked once, negative ones counting from the end.
#pragma once

#include <atomic>

#include "cpu/copies/movement.h"
#include "cpu/staging.h"

namespace tw::cpu {

inline void check_index(const char* op, int64_t index, int64_t dim, int64_t size) {
  if (index >= -size && index < size) return;
  throw fail(TW_E_INDEX, op, ": index ", index, " is out of range for dimension ", dim, " of size ", size);
}

inline void check_indices(const char* op, const int64_t* values, int64_t count, int64_t dim, int64_t size) {
  std::atomic<bool> valid{true};
  parallel_for(0, count, int64_t{1} << 16, [&](int64_t begin, int64_t end) {
    if (!conversion_kernels().all_between(end - begin, values + begin, -size, size)) valid = false;
  });
  for (int64_t i = 0; !valid && i < count; ++i) check_index(op, values[i], dim, size);
}

// All indices, contiguous and checked against the size of the dimension they are for.
inline Tensor checked_indices(const char* op, TensorRef index, int64_t dim, int64_t size) {
  Tensor indices = dense(index, kInt64);
  check_indices(op, indices.data<int64_t>(), indices.numel(), dim, size);
  return indices;
}

inline int64_t wrapped(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

}  // namespace tw::cpu
