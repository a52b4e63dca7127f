// The general pointwise loop: any strides, any dtypes.
#include <algorithm>

#include "cpu/copies/plane.h"
#include "cpu/pointwise/pointwise.h"

namespace tw::cpu {

namespace {

constexpr int64_t kBlock = 1024;   // elements packed at a time, half of them if
                                   // they are wide: first-level cache
constexpr int64_t kSplatRows = 8;  // rows whose splats are filled at once
constexpr int64_t kLongRun = 64;   // from here on rows are worth a kernel call of their own

// Elements of a stream from a linear index on, and a contiguous block of the
// kernel's type: calls copy(rows, elements, of the stream, of the block) for as
// many whole rows at once as there are.
template <class Copy>
void walk_planes(const Space& space, int stream, int64_t index, int64_t n, char* block, int64_t item, Copy copy) {
  for (Walker walk(space, index); n > 0;) {
    const int64_t run = std::min(n, walk.left_in_run()), rows = std::min(walk.left_rows(), n / run);
    const int64_t count = std::max<int64_t>(1, rows) * run;
    copy(count / run, run, walk.offset(stream), block);
    if (rows > 0)
      walk.advance_rows(rows);
    else
      walk.advance(run);
    block += count * item;
    n -= count;
  }
}

PlaneSteps steps_of(const Space& space, int stream) {
  const int n = space.ndim;
  return {n > 1 ? space.strides[stream][n - 2] : 0, space.last_stride(stream)};
}

void pack(const PointwisePlan::Operand& operand, const Space& space, int stream, int64_t index, int64_t n, char* to) {
  const PlaneSteps steps = steps_of(space, stream);
  const int64_t item = operand.item, same = operand.plain ? item : 0;
  walk_planes(space, stream, index, n, to, item, [&](int64_t rows, int64_t cols, int64_t offset, char* block) {
    copy_plane(operand.cast, same, rows, cols, operand.data + offset, steps, block, {cols * item, item});
  });
}

void unpack(const PointwisePlan::Result& result, const Space& space, int stream, int64_t index, int64_t n, char* from) {
  const PlaneSteps steps = steps_of(space, stream);
  const int64_t item = result.item, same = result.plain ? item : 0;
  walk_planes(space, stream, index, n, from, item, [&](int64_t rows, int64_t cols, int64_t offset, char* block) {
    copy_plane(result.cast, same, rows, cols, block, {cols * item, item}, result.data + offset, steps);
  });
}

// Computes a range piece by piece: a piece is a row of the last dimension where
// rows are long, else the whole range. In a piece, streams that are plain runs
// of the kernel's type are used where they lie, a repeated element becomes a
// splat, and anything else goes through a buffer, block by block; what lies at
// equal distances is converted by one call for a block.
class PointwiseLoop {
 public:
  PointwiseLoop(const PointwisePlan& plan, const Space& space)
      : plan_(plan), space_(space), by_row_(space.ndim > 1 && space.shape[space.ndim - 1] >= kLongRun) {
    for (int r = 0; r < plan.results; ++r) narrow(plan.result[r].item);
    for (int k = 0; k < plan.operands; ++k)
      if (plan.operand[k].data) narrow(plan.operand[k].item);
    for (int r = 0; r < plan.results; ++r) {
      out_step_[r] = step_of(r, plan.result[r].run_stride);
      direct_out_[r] = plan.result[r].plain && out_step_[r] == plan.result[r].item;
      buffered_ |= !direct_out_[r];
    }
    for (int k = 0; k < plan.operands; ++k) classify(k);
  }

  void run(int64_t begin, int64_t end) {
    Walker walk(space_, begin);
    if (!by_row_) return place(walk), run_piece(begin, end - begin);
    while (begin < end) {
      const int64_t n = std::min(end - begin, walk.left_in_run());
      const int64_t rows = std::max<int64_t>(1, std::min(walk.left_rows(), (end - begin) / n));
      place(walk);
      buffered_ ? run_rows(begin, rows, n) : run_direct_rows(rows, n);
      begin += rows * n;
      rows > 1 ? walk.advance_rows(rows) : walk.advance(n);
    }
  }

 private:
  void run_rows(int64_t begin, int64_t rows, int64_t n) {
    run_piece(begin, n);
    for (int64_t i = 1; i < rows; ++i) {
      next_row();
      run_piece(begin + i * n, n);
    }
  }

  // Rows that the kernel reads and writes where they lie: from one to the next only addresses change, and of few.
  void run_direct_rows(int64_t rows, int64_t n) {
    const int across = space_.ndim - 2;
    bool splats_move = false;
    for (int k = 0; k < plan_.operands; ++k) splats_move |= splatted_[k] && space_.strides[plan_.results + k][across];
    const int64_t most = splats_move ? kSplatRows : rows;
    for (int64_t done = 0, count; done < rows; done += count) {
      count = std::min(most, rows - done);
      int moving[kMaxOperands], moved = 0;
      int64_t jump[kMaxOperands];
      for (int k = 0; k < plan_.operands; ++k) {
        if (!plan_.operand[k].data) continue;
        const int64_t step = space_.strides[plan_.results + k][across];
        if (!splatted_[k]) in_[k] = in_base_[k];
        if (!step) continue;
        jump[moved] = splatted_[k] ? fill_row_splats(k, step, count) : step;
        moving[moved++] = k;
        in_base_[k] += count * step;
      }
      for (int64_t i = 0; i < count; ++i) {
        plan_.kernel(n, reinterpret_cast<void* const*>(out_base_), in_, step_);
        for (int m = 0; m < moved; ++m) in_[moving[m]] = static_cast<const char*>(in_[moving[m]]) + jump[m];
        for (int r = 0; r < plan_.results; ++r) out_base_[r] += space_.strides[r][across];
      }
    }
    for (int k = 0; k < plan_.operands; ++k)
      if (splatted_[k]) in_[k] = &splat_[k];
  }
  // Splats of several rows, filled before the first is read, lest loads wait for their stores; returns their distance.
  int64_t fill_row_splats(int k, int64_t step, int64_t count) {
    for (int64_t i = 0; i < count; ++i) splat(k, in_base_[k] + i * step, row_splats_[k][i]);
    in_[k] = row_splats_[k];
    return sizeof(Splat);
  }

  void narrow(int64_t item) {
    if (item > 8) block_ = kBlock / 2;
  }
  // From one element of a piece to the next, in bytes; -1 where that differs.
  int64_t step_of(int stream, int64_t run_stride) const { return by_row_ ? space_.last_stride(stream) : run_stride; }

  // How an operand is read is the same in all pieces.
  void classify(int k) {
    const auto& operand = plan_.operand[k];
    step_[k] = 0;
    splatted_[k] = direct_in_[k] = false;
    in_base_[k] = nullptr;
    in_[k] = operand.data ? static_cast<const void*>(&splat_[k]) : &plan_.constants[k];
    if (!operand.data) return;
    const int64_t step = in_step_[k] = step_of(plan_.results + k, operand.run_stride);
    step_[k] = step != 0;
    splatted_[k] = step == 0;
    direct_in_[k] = operand.plain && step == operand.item;
    buffered_ |= step != 0 && !direct_in_[k];
  }

  // Where a piece begins.
  void place(const Walker& start) {
    for (int r = 0; r < plan_.results; ++r) out_base_[r] = plan_.result[r].data + start.offset(r);
    for (int k = 0; k < plan_.operands; ++k)
      if (const char* data = plan_.operand[k].data) place_operand(k, data + start.offset(plan_.results + k));
  }
  void place_operand(int k, const char* first) {
    in_base_[k] = first;
    if (splatted_[k]) splat(k, first, splat_[k]);
  }
  // The next row along the dimension before the last.
  void next_row() {
    const int across = space_.ndim - 2;
    for (int r = 0; r < plan_.results; ++r) out_base_[r] += space_.strides[r][across];
    for (int k = 0; k < plan_.operands; ++k)
      if (const int64_t step = space_.strides[plan_.results + k][across]; step && plan_.operand[k].data)
        place_operand(k, in_base_[k] + step);
  }

  void run_piece(int64_t begin, int64_t n) {
    for (int64_t done = 0; done < n;) {
      const int64_t count = buffered_ ? std::min(block_, n - done) : n;
      run_block(begin, done, count);
      done += count;
    }
  }

  void splat(int k, const char* first, Splat& to) {
    const auto& operand = plan_.operand[k];
    if (operand.plain) return fill_splat(to, first, operand.item);
    char value[16];
    operand.cast(1, first, 0, value, operand.item);
    fill_splat(to, value, operand.item);
  }

  void run_block(int64_t begin, int64_t done, int64_t n) {
    for (int k = 0; k < plan_.operands; ++k) {
      if (!plan_.operand[k].data || splatted_[k]) continue;
      if (direct_in_[k]) {
        in_[k] = in_base_[k] + done * plan_.operand[k].item;
        continue;
      }
      const auto& operand = plan_.operand[k];
      in_[k] = buffer_[k];
      if (in_step_[k] == -1)
        pack(operand, space_, plan_.results + k, begin + done, n, buffer_[k]);
      else
        operand.cast(n, in_base_[k] + done * in_step_[k], in_step_[k], buffer_[k], operand.item);
    }
    void* out[kMaxResults];
    for (int r = 0; r < plan_.results; ++r)
      out[r] = direct_out_[r] ? out_base_[r] + done * plan_.result[r].item : buffer_[kMaxOperands + r];
    plan_.kernel(n, out, in_, step_);
    for (int r = 0; r < plan_.results; ++r) {
      if (direct_out_[r]) continue;
      const auto& result = plan_.result[r];
      char* from = buffer_[kMaxOperands + r];
      if (out_step_[r] == -1)
        unpack(result, space_, r, begin + done, n, from);
      else
        result.cast(n, from, result.item, out_base_[r] + done * out_step_[r], out_step_[r]);
    }
  }

  const PointwisePlan& plan_;
  const Space& space_;
  const bool by_row_;
  int64_t block_ = kBlock;
  bool buffered_ = false;  // some stream goes through a buffer
  bool direct_out_[kMaxResults], direct_in_[kMaxOperands], splatted_[kMaxOperands];
  int64_t out_step_[kMaxResults], in_step_[kMaxOperands];
  char* out_base_[kMaxResults];
  const char* in_base_[kMaxOperands];  // null: a constant
  const void* in_[kMaxOperands];
  uint8_t step_[kMaxOperands];
  Splat splat_[kMaxOperands], row_splats_[kMaxOperands][kSplatRows];
  // Not a multiple of 4096 bytes apart, lest loads of one wait for stores to
  // another.
  alignas(64) char buffer_[kMaxOperands + kMaxResults][kBlock * 8 + 320];
};

}  // namespace

void run_pointwise(const PointwisePlan& plan, const Space& space, int64_t begin, int64_t end) {
  PointwiseLoop(plan, space).run(begin, end);
}

}  // namespace tw::cpu
