// The reduction tree over the blocks of a row, as it grows.
#pragma once

#include <tensorwright/tw_abi_kernels.h>

#include <cstdint>

namespace tw::jit {

// Partial results, merged as they come: entry i stands for a power of two of blocks.
class FoldTree {
 public:
  void clear() { height_ = 0, blocks_ = 0; }
  // Where the next block's result is to be written, before push.
  unsigned char* next() { return partial_[height_]; }
  void push(tw_combine_fn combine) {
    ++height_;
    for (int64_t b = ++blocks_; (b & 1) == 0; b >>= 1) {
      --height_;
      combine(1, partial_[height_ - 1], partial_[height_]);
    }
  }
  // The result of all blocks.
  const unsigned char* total(tw_combine_fn combine) {
    for (; height_ > 1; --height_) combine(1, partial_[height_ - 2], partial_[height_ - 1]);
    return partial_[0];
  }

 private:
  static constexpr int kMostLevels = 56;
  alignas(16) unsigned char partial_[kMostLevels][16];
  int height_ = 0;
  int64_t blocks_ = 0;
};

}  // namespace tw::jit
