// Pieces of the reduction driver. The tree is that of docs/expression-language.md: blocks of 1024 elements, each
// folded by the generated kernels, and block results combined as a binary counter combines them. Where the elements
// lie and who computes which block changes no bit.
#pragma once

#include "cpu/bind.h"
#include "cpu/copies/cast.h"
#include "cpu/pointwise/pointwise.h"
#include "cpu/space.h"

namespace tw::cpu {

constexpr int64_t kGroupBlocks = 32;  // blocks of one unit of work: a complete subtree
constexpr int64_t kGroup = kGroupBlocks * kReductionBlock;

// Rows of memory that counting n partial results takes.
constexpr int counter_depth(int64_t n) { return n > 1 ? 1 + counter_depth((n + 1) / 2) : 2; }
constexpr int kGroupDepth = counter_depth(kGroupBlocks);

struct ReductionPlan {
  ReductionKernels kernels;
  int operands;
  int64_t item;         // of the kernel's type
  int64_t result_item;  // of what the kernel leaves: 1 for truth values
  struct Operand {
    const char* data;  // null: the constant of the same index
    CastFn cast;       // to the kernel's type
    bool plain;        // it is of that type already
  } operand[4];
  Splat constants[4];

  // Streams are the operands.
  Space reduced;  // in logical order
  Space kept;     // the results; its last stream is the row-major index of a result
  int64_t groups() const { return (reduced.numel - 1) / kGroup + 1; }
};

// The dimensions that a call folds, as bits.
tw_status reduced_dims(const tw_call* call, const ReductionOp& op, uint64_t* dims);

// Partial results of `count` results from `first` on, of one group of blocks each, to `out`, contiguous.
void reduce_rows(const ReductionPlan& plan, int64_t first, int64_t count, int64_t group, char* out);
// The same for results that lie side by side in the last kept dimension, computed column by column.
void reduce_columns(const ReductionPlan& plan, int64_t first, int64_t count, int64_t group, char* out);

// Partial results in order, merged as they come.
class PartialCounter {
 public:
  // `memory` holds counter_depth(number of partial results) rows of `cols` results.
  PartialCounter(Combine combine, int64_t cols, int64_t item, char* memory)
      : combine_(combine), cols_(cols), bytes_(cols * item), memory_(memory) {}
  char* next() { return memory_ + depth_ * bytes_; }  // where to write the next partial result
  void push();                                        // after it was written
  const char* finish();                               // the total

 private:
  Combine combine_;
  int64_t cols_, bytes_;
  char* memory_;
  int depth_ = 0;
  uint64_t pushed_ = 0;
};

}  // namespace tw::cpu
