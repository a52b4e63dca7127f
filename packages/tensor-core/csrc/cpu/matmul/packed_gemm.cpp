// Products of float32 and float64. A task is a block of the result; it copies panels of both operands to where the
// tile kernel reads them fastest, block by block of the depth, unless they lie well as they are.
#include <algorithm>
#include <tensorwright/checked.hpp>

#include "cpu/isa_kernels.h"
#include "cpu/matmul/gemm.h"
#include "cpu/staging.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kDepth = kProductDepth;
constexpr double kLeastTask = 1 << 19, kMostTask = 1 << 30;  // multiplications; the user may interrupt between tasks
constexpr double kLargeProduct = 1 << 24;
constexpr int64_t kLeastRows = 28, kLeastCols = 64;    // of a task: below, copying panels costs too much
constexpr int64_t kBlockRows = 112, kBlockCols = 256;  // whose panels stay in the second-level cache
constexpr int64_t kPackedRows = 336;                   // that meet a panel packed before, one after the other
constexpr int64_t kTurnedRows = 512;                   // of a block whose rows lie side by side: long runs of memory

template <class T>
constexpr T kZeros[kLeastCols] = {};  // as many as a tile has columns

int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }

struct Range {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};
// The i-th of `parts` nearly equal parts.
Range part_of(const Range& whole, int64_t i, int64_t parts) {
  return {whole.begin + whole.count() * i / parts, whole.begin + whole.count() * (i + 1) / parts};
}

template <class T>
struct Operands {
  const T *left, *right, *bias;
  T* result;
  T alpha, beta;

  Operands(const Gemm& p, int64_t batch)
      : left(static_cast<const T*>(p.left.data) + batch * p.left_batch_stride),
        right(static_cast<const T*>(p.right.data) + batch * p.right_batch_stride),
        bias(static_cast<const T*>(p.bias)),
        result(static_cast<T*>(p.result) + batch * p.result_batch_stride),
        alpha(static_cast<T>(p.alpha.real())),
        beta(static_cast<T>(p.beta.real())) {}

  // What the block of the depth from k on starts from, and writes.
  void set_result(const Gemm& p, int64_t row, int64_t col, int64_t k, ProductTile<T>& tile) const {
    tile.alpha = alpha, tile.beta = 1;
    tile.out = result + row * p.result_row_stride + col, tile.out_row = p.result_row_stride;
    tile.add = tile.out, tile.add_row = tile.out_row;
    if (k > 0) return;
    if (bias)
      tile.add = bias + col, tile.add_row = 0;
    else if (beta == T(0))
      tile.add = nullptr, tile.add_row = 0;
    else
      tile.beta = beta;
  }
};

// ---- blocks of a result -------------------------------------------------------------------------------------

template <class T>
class BlockProduct {
 public:
  explicit BlockProduct(const Gemm& p) : p_(p), kernels_(isa_table<ProductKernels<T>>()), width_(2 * kernels_.lanes) {}

  void run(int64_t batch, const Range& rows, const Range& cols) {
    const Operands<T> o(p_, batch);
    if (p_.packed_right) return run_packed(o, rows, cols);
    const int64_t col_blocks = ceil_div(cols.count(), kBlockCols), row_blocks = ceil_div(rows.count(), block_rows());
    for (int64_t c = 0; c < col_blocks; ++c)
      for (int64_t k = 0; k < std::max<int64_t>(p_.depth, 1); k += kDepth) {
        const Range block{cols.begin + c * kBlockCols, std::min(cols.end, cols.begin + (c + 1) * kBlockCols)};
        const Range depth{k, std::min(p_.depth, k + kDepth)};
        packed_cols_ = 0;
        for (int64_t r = 0; r < row_blocks; ++r) add_block(o, part_of(rows, r, row_blocks), block, depth);
      }
  }

 private:
  // All columns of a panel of rows before the next: the panel stays in the first-level cache, and results are written
  // as they lie in memory.
  void add_block(const Operands<T>& o, const Range& rows, const Range& cols, const Range& depth) {
    const int64_t tiles = ceil_div(rows.count(), kernels_.rows);
    const bool packs_left = cols.count() > 2 * width_ || (p_.left.row_stride != 1 && p_.left.col_stride != 1);
    const bool packs_right = p_.right.col_stride != 1 || tiles > 2;
    if (packs_left) pack_left(o, rows, tiles, depth);
    for (int64_t i = 0; i < tiles; ++i) {
      const Range part = part_of(rows, i, tiles);
      ProductTile<T> tile{};
      tile.depth = depth.count();
      set_left(o, part, i, packs_left, depth, tile);
      for (int64_t col = cols.begin; col < cols.end; col += width_) {
        const int64_t count = std::min(width_, cols.end - col);
        set_right(o, cols.begin, col, count, packs_right, depth, tile);
        o.set_result(p_, part.begin, col, depth.begin, tile);
        if (!tile.add) tile.add = kZeros<T>;
        kernels_.tile(tile, part.count(), count);
      }
      if (depth.end == p_.depth) rows_done(o, part, cols);
    }
  }

  // Panels that were packed before come from far away: each meets all rows, which wait in the second-level cache, while
  // it is in the first.
  void run_packed(const Operands<T>& o, const Range& all_rows, const Range& all_cols) {
    const int64_t row_blocks = ceil_div(all_rows.count(), kPackedRows);
    for (int64_t r = 0; r < row_blocks; ++r)
      for (int64_t k = 0; k < std::max<int64_t>(p_.depth, 1); k += kDepth) {
        const Range rows = part_of(all_rows, r, row_blocks), depth{k, std::min(p_.depth, k + kDepth)};
        const int64_t tiles = ceil_div(rows.count(), kernels_.rows);
        pack_left(o, rows, tiles, depth);
        for (int64_t col = all_cols.begin; col < all_cols.end; col += kBlockCols) {
          const Range cols{col, std::min(all_cols.end, col + kBlockCols)};
          for (int64_t panel = cols.begin; panel < cols.end; panel += width_)
            add_panel(o, rows, tiles, panel, std::min(width_, cols.end - panel), depth);
          if (depth.end == p_.depth) rows_done(o, rows, cols);
        }
      }
  }
  void add_panel(const Operands<T>& o, const Range& rows, int64_t tiles, int64_t col, int64_t count,
                 const Range& depth) {
    ProductTile<T> tile{};
    tile.depth = depth.count();
    tile.right_step = ceil_div(count, kernels_.lanes) * kernels_.lanes;
    tile.right = static_cast<const T*>(p_.packed_right) + col * p_.depth + depth.begin * tile.right_step;
    for (int64_t i = 0; i < tiles; ++i) {
      const Range part = part_of(rows, i, tiles);
      set_left(o, part, i, true, depth, tile);
      o.set_result(p_, part.begin, col, depth.begin, tile);
      if (!tile.add) tile.add = kZeros<T>;
      kernels_.tile(tile, part.count(), count);
    }
  }

  void rows_done(const Operands<T>& o, const Range& rows, const Range& cols) const {
    for (int64_t row = p_.calls ? rows.begin : rows.end; row < rows.end; ++row) {
      const int64_t first = row * p_.result_row_stride + cols.begin;
      p_.calls->done(first, cols.count(), o.result + first);
    }
  }

  // Rows of the left operand lie side by side.
  bool turned() const { return p_.left.row_stride == 1 && p_.left.col_stride != 1; }
  int64_t block_rows() const { return p_.packed_right ? kPackedRows : turned() ? kTurnedRows : kBlockRows; }

  int64_t left_width() const { return ceil_div(kernels_.rows, kernels_.lanes) * kernels_.lanes; }

  // Rows that lie side by side are read in runs as long as the block, a few at a time.
  void pack_left(const Operands<T>& o, const Range& rows, int64_t tiles, const Range& depth) {
    constexpr int64_t kRuns = 16;
    if (!left_) left_ = scratch<T>(ceil_div(std::min(block_rows(), p_.rows), kernels_.rows) * left_width() * kDepth);
    const int64_t each = turned() ? kRuns : std::max<int64_t>(depth.count(), 1);
    for (int64_t k = depth.begin; k < depth.end; k += each)
      for (int64_t i = 0; i < tiles; ++i) {
        const Range part = part_of(rows, i, tiles);
        kernels_.pack(o.left + part.begin * p_.left.row_stride + k * p_.left.col_stride, p_.left.row_stride,
                      p_.left.col_stride, part.count(), std::min(each, depth.end - k), left_width(),
                      left_.template data<T>() + (i * kDepth + k - depth.begin) * left_width());
      }
  }
  void set_left(const Operands<T>& o, const Range& part, int64_t i, bool packed, const Range& depth,
                ProductTile<T>& tile) {
    if (packed) {
      tile.left = left_.template data<T>() + i * left_width() * kDepth, tile.left_row = 1,
      tile.left_step = left_width();
    } else {
      tile.left = o.left + part.begin * p_.left.row_stride + depth.begin * p_.left.col_stride;
      tile.left_row = p_.left.row_stride, tile.left_step = p_.left.col_stride;
    }
  }

  // Panels are packed by the first block of rows that needs them.
  void set_right(const Operands<T>& o, int64_t first, int64_t col, int64_t count, bool packs, const Range& depth,
                 ProductTile<T>& tile) {
    const T* from = o.right + depth.begin * p_.right.row_stride + col * p_.right.col_stride;
    if (!packs && count % kernels_.lanes == 0) {
      tile.right = from, tile.right_step = p_.right.row_stride;
      return;
    }
    if (!right_) right_ = scratch<T>(std::min(ceil_div(p_.cols, width_) * width_, kBlockCols) * kDepth);
    T* to = right_.template data<T>() + (col - first) * kDepth;
    tile.right = to, tile.right_step = ceil_div(count, kernels_.lanes) * kernels_.lanes;
    if (col - first < packed_cols_) return;
    kernels_.pack(from, p_.right.col_stride, p_.right.row_stride, count, depth.count(), tile.right_step, to);
    packed_cols_ = col - first + count;
  }

  const Gemm& p_;
  const ProductKernels<T>& kernels_;
  int64_t width_, packed_cols_ = 0;
  Tensor left_, right_;
};

// ---- tasks --------------------------------------------------------------------------------------------------

// Parts of a result. Their number is free to depend on that of the threads, since no sum depends on it.
struct Tasks {
  int64_t row_parts = 1, col_parts = 1;
  int64_t count() const { return row_parts * col_parts; }

  explicit Tasks(const Gemm& p) {
    const double product = static_cast<double>(p.rows) * static_cast<double>(p.cols) * static_cast<double>(p.depth);
    const int64_t threads = threads::num_threads();
    const int64_t each = product < kLargeProduct ? 1 : 4;  // for a thread; more even out what disturbs one of them
    const int64_t wanted = threads == 1 ? 1 : std::max<int64_t>(1, each * threads / p.batch);
    while (product > static_cast<double>(count()) * (count() < wanted ? kLeastTask : kMostTask)) {
      const int64_t rows = p.rows / row_parts, cols = p.cols / col_parts;
      if (cols >= 2 * kLeastCols && cols >= rows)
        col_parts *= 2;
      else if (rows >= 2 * kLeastRows)
        row_parts *= 2;
      else if (cols >= 2 * kLeastCols)
        col_parts *= 2;
      else
        break;
    }
  }
};

// Ends at multiples of vectors.
Range columns_of(const Gemm& p, int64_t i, int64_t parts) {
  constexpr int64_t kStep = 32;
  const Range steps = part_of({0, ceil_div(p.cols, kStep)}, i, parts);
  return {steps.begin * kStep, std::min(p.cols, steps.end * kStep)};
}

// A single row reads the right operand as it lies in memory. Where that is column by column, a sum has sixteen lanes
// instead of blocks of the depth.
template <class T>
void run_row(const Gemm& p, int64_t batch, const Range& cols) {
  const Operands<T> o(p, batch);
  const auto& kernels = isa_table<ProductKernels<T>>();
  const bool by_rows = p.right.col_stride == 1;
  ProductTile<T> tile{};
  tile.left_step = p.left.col_stride;
  tile.right_step = by_rows ? p.right.row_stride : p.right.col_stride;
  const int64_t block = by_rows ? kDepth : std::max<int64_t>(p.depth, 1);
  for (int64_t k = 0; k < std::max<int64_t>(p.depth, 1); k += block) {
    tile.depth = std::min(p.depth - k, block);
    tile.left = o.left + k * p.left.col_stride;
    tile.right = o.right + k * p.right.row_stride + cols.begin * p.right.col_stride;
    o.set_result(p, 0, cols.begin, k, tile);
    (by_rows ? kernels.row : kernels.row_of_lines)(tile, cols.count());
  }
  if (p.calls) p.calls->done(cols.begin, cols.count(), o.result + cols.begin);
}

// Where many tasks share columns they share their panels, unless those take too much memory.
template <class T>
Tensor shared_panels(const Gemm& p, const Tasks& tasks) {
  constexpr int64_t kMostShared = int64_t{1} << 22;
  if (p.packed_right || p.batch > 1 || tasks.row_parts <= 2 || p.depth * p.cols > kMostShared) return {};
  return pack_right(p.dtype, p.right, p.depth, p.cols);
}

template <class T>
void run(const Gemm& given) {
  const Tasks tasks(given);
  const Tensor panels = shared_panels<T>(given, tasks);
  Gemm p = given;
  if (panels) p.packed_right = panels.data<void>();
  const int64_t work = std::max<int64_t>(1, p.rows * p.cols / tasks.count() * std::max<int64_t>(p.depth, 1));
  const bool one_row = p.rows == 1 && (p.right.col_stride == 1 || (p.right.row_stride == 1 && p.left.col_stride == 1));
  parallel_for(0, p.batch * tasks.count(), std::max<int64_t>(1, static_cast<int64_t>(kLeastTask / 8) / work),
               [&](int64_t begin, int64_t end) {
                 BlockProduct<T> block(p);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / tasks.count(), task = i % tasks.count();
                   const Range cols = columns_of(p, task % tasks.col_parts, tasks.col_parts);
                   if (one_row)
                     run_row<T>(p, batch, cols);
                   else
                     block.run(batch, part_of({0, p.rows}, task / tasks.col_parts, tasks.row_parts), cols);
                 }
               });
}

}  // namespace

template <class T>
void packed_gemm(const Gemm& p) {
  // A single column is a single row of the transposed product.
  const bool turns = p.cols == 1 && p.rows > 1 && p.result_row_stride == 1 && !p.bias;
  if (!turns) return run<T>(p);
  Gemm turned = p;
  turned.rows = 1, turned.cols = p.rows;
  turned.left = p.right.transposed(), turned.right = p.left.transposed();
  turned.left_batch_stride = p.right_batch_stride, turned.right_batch_stride = p.left_batch_stride;
  turned.result_row_stride = p.rows, turned.packed_right = nullptr;
  run<T>(turned);
}

template <class T>
int64_t packed_panels_size(int64_t depth, int64_t cols) {
  const int64_t lanes = isa_table<ProductKernels<T>>().lanes;
  return checked::mul(checked::mul(ceil_div(cols, lanes), lanes), depth);
}

template <class T>
void pack_panels(const MatrixView& right, int64_t depth, int64_t cols, T* to) {
  const auto& kernels = isa_table<ProductKernels<T>>();
  const int64_t width = 2 * kernels.lanes;
  parallel_for(0, ceil_div(cols, width), grain_for(depth * width), [&](int64_t begin, int64_t end) {
    for (int64_t col = begin * width; col < std::min(cols, end * width); col += width) {
      const int64_t count = std::min(width, cols - col);
      kernels.pack(static_cast<const T*>(right.data) + col * right.col_stride, right.col_stride, right.row_stride,
                   count, depth, ceil_div(count, kernels.lanes) * kernels.lanes, to + col * depth);
    }
  });
}

template void packed_gemm<float>(const Gemm&);
template void packed_gemm<double>(const Gemm&);
template int64_t packed_panels_size<float>(int64_t, int64_t);
template int64_t packed_panels_size<double>(int64_t, int64_t);
template void pack_panels<float>(const MatrixView&, int64_t, int64_t, float*);
template void pack_panels<double>(const MatrixView&, int64_t, int64_t, double*);

}  // namespace tw::cpu
