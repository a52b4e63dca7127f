// Sums over the rows of a strip of columns, each in the reduction tree of its own: as row.h along a row, and with the
// same bits, but row by row as they lie in memory.
#pragma once

#include "cpu/isa/row.h"

namespace tw {
namespace TW_ISA_NS {

constexpr int kStripBytes = 512;  // of a row: 16 lanes of it fit in the first-level cache
template <class V>
constexpr int kStripRegisters = kStripBytes / int(sizeof(V));

// body(position) for each vector of a strip: there are only whole ones.
template <class V, class F>
TW_INLINE void for_strip(int64_t cols, F body) {
  for (int64_t i = 0; i < cols; i += lanes_of<V>) body(Whole<V>{i});
}

// Folds value(row, position) over all rows, for each position of a strip of at most kStripBytes.
template <class Fold, class V>
class ColumnTrees {
 public:
  TW_INLINE_MEMBER explicit ColumnTrees(int64_t cols) : cols_(cols), width_(int(cols / lanes_of<V>)) {}

  template <class F>
  TW_INLINE_MEMBER void fold(int64_t rows, F value) {
    for (int64_t begin = 0; begin < rows; begin += kTreeBlock) {
      take_block(begin, begin + at_most(rows - begin, kTreeBlock), value);
      push();
    }
    --height_;
    for (int i = 0; i < width_; ++i) lanes_[i] = waiting_[height_][i];
    while (height_ > 0) merge();
  }
  TW_INLINE_MEMBER V& operator[](Whole<V> position) { return lanes_[position.at / lanes_of<V>]; }

 private:
  template <class F>
  TW_INLINE_MEMBER void take_block(int64_t begin, int64_t end, F value) {
    int present = at_most(int(end - begin), kVirtualLanes);
    for (int i = 0; i < present * width_; ++i) lanes_[i] = Fold::template neutral<V>();
    for (int64_t row = begin; row < end; ++row) {
      V* lane = lanes_ + (row - begin) % kVirtualLanes * width_;
      for_strip<V>(cols_, [&](auto at) TW_INLINE_LAMBDA {
        V& total = lane[at.at / lanes_of<V>];
        total = Fold::template of<V>(total, value(row, at));
      });
    }
    for (int half = kVirtualLanes / 2; half > 0; half /= 2) {
      for (int i = 0; i < (present - half) * width_; ++i)
        lanes_[i] = Fold::template of<V>(lanes_[i], lanes_[i + half * width_]);
      present = at_most(present, half);
    }
  }
  TW_INLINE_MEMBER void merge() {
    --height_;
    for (int i = 0; i < width_; ++i) lanes_[i] = Fold::template of<V>(waiting_[height_][i], lanes_[i]);
  }
  TW_INLINE_MEMBER void push() {
    for (int64_t carry = blocks_++; carry & 1; carry >>= 1) merge();
    for (int i = 0; i < width_; ++i) waiting_[height_][i] = lanes_[i];
    ++height_;
  }

  int64_t cols_, blocks_ = 0;
  int width_, height_ = 0;
  V lanes_[kVirtualLanes * kStripRegisters<V>];  // in the end the first row of them is the result
  V waiting_[44][kStripRegisters<V>];            // entry k holds what 2^k blocks gave
};

// body(row, position) for each vector of a strip.
template <class V, class F>
TW_INLINE void for_strip_rows(int64_t rows, int64_t cols, F body) {
  for (int64_t row = 0; row < rows; ++row) for_strip<V>(cols, [&](auto at) TW_INLINE_LAMBDA { body(row, at); });
}

}  // namespace TW_ISA_NS
}  // namespace tw
