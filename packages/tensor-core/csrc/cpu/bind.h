// The generated kernels of pointwise and reduction ops, resolved for this machine once, at start-up.
#pragma once

#include "cpu/kernel_tables.h"
#include "dispatch/op.h"
#include "runtime/dtype.h"

namespace tw::cpu {

struct BoundPointwise {  // `self` of pointwise_run
  const PointwiseOp* op;
  const OpSpec* spec;
  bool quick;        // no rules of its own: pointwise_quick may take its calls
  bool floats_only;  // integers are converted first
  PointwiseKernel kernels[kComputeTypes];
};
struct ReductionKernels {
  ReduceRow row;
  ReduceCols cols;
  Combine combine;
  ReduceShortRows short_rows;
};
struct BoundReduction {  // `self` of reduction_run
  const ReductionOp* op;
  const OpSpec* spec;
  ReductionKernels kernels[kComputeTypes];
};

// Takes the simplest calls of a bound op without the general machinery; TW_DECLINE, with nothing done, for others.
tw_status pointwise_quick(void* self, tw_call* call);

// The type that a call of a pointwise op is computed in; refuses dtypes that it has no kernel for.
tw_status pointwise_compute_type(const BoundPointwise& bound, const tw_call* call, ComputeType* type);

// Gives the record of a generated op its kernels; leaves records of other ops alone.
void bind_kernels(const OpSpec& spec, KernelRecord* record);

// The kernel of a pointwise op by its name, for kernels that work on rows of their own. There must be one.
PointwiseKernel pointwise_kernel(const char* op, ComputeType type);

constexpr int64_t kComputeSize[kComputeTypes] = {4, 8, 4, 8, 1, 8, 8, 16};
constexpr DtypeId kComputeDtype[kComputeTypes] = {DtypeId::kFloat32,   DtypeId::kFloat64,   DtypeId::kInt32,
                                                  DtypeId::kInt64,     DtypeId::kBool,      DtypeId::kUInt64,
                                                  DtypeId::kComplex64, DtypeId::kComplex128};

constexpr bool is_complex_type(ComputeType type) { return type == ComputeType::kC32 || type == ComputeType::kC64; }
// The type of a complex type's parts; of any other, itself.
constexpr ComputeType part_type(ComputeType type) {
  return type == ComputeType::kC32 ? ComputeType::kF32 : type == ComputeType::kC64 ? ComputeType::kF64 : type;
}
// The type that a pointwise kernel of a compute type leaves in result r.
inline ComputeType result_type(const PointwiseOp& op, ComputeType type, int r) {
  if (op.bool_results >> r & 1) return ComputeType::kB8;
  if (op.complex_results >> r & 1) return type == ComputeType::kF32 ? ComputeType::kC32 : ComputeType::kC64;
  return op.real_results >> r & 1 ? part_type(type) : type;
}

inline tw_dtype complex_dtype(tw_dtype d) { return d == kFloat64 || d == kComplex128 ? kComplex128 : kComplex64; }
inline tw_dtype real_dtype(tw_dtype d) { return is_complex(d) ? (d.bits == 64 ? kFloat32 : kFloat64) : d; }

// The dtype of result r of a pointwise op whose operands promote to `d`.
inline tw_dtype result_dtype(const PointwiseOp& op, tw_dtype d, int r) {
  if (op.bool_results >> r & 1) return kBool;
  if (op.complex_results >> r & 1) return complex_dtype(d);
  return op.real_results >> r & 1 ? real_dtype(d) : d;
}

// The type in which values of a dtype are computed, given the set an op has kernels for; -1 if none fits.
int compute_type(tw_dtype dtype, uint32_t available);

}  // namespace tw::cpu
