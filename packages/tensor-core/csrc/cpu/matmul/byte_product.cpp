// Products of matrices of 8-bit integers with sums of 32 bits. The left operand is packed once, row by row; a task
// packs a panel of columns of the right one and meets it with rows while it is in the cache.
#include <tensorwright/checked.hpp>

#include <algorithm>
#include <cstring>

#include "cpu/isa_kernels.h"
#include "cpu/staging.h"
#include "declarations/linear_algebra.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kGroups = 256;  // of the depth that meet at a time: a panel of them stays in the first-level cache
constexpr int64_t kApart = 16;    // between packed rows, which else would lie a multiple of a page from each other
constexpr uint32_t kShift = 128;  // from int8 to uint8
constexpr int64_t kMostCols = 32, kStaged = 64;

int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }

struct Strided {
  const int8_t* data;
  int64_t row, col;
  const int8_t* at(int64_t i, int64_t j) const { return data + i * row + j * col; }
};

class ByteProduct {
 public:
  ByteProduct(TensorRef self, TensorRef mat2, TensorRef out)
      : kernels_(isa_table<ByteProductKernels>()),
        signed_(self.dtype() == kInt8),
        rows_(self.size(0)),
        depth_(self.size(1)),
        cols_(mat2.size(1)),
        groups_(ceil_div(depth_, kernels_.group)),
        row_(checked::add(groups_, kApart)),
        left_{self.data<int8_t>(), self.stride(0), self.stride(1)},
        right_{mat2.data<int8_t>(), mat2.stride(0), mat2.stride(1)},
        out_(out.data<int32_t>()) {}

  void run() {
    // A tile may read rows that do not exist.
    packed_ = scratch<float>(checked::mul(checked::add(rows_, kernels_.rows), row_));
    parallel_for(0, rows_, grain_for(row_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) pack_row(i);
    });
    const int64_t panels = ceil_div(cols_, kernels_.cols), tiles = ceil_div(rows_, kernels_.rows);
    const int64_t parts = std::clamp<int64_t>(4 * threads::num_threads() / panels, 1, ceil_div(tiles, 8));
    parallel_for(0, panels * parts, grain_for(rows_ / parts * depth_), [&](int64_t begin, int64_t end) {
      const Tensor panel = scratch<float>(checked::mul(groups_, kernels_.cols));
      for (int64_t task = begin; task < end; ++task) {
        const int64_t part = task % parts;
        multiply_panel(task / parts * kernels_.cols, tiles * part / parts, tiles * (part + 1) / parts,
                       panel.data<int32_t>());
      }
    });
  }

 private:
  int32_t* packed_row(int64_t i) const { return packed_.data<int32_t>() + i * row_; }

  // Bytes become unsigned ones, or numbers of 16 bits.
  void pack_row(int64_t i) const {
    int32_t* const to = packed_row(i);
    if (groups_ > 0) to[groups_ - 1] = 0;
    if (kernels_.group == 4)
      pack_bytes(left_.at(i, 0), to);
    else
      copy_row(left_.at(i, 0), signed_ ? kShift : 0, reinterpret_cast<int16_t*>(to));
  }
  void pack_bytes(const int8_t* from, int32_t* to) const {
    if (left_.col == 1)
      std::memcpy(to, from, static_cast<size_t>(depth_));
    else
      copy_row(from, 0, reinterpret_cast<uint8_t*>(to));
    if (!signed_) return;
    for (int64_t k = 0; k < groups_; k += 2) {  // what follows a row is room
      uint64_t bytes;
      std::memcpy(&bytes, to + k, sizeof bytes);
      bytes ^= 0x0101010101010101u * kShift;
      std::memcpy(to + k, &bytes, sizeof bytes);
    }
  }
  // Of bytes without a sign, or with one, which is their highest bit.
  template <class To>
  void copy_row(const int8_t* from, uint32_t sign, To* to) const {
    const int64_t depth = depth_, step = left_.col;
    for (int64_t k = 0; k < depth; ++k) to[k] = static_cast<To>((static_cast<uint8_t>(from[k * step]) ^ sign) - sign);
  }

  // Columns from `col` on, zeros where there are none; gives their sums, if the kernel needs them.
  void pack_panel(int64_t col, int64_t count, int32_t* to, int32_t* sums) const {
    const int64_t whole = depth_ / kernels_.group, blocks = whole / kernels_.block * kernels_.block;
    int64_t packed = 0;
    if (count == kernels_.cols && right_.col == 1)
      kernels_.pack_rows(right_.at(0, col), right_.row, packed = whole, to, sums);
    else if (count == kernels_.cols && right_.row == 1)
      kernels_.pack_columns(right_.at(0, col), right_.col, packed = blocks, to, sums);
    int8_t staged[kStaged * kMostCols];
    for (const int64_t step = kStaged / kernels_.group; packed < groups_; packed += step) {
      std::fill_n(staged, kStaged * kMostCols, int8_t{0});
      const int64_t first = packed * kernels_.group, rows = std::min(depth_ - first, kStaged);
      for (int64_t k = 0; k < rows; ++k)
        for (int64_t j = 0; j < count; ++j) staged[k * kernels_.cols + j] = *right_.at(first + k, col + j);
      kernels_.pack_rows(staged, kernels_.cols, std::min(step, groups_ - packed), to + packed * kernels_.cols, sums);
    }
  }

  void multiply_panel(int64_t col, int64_t first, int64_t last, int32_t* panel) const {
    const int64_t count = std::min(kernels_.cols, cols_ - col);
    int32_t start[kMostCols] = {};  // what the shift of the left operand adds to each column, with the sign changed
    pack_panel(col, count, panel, start);
    for (int32_t& sum : start) sum = signed_ ? static_cast<int32_t>(0u - kShift * static_cast<uint32_t>(sum)) : 0;
    for (int64_t k = 0; k < std::max<int64_t>(groups_, 1); k += kGroups)
      for (int64_t i = first * kernels_.rows; i < std::min(rows_, last * kernels_.rows); i += kernels_.rows) {
        int32_t* const out = out_ + i * cols_ + col;
        kernels_.tile({std::min(kGroups, groups_ - k), packed_row(i) + k, row_, panel + k * kernels_.cols,
                       k > 0 ? out : start, k > 0 ? cols_ : 0, out, cols_},
                      std::min(kernels_.rows, rows_ - i), count);
      }
  }

  const ByteProductKernels& kernels_;
  bool signed_;
  int64_t rows_, depth_, cols_, groups_, row_;
  Strided left_, right_;
  int32_t* out_;
  Tensor packed_;
};

}  // namespace

void _int_mm(TensorRef self, TensorRef mat2, TensorRef out) {
  if (self.size(0) > 0 && mat2.size(1) > 0) ByteProduct(self, mat2, out).run();
}

}  // namespace tw::cpu
