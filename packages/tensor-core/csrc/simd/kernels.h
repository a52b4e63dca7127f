// The kernels that codegen writes from op expressions, as the driver sees them: see emit in tensorwright_codegen.
#pragma once

#include <cstdint>

namespace tw {

// The type a kernel computes in. Narrower dtypes are converted to and from it; b8 is a byte, 0 or 1.
enum class ComputeType : uint8_t { f32, f64, i32, i64, b8 };

// n elements. Operand k is read at in[k] if in_step[k] is 1; if it is 0, in[k] points at 64 bytes filled with one
// value. Results are contiguous. No alignment is needed, and out[k] may equal in[j] where in_step[j] is 1.
using PointwiseKernel = void (*)(int64_t n, void* const* out, const void* const* in, const uint8_t* in_step);

struct PointwiseEntry {
  const char* op;
  ComputeType type;
  PointwiseKernel fn;
};

// One block of the reduction tree: 1 <= n <= 1024 contiguous elements of every operand (steps as above) to one result.
using ReduceRow = void (*)(int64_t n, const void* const* in, const uint8_t* in_step, void* out);

// The same of `cols` columns at once: element (i, c) of operand k is at element i * row_stride[k] + c * in_step[k] of
// in[k]; 1 <= n <= 1024 rows.
using ReduceCols = void (*)(int64_t n, int64_t cols, const void* const* in, const int64_t* row_stride,
                            const uint8_t* in_step, void* out);

// acc[c] = combine(acc[c], other[c])
using Combine = void (*)(int64_t cols, void* acc, const void* other);

// Results have the compute type, or are bytes for any and all.
struct ReductionEntry {
  const char* op;
  ComputeType type;
  ReduceRow row;
  ReduceCols cols;
  Combine combine;
};

}  // namespace tw
