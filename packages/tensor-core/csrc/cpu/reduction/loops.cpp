// Folding the elements of one group of blocks: row by row, or many columns at once.
#include <algorithm>
#include <vector>

#include "cpu/copies/movement.h"
#include "cpu/reduction/reduction.h"

namespace tw::cpu {

namespace {

constexpr int64_t kColumns = 512;       // results of one column pass over data as it lies
constexpr int64_t kPackedColumns = 16;  // over packed data, if there are 1024 rows of them; more of fewer

// A kernel that lays rows of `run` neighbours as columns; null where elements need a cast or are no neighbours.
TransposeKernel transpose_kernel(const ReductionPlan& plan, int k, int64_t step) {
  if (!plan.operand[k].plain || step != plan.item) return nullptr;
  if (step == 4) return movement_kernels().transpose_32;
  return step == 8 ? movement_kernels().transpose_64 : nullptr;
}

// n elements of an operand of the reduced space, from a linear index on, each with its neighbours in `copies` columns,
// to a block of the kernel's type.
void pack_columns(const ReductionPlan& plan, int k, const char* base, int64_t index, int64_t n, int64_t copies,
                  int64_t copy_stride, char* to) {
  const Space& space = plan.reduced;
  const int64_t item = plan.item, step = space.last_stride(k);
  const TransposeKernel transpose = transpose_kernel(plan, k, step);
  for (Walker walk(space, index); n > 0;) {
    const int64_t run = std::min(n, walk.left_in_run());
    const char* from = base + walk.offset(k);
    if (transpose)
      transpose(copies, run, from, copy_stride, to, copies * item);
    else
      for (int64_t i = 0; i < run; ++i)
        plan.operand[k].cast(copies, from + i * step, copy_stride, to + i * copies * item, item);
    to += run * copies * item;
    n -= run;
    walk.advance(run);
  }
}

// The same for a single column.
void pack_row(const ReductionPlan& plan, int k, const char* base, int64_t index, int64_t n, char* to) {
  const Space& space = plan.reduced;
  const int64_t item = plan.item, step = space.last_stride(k), run_stride = space.run_stride(k);
  if (run_stride != -1) return plan.operand[k].cast(n, base + index * run_stride, run_stride, to, item);
  for (Walker walk(space, index); n > 0;) {
    const int64_t run = std::min(n, walk.left_in_run());
    plan.operand[k].cast(run, base + walk.offset(k), step, to, item);
    to += run * item;
    n -= run;
    walk.advance(run);
  }
}

// How one operand of a row reaches the kernel.
struct RowSource {
  const char* base;
  const void* fixed;  // a splat, if the operand has one value in the whole row
  bool direct;        // read where it lies
};

class RowReducer {
 public:
  explicit RowReducer(const ReductionPlan& plan) : plan_(plan) {
    bool packed = false;
    for (int k = 0; k < plan.operands; ++k) {
      stride_[k] = plan.reduced.run_stride(k);
      const bool direct = plan.operand[k].plain && stride_[k] == plan.item;
      packed |= stride_[k] != 0 && !direct;
      all_direct_ &= direct || !plan.operand[k].data;
    }
    short_ = plan.kernels.short_rows && plan.reduced.numel <= kReductionBlock && plan.operand[0].data &&
             plan.reduced.run_stride(0) != 0;
    together_ = packed ? std::max<int64_t>(16 / plan.item, 1) : kGroupBlocks;
  }

  // Results that are neighbours in the last kept dimension, if there is one.
  void reduce(Walker& result, int64_t count, int64_t group, char* out) {
    if (short_) return reduce_short(result, count, out);
    if (all_direct_) return reduce_direct(result, count, group, out);
    for (int64_t i = 0; i < count; ++i) {
      reduce_one(result, group, out + i * plan_.result_item);
      result.advance(1);
    }
  }

 private:
  // Rows of one operand that are a block at most: as many of them in a call as fit in the buffer, if they are packed.
  void reduce_short(Walker& result, int64_t count, char* out) {
    const int64_t n = plan_.reduced.numel, step = plan_.kept.last_stride(0);
    const char* from = plan_.operand[0].data + result.offset(0);
    if (all_direct_) {
      plan_.kernels.short_rows(count, n, from, step, out);
    } else {
      const int64_t most = std::max<int64_t>(kBufferBytes / (n * plan_.item), 1);
      for (int64_t done = 0; done < count; done += most) {
        const int64_t rows = std::min(most, count - done);
        pack_rows(from + done * step, rows, buffer_[0]);
        plan_.kernels.short_rows(rows, n, buffer_[0], n * plan_.item, out + done * plan_.result_item);
      }
    }
    result.advance(count);
  }

  void pack_rows(const char* from, int64_t rows, char* to) {
    const int64_t n = plan_.reduced.numel, step = plan_.kept.last_stride(0);
    if (rows > 1 && stride_[0] != -1 && step == n * stride_[0])
      return plan_.operand[0].cast(rows * n, from, stride_[0], to, plan_.item);
    for (int64_t i = 0; i < rows; ++i) pack_row(plan_, 0, from + i * step, 0, n, to + i * n * plan_.item);
  }

  // Rows that the kernel reads where they lie: between two of short ones there is to be nothing but an addition.
  void reduce_direct(Walker& result, int64_t count, int64_t group, char* out) {
    const void* in[4];
    uint8_t step[4];
    const int64_t begin = group * kGroup, n = std::min(plan_.reduced.numel - begin, kGroup);
    for (int k = 0; k < plan_.operands; ++k) {
      const char* data = plan_.operand[k].data;
      step[k] = data != nullptr;
      in[k] = data ? static_cast<const void*>(data + result.offset(k) + begin * plan_.item) : &plan_.constants[k];
    }
    for (int64_t i = 0; i < count; ++i, out += plan_.result_item) {
      plan_.kernels.row(n, in, step, out);
      for (int k = 0; k < plan_.operands; ++k)
        if (step[k]) in[k] = static_cast<const char*>(in[k]) + plan_.kept.last_stride(k);
    }
    result.advance(count);
  }

  void reduce_one(const Walker& result, int64_t group, char* out) {
    for (int k = 0; k < plan_.operands; ++k) source_[k] = locate(k, result);
    const int64_t begin = group * kGroup, end = std::min(plan_.reduced.numel, begin + kGroup);
    const int64_t step = together_ * kReductionBlock;
    if (end - begin <= step) return fold_blocks(begin, end - begin, out);
    PartialCounter counter(plan_.kernels.combine, 1, plan_.result_item, partials_);
    for (int64_t b = begin; b < end; b += step) {
      fold_blocks(b, std::min(step, end - b), counter.next());
      counter.push();
    }
    std::copy_n(counter.finish(), plan_.result_item, out);
  }

  RowSource locate(int k, const Walker& result) {
    const auto& operand = plan_.operand[k];
    if (!operand.data) return {nullptr, &plan_.constants[k], false};
    const char* base = operand.data + result.offset(k);
    if (stride_[k] == 0) {
      char value[16];
      operand.cast(1, base, 0, value, plan_.item);
      fill_splat(splat_[k], value, plan_.item);
      return {base, &splat_[k], false};
    }
    return {base, nullptr, operand.plain && stride_[k] == plan_.item};
  }

  void fold_blocks(int64_t begin, int64_t n, char* out) {
    const void* in[4];
    uint8_t step[4];
    for (int k = 0; k < plan_.operands; ++k) {
      const RowSource& source = source_[k];
      step[k] = !source.fixed;
      if (source.fixed) {
        in[k] = source.fixed;
      } else if (source.direct) {
        in[k] = source.base + begin * plan_.item;
      } else {
        pack_row(plan_, k, source.base, begin, n, buffer_[k]);
        in[k] = buffer_[k];
      }
    }
    plan_.kernels.row(n, in, step, out);
  }

  static constexpr int64_t kBufferBytes = kReductionBlock * 16;

  const ReductionPlan& plan_;
  bool all_direct_ = true, short_;
  int64_t together_;  // blocks of one call: a subtree, of which the buffers hold fewer than memory
  int64_t stride_[4];
  RowSource source_[4];
  Splat splat_[4];
  alignas(64) char partials_[kGroupDepth * 16];
  alignas(64) char buffer_[4][kBufferBytes];
};

class ColumnReducer {
 public:
  explicit ColumnReducer(const ReductionPlan& plan) : plan_(plan) {
    const int last = plan.kept.ndim - 1;
    for (int k = 0; k < plan.operands; ++k) {
      column_step_[k] = plan.operand[k].data ? plan.kept.strides[k][last] : 0;
      direct_[k] = plan.operand[k].plain && plan.reduced.ndim == 1 && column_step_[k] == plan.item &&
                   plan.reduced.strides[k][0] % plan.item == 0;
      packed_ |= plan.operand[k].data && !direct_[k];
    }
    rows_ = std::min(plan.reduced.numel, kReductionBlock);
    width_ = packed_ ? std::min(kColumns, kPackedColumns * (kReductionBlock / rows_)) : kColumns;
    if (plan.reduced.numel > kReductionBlock) partials_.resize(kGroupDepth * width_ * plan.result_item);
    if (packed_) buffer_.resize(plan.operands * rows_ * width_ * plan.item);
  }

  // Results that are neighbours in the last kept dimension.
  void reduce(const Walker& result, int64_t count, int64_t group, char* out) {
    for (int64_t done = 0; done < count; done += width_) {
      const int64_t cols = std::min(width_, count - done);
      for (int k = 0; k < plan_.operands; ++k)
        base_[k] = plan_.operand[k].data ? plan_.operand[k].data + result.offset(k) + done * column_step_[k] : nullptr;
      fold_group(cols, group, out + done * plan_.result_item);
    }
  }

 private:
  void fold_group(int64_t cols, int64_t group, char* out) {
    const int64_t begin = group * kGroup, end = std::min(plan_.reduced.numel, begin + kGroup);
    if (end - begin <= kReductionBlock) return fold_block(begin, end - begin, cols, out);
    PartialCounter counter(plan_.kernels.combine, cols, plan_.result_item, partials_.data());
    for (int64_t b = begin; b < end; b += kReductionBlock) {
      fold_block(b, std::min(kReductionBlock, end - b), cols, counter.next());
      counter.push();
    }
    std::copy_n(counter.finish(), cols * plan_.result_item, out);
  }

  void fold_block(int64_t begin, int64_t n, int64_t cols, char* out) {
    const void* in[4];
    int64_t row_stride[4];
    uint8_t step[4];
    for (int k = 0; k < plan_.operands; ++k) {
      if (!base_[k]) {
        in[k] = &plan_.constants[k], row_stride[k] = 0, step[k] = 0;
      } else if (direct_[k]) {
        in[k] = base_[k] + begin * plan_.reduced.strides[k][0];
        row_stride[k] = plan_.reduced.strides[k][0] / plan_.item;
        step[k] = 1;
      } else {
        char* to = buffer_.data() + k * rows_ * width_ * plan_.item;
        pack_rows(k, begin, n, cols, to);
        in[k] = to, row_stride[k] = cols, step[k] = 1;
      }
    }
    plan_.kernels.cols(n, cols, in, row_stride, step, out);
  }

  void pack_rows(int k, int64_t begin, int64_t n, int64_t cols, char* to) {
    pack_columns(plan_, k, base_[k], begin, n, cols, column_step_[k], to);
  }

  const ReductionPlan& plan_;
  bool packed_ = false;
  int64_t rows_, width_;  // of a block
  int64_t column_step_[4];
  bool direct_[4];
  const char* base_[4];
  std::vector<char> partials_, buffer_;
};

}  // namespace

void reduce_rows(const ReductionPlan& plan, int64_t first, int64_t count, int64_t group, char* out) {
  RowReducer reducer(plan);
  for (Walker result(plan.kept, first); count > 0;) {
    const int64_t run = std::min(count, result.left_in_run());
    reducer.reduce(result, run, group, out);
    out += run * plan.result_item;
    count -= run;
  }
}

void reduce_columns(const ReductionPlan& plan, int64_t first, int64_t count, int64_t group, char* out) {
  ColumnReducer reducer(plan);
  for (Walker result(plan.kept, first); count > 0;) {
    const int64_t run = std::min(count, result.left_in_run());
    reducer.reduce(result, run, group, out);
    out += run * plan.result_item;
    count -= run;
    result.advance(run);
  }
}

void PartialCounter::push() {
  ++depth_;
  for (uint64_t n = ++pushed_; (n & 1) == 0; n >>= 1) {
    --depth_;
    combine_(cols_, memory_ + (depth_ - 1) * bytes_, memory_ + depth_ * bytes_);
  }
}

const char* PartialCounter::finish() {
  for (; depth_ > 1; --depth_) combine_(cols_, memory_ + (depth_ - 2) * bytes_, memory_ + (depth_ - 1) * bytes_);
  return memory_;
}

}  // namespace tw::cpu
