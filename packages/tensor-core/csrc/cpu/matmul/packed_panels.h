// A right operand of products that is packed once and multiplied by many left ones, as the weight of a recurrent layer
// is in each step. The same sums as `gemm`: products in order, in blocks of 256.
#pragma once

#include "cpu/isa_kernels.h"
#include "cpu/matmul/gemm.h"

namespace tw::cpu {

// Where the rows of a product are added up: out = left * right + add; distances between rows in elements.
template <class T>
struct PanelProduct {
  const T* left;
  int64_t left_row, rows;
  const T* add;  // null: nothing is added
  int64_t add_row;
  T* out;
  int64_t out_row;
};

// `parts` matrices of `cols` columns side by side, as the gates of a layer are. Panels do not cross their borders.
template <class T>
class PackedPanels {
 public:
  PackedPanels(MatrixView right, int64_t depth, int64_t cols, int64_t parts);

  int64_t cols() const { return cols_; }  // of a part
  int64_t parts() const { return parts_; }
  int64_t depth() const { return depth_; }
  int64_t width() const { return width_; }    // columns of a panel; fewer in a part's last one
  int64_t groups() const { return groups_; }  // panels of a part
  int64_t cols_of(int64_t group) const { return cols_ - group * width_ < width_ ? cols_ - group * width_ : width_; }

  // Columns [group * width, ...) of a part; `add` and `out` point at the first of them.
  void multiply(int64_t part, int64_t group, const PanelProduct<T>& product) const;

 private:
  const ProductKernels<T>& kernels_;
  int64_t parts_, depth_, cols_, width_, groups_, part_size_;
  Tensor panels_;
};

}  // namespace tw::cpu
