// Lines along one dimension of an index and of the tensors it leads to: independent of each other, so they are the unit
// of parallel work; within a line indices are taken in order.
#pragma once

#include <algorithm>
#include <tensorwright/checked.hpp>
#include <vector>

#include "cpu/indexing/indexing.h"
#include "threads/pool.h"

namespace tw::cpu {

// Positions of the lines along `dim` of `index`, and of the same coordinates in two other contiguous tensors.
class Lines {
 public:
  Lines(IntList index, IntList first, IntList second, int64_t dim) : dim_(dim), shape_(index.vec()) {
    if (shape_.empty()) shape_ = {1};
    length = shape_[static_cast<size_t>(dim)];
    const IntList shapes[3] = {index, first, second};
    for (int k = 0; k < 3; ++k) strides_[k] = contiguous_strides(shapes[k]);
    for (int64_t d = 0; d < ndim(); ++d)
      if (d != dim) count *= shape_[static_cast<size_t>(d)];
  }
  int64_t length = 0, count = 1;
  // Elements of consecutive lines that lie side by side in all three tensors: neighbouring lines are columns then.
  int64_t columns() const {
    int64_t result = 1;
    for (int64_t d = ndim() - 1; d > dim_; --d) {
      const size_t at = static_cast<size_t>(d);
      if (strides_[0][at] != result || strides_[1][at] != result || strides_[2][at] != result) return result;
      result *= shape_[at];
    }
    return result;
  }
  int64_t stride(int k) const { return strides_[k][static_cast<size_t>(dim_)]; }
  // The offset of line i in tensor k (0: index, 1 and 2: the others).
  int64_t offset(int k, int64_t i) const {
    int64_t result = 0;
    for (int64_t d = ndim() - 1; d >= 0; --d) {
      if (d == dim_) continue;
      const size_t at = static_cast<size_t>(d);
      result += i % shape_[at] * strides_[k][at];
      i /= shape_[at];
    }
    return result;
  }

 private:
  int64_t ndim() const { return static_cast<int64_t>(shape_.size()); }
  static std::vector<int64_t> contiguous_strides(IntList shape) {
    std::vector<int64_t> strides(std::max<size_t>(shape.size(), 1), 1);
    constexpr int64_t kFar = int64_t{1} << 60;  // beyond it only tensors without elements have strides
    for (size_t d = shape.size(); d-- > 1;)
      strides[d - 1] = std::clamp<int64_t>(checked::mul(strides[d], shape[d]), 0, kFar);
    return strides;
  }
  int64_t dim_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_[3];
};

// f(offset in the index, in the first, in the second tensor) for all lines.
template <class F>
void for_each_line(const Lines& lines, F&& f) {
  if (lines.length == 0) return;
  parallel_for(0, lines.count, grain_for(lines.length), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(lines.offset(0, i), lines.offset(1, i), lines.offset(2, i));
  });
}

// f(offset in the index, in the first, in the second tensor, columns) for blocks of neighbouring lines.
template <class F>
void for_each_block(const Lines& lines, int64_t widest, F&& f) {
  if (lines.length == 0 || lines.count == 0) return;
  const int64_t columns = lines.columns(), width = std::min(columns, widest), blocks = (columns + width - 1) / width;
  parallel_for(0, lines.count / columns * blocks, grain_for(lines.length * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t line = i / blocks * columns + i % blocks * width, n = std::min(width, columns - i % blocks * width);
      f(lines.offset(0, line), lines.offset(1, line), lines.offset(2, line), n);
    }
  });
}

constexpr int64_t kWidestBlock = 128;  // columns: what a block leads to then stays in the second-level cache

// f(k's offset in the index, in the first, in the second tensor, columns) for each row k of blocks of neighbouring
// lines, k ascending; within a block f takes the columns side by side, as they lie in memory.
template <class F>
void for_each_row(const Lines& lines, F&& f) {
  for_each_block(lines, kWidestBlock, [&](int64_t at, int64_t first, int64_t second, int64_t n) {
    threads::Paces paces;
    for (int64_t k = 0; k < lines.length; ++k) {
      f(at + k * lines.stride(0), first, second + k * lines.stride(2), n);
      paces.took(n);
    }
  });
}

inline int64_t dim_size(TensorRef t, int64_t dim) { return t.ndim() == 0 ? 1 : t.size(static_cast<int>(dim)); }

}  // namespace tw::cpu
