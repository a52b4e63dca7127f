#include "cpu/matmul/packed_panels.h"

#include <tensorwright/checked.hpp>

#include <algorithm>

#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kMostWidth = 64;
template <class T>
constexpr T kNothing[kMostWidth] = {};

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

template <class T>
PackedPanels<T>::PackedPanels(MatrixView right, int64_t depth, int64_t cols, int64_t parts)
    : kernels_(isa_table<ProductKernels<T>>()),
      parts_(parts),
      depth_(depth),
      cols_(cols),
      width_(2 * kernels_.lanes),
      groups_((cols + width_ - 1) / width_),
      part_size_(packed_panels_size<T>(depth, cols)),
      panels_(scratch<T>(checked::mul(parts, part_size_))) {
  for (int64_t part = 0; part < parts; ++part) {
    const T* from = static_cast<const T*>(right.data) + part * cols * right.col_stride;
    pack_panels<T>({from, right.row_stride, right.col_stride}, depth, cols, panels_.data<T>() + part * part_size_);
  }
}

// What a tile adds to lies in rows far from each other, which take long to come when the sums are done.
template <class T>
void prefetch_rows(const T* first, int64_t row, int64_t rows, int64_t cols) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; j += kLine) __builtin_prefetch(first + i * row + j, 1);
}

// A panel's part of the depth stays in the first-level cache for all rows.
template <class T>
void PackedPanels<T>::multiply(int64_t part, int64_t group, const PanelProduct<T>& p) const {
  const int64_t count = cols_of(group), tiles = (p.rows + kernels_.rows - 1) / kernels_.rows;
  ProductTile<T> tile{};
  tile.left_row = p.left_row, tile.left_step = 1;
  tile.right_step = round_up(count, kernels_.lanes);
  tile.alpha = tile.beta = 1;
  tile.out_row = p.out_row;
  for (int64_t k = 0; k < std::max<int64_t>(depth_, 1); k += kProductDepth) {
    tile.depth = std::min(depth_ - k, kProductDepth);
    tile.right = panels_.data<T>() + part * part_size_ + group * width_ * depth_ + k * tile.right_step;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t first = p.rows * i / tiles, last = p.rows * (i + 1) / tiles;
      tile.left = p.left + first * p.left_row + k;
      tile.out = p.out + first * p.out_row;
      tile.add = k > 0 ? tile.out : p.add ? p.add + first * p.add_row : kNothing<T>;
      tile.add_row = k > 0 ? p.out_row : p.add ? p.add_row : 0;
      if (k == 0) prefetch_rows(tile.out, tile.out_row, last - first, count);
      kernels_.tile(tile, last - first, count);
    }
  }
}

template class PackedPanels<float>;
template class PackedPanels<double>;

}  // namespace tw::cpu
