// The generated kernels of pointwise and reduction ops, and what the drivers know of each op. Kernels see
// contiguous blocks of one compute type; packing, casting and splitting are the drivers' business.
#pragma once

#include <tensorwright/tw_abi.h>

#include <atomic>

namespace tw::cpu {

enum class ComputeType : uint8_t { kF32, kF64, kI32, kI64, kB8, kU64, kC32, kC64 };
constexpr int kComputeTypes = 8;
constexpr int kMaxOperands = 16;
constexpr int kMaxResults = 8;
constexpr int64_t kReductionBlock = 1024;  // elements of one leaf of the reduction tree

// n elements. Operand k is contiguous if in_step[k] == 1; if 0, as numbers always are, in[k] is a 64-byte splat.
using PointwiseKernel = void (*)(int64_t n, void* const* out, const void* const* in, const uint8_t* in_step);

// One output from n elements of each operand: at most 32 blocks of kReductionBlock, the last of which may be shorter.
using ReduceRow = void (*)(int64_t n, const void* const* in, const uint8_t* in_step, void* out);
// `cols` outputs; element (i, c) of operand k is i * row_stride[k] + c elements on, or in a splat if in_step[k] == 0.
using ReduceCols = void (*)(int64_t n, int64_t cols, const void* const* in, const int64_t* row_stride,
                            const uint8_t* in_step, void* out);
// One output from each of several rows of at most kReductionBlock elements, `row_bytes` apart.
using ReduceShortRows = void (*)(int64_t rows, int64_t n, const void* in, int64_t row_bytes, void* out);
// acc[c] = combine(acc[c], other[c])
using Combine = void (*)(int64_t cols, void* acc, const void* other);

struct PointwiseEntry {
  const char* op;
  ComputeType type;
  PointwiseKernel kernel;
};
struct ReductionEntry {
  const char* op;
  ComputeType type;
  ReduceRow row;
  ReduceCols cols;
  Combine combine;
  ReduceShortRows short_rows;  // or null
};
struct KernelTable {  // one per instruction set: baseline_table(), avx2_table(), avx512_table()
  const PointwiseEntry* pointwise;
  int pointwise_count;
  const ReductionEntry* reductions;
  int reduction_count;
};

enum class DtypeRule : uint8_t {
  kPromote,  // of all operands
  kFloat,    // promote; integers and bool become the default float type
  kRule,     // the op's infer function computes it; operands are cast to the result's dtype
};

// `self` of a pointwise op's infer and kernel; generated.
struct PointwiseOp {
  const char* name;  // key in the kernel table
  uint8_t operand_count;
  uint8_t result_count;
  uint8_t operand_args[kMaxOperands];  // argument index of each operand (tensors and scalars alike)
  uint64_t bool_operands;              // bit k: operand k is bool whatever the compute type is
  uint64_t bool_results;
  uint64_t real_results;     // bit r: result r has the type of the parts where the compute type is complex
  uint64_t complex_results;  // bit r: result r is complex, of parts of the compute type
  DtypeRule rule;
  uint32_t compute_types;  // bit per ComputeType that has a kernel
  bool accepts_uniform;    // no constraint refuses contiguous tensors of one shape and compute type
};

enum class ReductionDtype : uint8_t {
  kSame,   // amax, amin
  kSum,    // integers and bool accumulate in int64 (sum, prod), `dtype=` overrides
  kFloat,  // floats only, integers refused (mean)
  kBool,   // any, all
};
enum class Empty : uint8_t { kIdentity, kError };

// `self` of a reduction op; generated. Arguments are (self, dim, keepdim, [dtype]) at the given indices.
struct ReductionOp {
  const char* name;
  uint8_t operand_args[4];
  uint8_t operand_count;
  int8_t dim_arg, keepdim_arg, dtype_arg;  // -1 if the op has none
  ReductionDtype dtype;
  Empty empty;
  double identity;
  uint32_t compute_types;
};

// Hand-written generic drivers behind every generated op of these kinds.
tw_status pointwise_infer(void* self, const tw_call* call, tw_meta* metas);
tw_status pointwise_run(void* self, tw_call* call);
tw_status reduction_infer(void* self, const tw_call* call, tw_meta* metas);
tw_status reduction_run(void* self, tw_call* call);

}  // namespace tw::cpu
