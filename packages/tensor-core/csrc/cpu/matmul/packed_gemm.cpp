// Products of real floating-point numbers. A task is a block of the result; it copies panels of both operands to where
// the tile kernel reads them fastest, block by block of the depth, unless they lie well as they are.
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
constexpr int64_t kMostPanels = 128;                   // of a block of rows, which are at least six of a panel

template <class T>
constexpr T kZeros[kLeastCols] = {};  // as many as a tile has columns

// Small products are cheap enough for divisions to be what costs most; most of theirs are these.
int64_t ceil_div(int64_t n, int64_t d) { return n <= d ? n > 0 : (n - 1) / d + 1; }

struct Range {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};
// The i-th of `parts` nearly equal parts.
Range part_of(const Range& whole, int64_t i, int64_t parts) {
  if (parts == 1) return whole;
  return {whole.begin + whole.count() * i / parts, whole.begin + whole.count() * (i + 1) / parts};
}

template <class T>
using Sum = typename SumOf<T>::Type;
// Operands of 16 bits, which panels hold as numbers of the sums' type.
template <class T>
constexpr bool kHalves = !std::is_same_v<T, Sum<T>>;

template <class T>
struct Operands {
  const T *left, *right;
  const Sum<T>* bias;
  Sum<T> alpha, beta;

  Operands(const Gemm& p, int64_t batch)
      : left(static_cast<const T*>(p.left.data) + batch * p.left_batch_stride),
        right(static_cast<const T*>(p.right.data) + batch * p.right_batch_stride),
        bias(static_cast<const Sum<T>*>(p.bias)),
        alpha(static_cast<Sum<T>>(p.alpha.real())),
        beta(static_cast<Sum<T>>(p.beta.real())) {}
};

// Where the sums of a part of a result are added up, block by block of the depth: the result itself, or, if that has
// fewer bits, memory beside it, from which the last block writes to the result.
template <class T>
class Sums {
 public:
  Sums(const Gemm& p, int64_t batch, const Range& rows, const Range& cols, int64_t block_depth)
      : p_(p), rows_(rows), cols_(cols), first_(batch * p.result_batch_stride), row_(p.result_row_stride) {
    first_ += rows_.begin * row_ + cols_.begin;
    if (!kHalves<T> || !p.rounds) {
      sums_ = static_cast<Sum<T>*>(p.result) + first_;
    } else if (p.depth > block_depth) {
      beside_ = scratch<Sum<T>>(rows.count() * cols.count());
      sums_ = beside_.template data<Sum<T>>(), row_ = cols.count();
    }
  }

  // What a block of the depth starts from, and writes; the distances between rows are for tiles.
  template <class Tile>
  void add_to(const Operands<T>& o, int64_t row, int64_t col, const Range& depth, Tile& tile) const {
    tile.alpha = o.alpha, tile.beta = 1;
    if (sums_) tile.out = sums_ + (row - rows_.begin) * row_ + col - cols_.begin;
    tile.add = tile.out;
    if constexpr (kHalves<T>)
      if (p_.rounds && depth.end == p_.depth) tile.rounded = static_cast<T*>(p_.result) + place(row, col);
    if (depth.begin > 0) return;
    if (o.bias)
      tile.add = o.bias + col;
    else if (o.beta == 0)
      tile.add = nullptr;
    else
      tile.beta = o.beta;
  }
  int64_t row() const { return row_; }

  // These are complete.
  void done(const Range& rows, const Range& cols) const {
    for (int64_t row = p_.calls ? rows.begin : rows.end; row < rows.end; ++row) {
      const int64_t first = place(row, cols.begin);
      p_.calls->done(first, cols.count(), static_cast<Sum<T>*>(p_.result) + first);
    }
  }

 private:
  // In the result.
  int64_t place(int64_t row, int64_t col) const {
    return first_ + (row - rows_.begin) * p_.result_row_stride + col - cols_.begin;
  }

  const Gemm& p_;
  Range rows_, cols_;
  int64_t first_, row_;
  Tensor beside_;
  Sum<T>* sums_ = nullptr;
};

// ---- blocks of a result -------------------------------------------------------------------------------------

template <class T>
class BlockProduct {
 public:
  explicit BlockProduct(const Gemm& p)
      : p_(p),
        kernels_(isa_table<ProductKernels<T>>()),
        width_(2 * kernels_.lanes),
        block_depth_(kDepth * kernels_.group),
        left_width_(ceil_div(kernels_.rows, kernels_.lanes) * kernels_.lanes),
        panel_(left_width_ * (kDepth + 1)) {}

  void run(int64_t batch, const Range& rows, const Range& cols) {
    const Operands<T> o(p_, batch);
    if (p_.packed_right) return run_packed(o, batch, rows, cols);
    const int64_t col_blocks = ceil_div(cols.count(), kBlockCols), row_blocks = ceil_div(rows.count(), block_rows());
    for (int64_t c = 0; c < col_blocks; ++c) {
      const Range block{cols.begin + c * kBlockCols, std::min(cols.end, cols.begin + (c + 1) * kBlockCols)};
      const Sums<T> sums(p_, batch, rows, block, block_depth_);
      for (int64_t k = 0; k < std::max<int64_t>(p_.depth, 1); k += block_depth_) {
        const Range depth{k, std::min(p_.depth, k + block_depth_)};
        packed_cols_ = 0;
        for (int64_t r = 0; r < row_blocks; ++r) add_block(o, sums, part_of(rows, r, row_blocks), block, depth);
      }
    }
  }

 private:
  // All columns of a panel of rows before the next: the panel stays in the first-level cache, and results are written
  // as they lie in memory.
  void add_block(const Operands<T>& o, const Sums<T>& sums, const Range& rows, const Range& cols, const Range& depth) {
    const int64_t tiles = ceil_div(rows.count(), kernels_.rows);
    const bool packs_left = !left_lies_well(o, cols);
    const bool packs_right = kHalves<T> || p_.right.col_stride != 1 || tiles > 2;
    if (packs_left) pack_left(o, rows, tiles, depth);
    for (int64_t i = 0; i < tiles; ++i) {
      const Range part = part_of(rows, i, tiles);
      ProductTile<Sum<T>> tile{};
      set_left(o, part, i, packs_left, depth, tile);
      for (int64_t col = cols.begin; col < cols.end; col += width_) {
        const int64_t count = std::min(width_, cols.end - col);
        set_right(o, cols.begin, col, count, packs_right, depth, tile);
        add_tile(o, sums, part, col, count, depth, tile);
      }
      if (depth.end == p_.depth) sums.done(part, cols);
    }
  }

  // Panels that were packed before come from far away: each meets all rows, which wait in the second-level cache, while
  // it is in the first.
  void run_packed(const Operands<T>& o, int64_t batch, const Range& all_rows, const Range& all_cols) {
    const int64_t row_blocks = ceil_div(all_rows.count(), kPackedRows);
    const bool packs_left = !left_lies_well(o, all_cols);
    for (int64_t r = 0; r < row_blocks; ++r) {
      const Range rows = part_of(all_rows, r, row_blocks);
      const Sums<T> sums(p_, batch, rows, all_cols, block_depth_);
      for (int64_t k = 0; k < std::max<int64_t>(p_.depth, 1); k += block_depth_) {
        const Range depth{k, std::min(p_.depth, k + block_depth_)};
        if (packs_left) pack_left(o, rows, ceil_div(rows.count(), kernels_.rows), depth);
        for (int64_t col = all_cols.begin; col < all_cols.end; col += kBlockCols) {
          const Range cols{col, std::min(all_cols.end, col + kBlockCols)};
          for (int64_t panel = cols.begin; panel < cols.end; panel += width_)
            add_panel(o, sums, rows, panel, std::min(width_, cols.end - panel), depth, packs_left);
          if (depth.end == p_.depth) sums.done(rows, cols);
        }
      }
    }
  }
  void add_panel(const Operands<T>& o, const Sums<T>& sums, const Range& rows, int64_t col, int64_t count,
                 const Range& depth, bool left_packed) {
    const int64_t tiles = ceil_div(rows.count(), kernels_.rows);
    ProductTile<Sum<T>> tile{};
    tile.right_step = ceil_div(count, kernels_.lanes) * kernels_.lanes;
    tile.right =
        static_cast<const Sum<T>*>(p_.packed_right) + col * groups(p_.depth) + groups(depth.begin) * tile.right_step;
    for (int64_t i = 0; i < tiles; ++i) {
      const Range part = part_of(rows, i, tiles);
      set_left(o, part, i, left_packed, depth, tile);
      add_tile(o, sums, part, col, count, depth, tile);
    }
  }

  // Its operands are set.
  void add_tile(const Operands<T>& o, const Sums<T>& sums, const Range& rows, int64_t col, int64_t count,
                const Range& depth, ProductTile<Sum<T>>& tile) const {
    sums.add_to(o, rows.begin, col, depth, tile);
    tile.depth = groups(depth.count());
    tile.out_row = sums.row(), tile.rounded_row = p_.result_row_stride;
    tile.add_row = tile.add && tile.add == tile.out ? tile.out_row : 0;
    if (!tile.add) tile.add = kZeros<Sum<T>>;
    kernels_.tile(tile, rows.count(), count);
  }

  // Rows of the left operand lie side by side.
  bool turned() const { return p_.left.row_stride == 1 && p_.left.col_stride != 1; }
  int64_t block_rows() const { return p_.packed_right ? kPackedRows : turned() ? kTurnedRows : kBlockRows; }

  int64_t groups(int64_t numbers) const {
    if constexpr (!kHalves<T>) return numbers;
    return ceil_div(numbers, kernels_.group);
  }

  // Whether tiles read the left operand as it is: rows of numbers, or of pairs of them. A tile's part of such rows
  // stays in the first-level cache while panels pass by, or comes from the second in time even where its lines share
  // sets.
  bool left_lies_well(const Operands<T>& o, const Range& cols) const {
    const MatrixView& left = p_.left;
    if constexpr (!kHalves<T>) return left.col_stride == 1 || (left.row_stride == 1 && cols.count() <= 2 * width_);
    return kernels_.group == 2 && left.col_stride == 1 && left.row_stride % 2 == 0 && p_.depth % 2 == 0 &&
           reinterpret_cast<uintptr_t>(o.left) % sizeof(Sum<T>) == 0;
  }
  void pack_left(const Operands<T>& o, const Range& rows, int64_t tiles, const Range& depth) {
    if (!left_) left_ = scratch<Sum<T>>(ceil_div(std::min(block_rows(), p_.rows), kernels_.rows) * panel_);
    int64_t begin[kMostPanels + 1];
    for (int64_t i = 0; i <= tiles; ++i) begin[i] = rows.count() * i / tiles;
    kernels_.pack_left({rows.count(), tiles, begin, depth.count(), left_width_, panel_},
                       o.left + rows.begin * p_.left.row_stride + depth.begin * p_.left.col_stride, p_.left.row_stride,
                       p_.left.col_stride, left_.template data<Sum<T>>());
  }
  void set_left(const Operands<T>& o, const Range& part, int64_t i, bool packed, const Range& depth,
                ProductTile<Sum<T>>& tile) {
    if (!packed) {
      const T* const first = o.left + part.begin * p_.left.row_stride + depth.begin * p_.left.col_stride;
      tile.left = reinterpret_cast<const Sum<T>*>(first);
      tile.left_row = p_.left.row_stride / kernels_.group, tile.left_step = p_.left.col_stride;
      return;
    }
    tile.left = left_.template data<Sum<T>>() + i * panel_, tile.left_row = 1;
    tile.left_step = left_width_;
  }

  // Panels are packed by the first block of rows that needs them.
  void set_right(const Operands<T>& o, int64_t first, int64_t col, int64_t count, bool packs, const Range& depth,
                 ProductTile<Sum<T>>& tile) {
    const T* from = o.right + depth.begin * p_.right.row_stride + col * p_.right.col_stride;
    if constexpr (!kHalves<T>)
      if (!packs && count % kernels_.lanes == 0) {
        tile.right = from, tile.right_step = p_.right.row_stride;
        return;
      }
    if (!right_) right_ = scratch<Sum<T>>(std::min(ceil_div(p_.cols, width_) * width_, kBlockCols) * kDepth);
    Sum<T>* to = right_.template data<Sum<T>>() + (col - first) * kDepth;
    tile.right = to, tile.right_step = ceil_div(count, kernels_.lanes) * kernels_.lanes;
    if (col - first < packed_cols_) return;
    kernels_.pack(from, p_.right.col_stride, p_.right.row_stride, count, depth.count(), tile.right_step, to);
    packed_cols_ = col - first + count;
  }

  const Gemm& p_;
  const ProductKernels<T>& kernels_;
  int64_t width_, block_depth_, left_width_;
  int64_t panel_;  // from a panel of the left operand to the next: no power of two, so they share no set of a cache
  int64_t packed_cols_ = 0;
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
  if (parts == 1) return {0, p.cols};
  constexpr int64_t kStep = 32;
  const Range steps = part_of({0, ceil_div(p.cols, kStep)}, i, parts);
  return {steps.begin * kStep, std::min(p.cols, steps.end * kStep)};
}

// Whether the right operand is read as it lies in memory: for a single row, and for a few where it lies column by
// column and would be turned to be packed, if it has 16 bits.
template <class T>
bool reads_right(const Gemm& p) {
  constexpr int64_t kLeastDepth = 256;  // sums of fewer products would take longer to fold than to add up
  constexpr int64_t kMostRows = 12;     // more read the matrix more often than packing it costs
  if (p.rows == 1 && p.right.col_stride == 1) return true;
  if (p.right.row_stride != 1 || p.left.col_stride != 1) return false;
  return p.rows == 1 ||
         (kHalves<T> && p.rows <= std::min(isa_table<ProductKernels<T>>().rows, kMostRows) && p.depth >= kLeastDepth);
}

// Sums of a right operand that lies column by column have as many lanes as those of reductions instead of blocks of the
// depth.
template <class T>
void run_rows(const Gemm& p, int64_t batch, const Range& cols) {
  const Operands<T> o(p, batch);
  const auto& kernels = isa_table<ProductKernels<T>>();
  const bool by_rows = p.rows == 1 && p.right.col_stride == 1;
  ProductRows<T> rows{};
  rows.left_row = p.left.row_stride, rows.left_step = p.left.col_stride;
  rows.right_step = by_rows ? p.right.row_stride : p.right.col_stride;
  rows.rounded_row = p.result_row_stride;
  const int64_t block = by_rows ? kDepth : std::max<int64_t>(p.depth, 1);
  const Sums<T> sums(p, batch, {0, p.rows}, cols, block);
  rows.out_row = sums.row();
  for (int64_t k = 0; k < std::max<int64_t>(p.depth, 1); k += block) {
    rows.depth = std::min(p.depth - k, block);
    rows.left = o.left + k * p.left.col_stride;
    rows.right = o.right + k * p.right.row_stride + cols.begin * p.right.col_stride;
    sums.add_to(o, 0, cols.begin, {k, k + rows.depth}, rows);
    rows.add_row = rows.add == rows.out ? rows.out_row : 0;
    if (by_rows)
      kernels.row(rows, cols.count());
    else
      kernels.rows_of_lines(rows, p.rows, cols.count());
  }
  sums.done({0, p.rows}, cols);
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
  const bool as_it_lies = reads_right<T>(p);
  parallel_for(0, p.batch * tasks.count(), std::max<int64_t>(1, static_cast<int64_t>(kLeastTask / 8) / work),
               [&](int64_t begin, int64_t end) {
                 BlockProduct<T> block(p);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / tasks.count(), task = i % tasks.count();
                   const Range cols = columns_of(p, task % tasks.col_parts, tasks.col_parts);
                   if (as_it_lies)
                     run_rows<T>(p, batch, cols);
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
  const auto& kernels = isa_table<ProductKernels<T>>();
  return checked::mul(checked::mul(ceil_div(cols, kernels.lanes), kernels.lanes), ceil_div(depth, kernels.group));
}

template <class T>
void pack_panels(const MatrixView& right, int64_t depth, int64_t cols, typename SumOf<T>::Type* to) {
  const auto& kernels = isa_table<ProductKernels<T>>();
  const int64_t width = 2 * kernels.lanes;
  parallel_for(0, ceil_div(cols, width), grain_for(depth * width), [&](int64_t begin, int64_t end) {
    for (int64_t col = begin * width; col < std::min(cols, end * width); col += width) {
      const int64_t count = std::min(width, cols - col);
      kernels.pack(static_cast<const T*>(right.data) + col * right.col_stride, right.col_stride, right.row_stride,
                   count, depth, ceil_div(count, kernels.lanes) * kernels.lanes,
                   to + col * ceil_div(depth, kernels.group));
    }
  });
}

#define TW_INSTANTIATE(T)                                   \
  template void packed_gemm<T>(const Gemm&);                \
  template int64_t packed_panels_size<T>(int64_t, int64_t); \
  template void pack_panels<T>(const MatrixView&, int64_t, int64_t, typename SumOf<T>::Type*);
TW_INSTANTIATE(float)
TW_INSTANTIATE(double)
TW_INSTANTIATE(Half)
TW_INSTANTIATE(BFloat)

}  // namespace tw::cpu
