// The general pointwise loop: any strides, any dtypes.
#include <algorithm>

#include "cpu/pointwise.h"

namespace tw::cpu {

namespace {

constexpr int64_t kBlock = 1024;  // elements packed at a time, half of them if they are wide: first-level cache
constexpr int64_t kLongRun = 64;  // from here on rows are worth a kernel call of their own

// Brings elements of one operand, from a linear index on, to a contiguous block of the kernel's type.
void pack(const PointwisePlan::Operand& operand, const Space& space, int stream, int64_t index, int64_t n, char* to) {
  for (Walker walk(space, index); n > 0;) {
    const int64_t run = std::min(n, walk.left_in_run());
    operand.cast(run, operand.data + walk.offset(stream), space.last_stride(stream), to, operand.item);
    to += run * operand.item;
    n -= run;
    walk.advance(run);
  }
}

void unpack(const PointwisePlan::Result& result, const Space& space, int stream, int64_t index, int64_t n,
            const char* from) {
  for (Walker walk(space, index); n > 0;) {
    const int64_t run = std::min(n, walk.left_in_run());
    result.cast(run, from, result.item, result.data + walk.offset(stream), space.last_stride(stream));
    from += run * result.item;
    n -= run;
    walk.advance(run);
  }
}

// Computes a range piece by piece: a piece is a row of the last dimension where rows are long, else the
// whole range. In a piece, streams that are plain runs of the kernel's type are used where they lie, a
// repeated element becomes a splat, and anything else goes through a buffer, block by block.
class PointwiseLoop {
 public:
  PointwiseLoop(const PointwisePlan& plan, const Space& space)
      : plan_(plan), space_(space), by_row_(space.ndim > 1 && space.shape[space.ndim - 1] >= kLongRun) {
    for (int r = 0; r < plan.results; ++r) narrow(plan.result[r].item);
    for (int k = 0; k < plan.operands; ++k)
      if (plan.operand[k].data) narrow(plan.operand[k].item);
  }

  void run(int64_t begin, int64_t end) {
    const int64_t row = by_row_ ? space_.shape[space_.ndim - 1] : space_.numel;
    while (begin < end) {
      const int64_t n = std::min(end, begin - begin % row + row) - begin;
      run_piece(begin, n);
      begin += n;
    }
  }

 private:
  void narrow(int64_t item) {
    if (item > 8) block_ = kBlock / 2;
  }
  int64_t step_of(int stream, int64_t run_stride) const { return by_row_ ? space_.last_stride(stream) : run_stride; }

  void run_piece(int64_t begin, int64_t n) {
    const Walker start(space_, begin);
    bool buffered = false;
    for (int r = 0; r < plan_.results; ++r) {
      const auto& result = plan_.result[r];
      direct_out_[r] = result.plain && step_of(r, result.run_stride) == result.item;
      out_base_[r] = result.data + start.offset(r);
      buffered |= !direct_out_[r];
    }
    for (int k = 0; k < plan_.operands; ++k) buffered |= !place_operand(k, start);
    for (int64_t done = 0; done < n;) {
      const int64_t count = buffered ? std::min(block_, n - done) : n;
      run_block(begin, done, count);
      done += count;
    }
  }

  // Whether the operand can be read where it lies, or is constant, in the whole piece.
  bool place_operand(int k, const Walker& start) {
    const auto& operand = plan_.operand[k];
    const int stream = plan_.results + k;
    in_base_[k] = nullptr;
    step_[k] = 0;
    if (!operand.data) {
      in_[k] = &plan_.constants[k];
      return true;
    }
    const int64_t step = step_of(stream, operand.run_stride);
    const char* first = operand.data + start.offset(stream);
    if (step == 0) {
      char value[16];
      operand.cast(1, first, 0, value, operand.item);
      fill_splat(splat_[k], value, operand.item);
      in_[k] = &splat_[k];
      return true;
    }
    step_[k] = 1;
    in_base_[k] = first;
    direct_in_[k] = operand.plain && step == operand.item;
    return direct_in_[k];
  }

  void run_block(int64_t begin, int64_t done, int64_t n) {
    for (int k = 0; k < plan_.operands; ++k) {
      if (!in_base_[k]) continue;
      if (direct_in_[k]) {
        in_[k] = in_base_[k] + done * plan_.operand[k].item;
      } else {
        pack(plan_.operand[k], space_, plan_.results + k, begin + done, n, buffer_[k]);
        in_[k] = buffer_[k];
      }
    }
    void* out[kMaxResults];
    for (int r = 0; r < plan_.results; ++r)
      out[r] = direct_out_[r] ? out_base_[r] + done * plan_.result[r].item : buffer_[kMaxOperands + r];
    plan_.kernel(n, out, in_, step_);
    for (int r = 0; r < plan_.results; ++r)
      if (!direct_out_[r]) unpack(plan_.result[r], space_, r, begin + done, n, buffer_[kMaxOperands + r]);
  }

  const PointwisePlan& plan_;
  const Space& space_;
  const bool by_row_;
  int64_t block_ = kBlock;
  bool direct_out_[kMaxResults], direct_in_[kMaxOperands];
  char* out_base_[kMaxResults];
  const char* in_base_[kMaxOperands];  // null: a constant or a splat
  const void* in_[kMaxOperands];
  uint8_t step_[kMaxOperands];
  Splat splat_[kMaxOperands];
  alignas(64) char buffer_[kMaxOperands + kMaxResults][kBlock * 8];
};

}  // namespace

void run_pointwise(const PointwisePlan& plan, const Space& space, int64_t begin, int64_t end) {
  PointwiseLoop(plan, space).run(begin, end);
}

}  // namespace tw::cpu
