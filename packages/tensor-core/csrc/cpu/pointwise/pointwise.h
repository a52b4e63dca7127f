// Pieces of the pointwise driver.
#pragma once

#include "cpu/bind.h"
#include "cpu/copies/cast.h"
#include "cpu/space.h"

namespace tw::cpu {

// One value repeated over 64 bytes: how kernels take scalars.
struct alignas(64) Splat {
  char bytes[64];
};
void fill_splat(Splat& splat, const void* value, int64_t size);
// A Python number in a compute type; refuses those that do not fit.
tw_status scalar_splat(const OpSpec& spec, const tw_value& scalar, ComputeType type, Splat* out);

// The dtype that the operands of a pointwise op promote to. Bool operands do not take part, nor do integers given for
// parameters such as alpha: True + True is a bool.
tw_dtype operand_dtype(const PointwiseOp& op, const OpSpec& spec, const tw_value* args);

struct PointwisePlan {
  PointwiseKernel kernel;
  int operands, results;
  struct Operand {
    const char* data;    // null: the constant of the same index
    CastFn cast;         // to the kernel's type
    bool plain;          // it is of the kernel's type already
    int64_t item;        // size of the kernel's type (1 for bool operands)
    int64_t run_stride;  // Space::run_stride
  } operand[kMaxOperands];
  struct Result {
    char* data;
    CastFn cast;  // from the kernel's type
    bool plain;
    int64_t item;
    int64_t run_stride;
  } result[kMaxResults];
  Splat constants[kMaxOperands];
};

// Computes elements [begin, end) in the space's order; streams are the results, then the operands.
void run_pointwise(const PointwisePlan& plan, const Space& space, int64_t begin, int64_t end);

}  // namespace tw::cpu
