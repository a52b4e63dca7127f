// Tiles of matrix products: rows of the left operand are splat one value at a time, two vectors of columns of the right
// one are loaded, and the tile's sums stay in registers (Goto and van de Geijn 2008). A sum adds its products one by
// one in their order, so neither the instruction set, nor how a product is cut into tiles, changes a bit of it.
#include <utility>

#include "cpu/isa/panels.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::ProductRows;
using cpu::ProductTile;

#if TW_VBYTES == 64 || defined(__aarch64__)
constexpr int kMostRows = 14;  // 28 of 32 registers hold sums
#else
constexpr int kMostRows = 6;  // 12 of 16
#endif

// ---- tiles --------------------------------------------------------------------------------------------------

// Rows are addressed from every third, since an address has a base and one multiple.
template <class Terms, int vectors, int rows>
void sum_tile(const ProductTile<Element<typename Terms::Vector>>& t) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>, bases = (rows + 2) / 3;
  V sum[rows][vectors] = {};
  const Element<V>* left[bases];
  const int64_t row = t.left_row, left_step = t.left_step, right_step = t.right_step;
#pragma GCC unroll 5
  for (int b = 0; b < bases; ++b) left[b] = t.left + 3 * b * row;
  const Element<V>* right = t.right;
  for (int64_t k = t.depth; k > 0; --k, right += right_step) {
    V columns[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) columns[v] = load<V>(right + v * n);
    __builtin_prefetch(right + 8 * right_step);
#pragma GCC unroll 14
    for (int i = 0; i < rows; ++i) {
      Element<V> number;  // which may be a pair of others
      std::memcpy(&number, left[i / 3] + i % 3 * row, sizeof number);
      const V value = splat<V>(number);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[i][v] = Terms::add(sum[i][v], value, columns[v]);
    }
#pragma GCC unroll 5
    for (int b = 0; b < bases; ++b) left[b] += left_step;
  }
  const V alpha = splat<V>(t.alpha), beta = splat<V>(t.beta);
  const auto result = [&](int i, int v) TW_INLINE_LAMBDA {
    return fma(beta, load<V>(t.add + i * t.add_row + v * n), mul(alpha, sum[i][v]));
  };
  if constexpr (Terms::kRounds)
    if (t.rounded) {
      auto* const rounded = static_cast<typename Terms::From*>(t.rounded);
#pragma GCC unroll 14
      for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) Terms::store_rounded(rounded + i * t.rounded_row + v * n, result(i, v));
      return;
    }
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) store(t.out + i * t.out_row + v * n, result(i, v));
}

template <class V>
using SumTile = void (*)(const ProductTile<Element<V>>&);

template <class Terms, int vectors, int... i>
TW_INLINE SumTile<typename Terms::Vector> tile_of(int64_t rows, std::integer_sequence<int, i...>) {
  static constexpr SumTile<typename Terms::Vector> tiles[] = {sum_tile<Terms, vectors, i + 1>...};
  return tiles[rows - 1];
}

template <class Terms>
TW_INLINE void run_tile(const ProductTile<Element<typename Terms::Vector>>& t, int64_t rows, bool two) {
  constexpr auto sizes = std::make_integer_sequence<int, kMostRows>();
  (two ? tile_of<Terms, 2>(rows, sizes) : tile_of<Terms, 1>(rows, sizes))(t);
}

// out = alpha * sums + beta * add, one row; written to `rounded`, if there is that.
template <class Terms>
TW_INLINE void finish_row(int64_t cols, const Element<typename Terms::Vector>* sums,
                          const ProductRows<typename Terms::From>& t) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>;
  for (int64_t j = 0; j < cols; j += n) {
    const int count = cols - j < n ? static_cast<int>(cols - j) : n;
    const V scaled = mul(splat<V>(t.alpha), load<V>(sums + j));
    const V result = t.add ? fma(splat<V>(t.beta), load_first<V>(t.add + j, count), scaled) : scaled;
    if constexpr (Terms::kRounds)
      if (t.rounded) {
        count == n ? Terms::store_rounded(t.rounded + j, result) : Terms::store_rounded(t.rounded + j, result, count);
        continue;
      }
    store_first(t.out + j, result, count);
  }
}

// The tile is not copied where it can be helped: a copy would wait for all that was stored before.
template <class Terms>
void tile(const ProductTile<Element<typename Terms::Vector>>& t, int64_t rows, int64_t cols) {
  using V = typename Terms::Vector;
  using Tile = typename Terms::Tile;
  constexpr int n = lanes_of<V>;
  if ((cols == n || cols == 2 * n) && (Tile::kRounds || !t.rounded)) return run_tile<Tile>(t, rows, cols > n);
  static constexpr Element<V> zeros[2 * n] = {};
  Element<V> sums[kMostRows * 2 * n];
  ProductTile<Element<V>> whole = t;
  whole.add = zeros, whole.add_row = 0, whole.alpha = whole.beta = 1;
  whole.out = sums, whole.out_row = 2 * n, whole.rounded = nullptr;
  run_tile<Tile>(whole, rows, cols > n);
  ProductRows<typename Terms::From> row{};
  row.alpha = t.alpha, row.beta = t.beta;
  for (int64_t i = 0; i < rows; ++i) {
    row.add = t.add + i * t.add_row;
    if (t.out) row.out = t.out + i * t.out_row;
    if (t.rounded) row.rounded = static_cast<typename Terms::From*>(t.rounded) + i * t.rounded_row;
    finish_row<Terms>(cols, sums + i * 2 * n, row);
  }
}

// ---- a single row -------------------------------------------------------------------------------------------

// Rows of the right operand are read one after the other, as they lie in memory; the sums are in the first-level cache.
template <class Terms, int steps>
TW_INLINE void add_rows(const ProductRows<typename Terms::From>& t, int64_t k, int numbers, int64_t cols,
                        Element<typename Terms::Vector>* sums) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>, group = Terms::kGroup;
  V value[steps];
#pragma GCC unroll 8
  for (int s = 0; s < steps; ++s)
    value[s] = splat<V>(Terms::one(t.left + (k + s * group) * t.left_step, t.left_step, numbers));
  const auto* const right = t.right + k * t.right_step;
  const int64_t row = t.right_step;
  int64_t j = 0;
  for (; j + n <= cols; j += n) {
    V sum = load<V>(sums + j);
#pragma GCC unroll 8
    for (int s = 0; s < steps; ++s)
      sum = Terms::add(sum, value[s], Terms::across(right + s * group * row + j, row, numbers));
    store(sums + j, sum);
  }
  if (j == cols) return;
  const int rest = static_cast<int>(cols - j);
  V sum = load<V>(sums + j);
#pragma GCC unroll 8
  for (int s = 0; s < steps; ++s)
    sum = Terms::add(sum, value[s], Terms::across(right + s * group * row + j, row, numbers, rest));
  store(sums + j, sum);
}

// Row i from column `first` on, of what is written; operands stay where they are.
template <class T>
TW_INLINE ProductRows<T> part_of(ProductRows<T> t, int64_t i, int64_t first) {
  if (t.out) t.out += i * t.out_row + first;
  if (t.add) t.add += i * t.add_row + first;
  if (t.rounded) t.rounded += i * t.rounded_row + first;
  return t;
}

template <class Terms>
void row(const ProductRows<typename Terms::From>& t, int64_t cols) {
  using V = typename Terms::Vector;
  constexpr int64_t group = Terms::kGroup, steps = 8 / group;  // eight rows: fewer stores, no more streams than that
  Element<V> sums[cpu::kProductRow];
  for (int64_t first = 0; first < cols; first += cpu::kProductRow) {
    const int64_t count = cols - first < cpu::kProductRow ? cols - first : cpu::kProductRow;
    ProductRows<typename Terms::From> part = part_of(t, 0, first);
    part.right += first;
    for (int64_t j = 0; j < count; j += lanes_of<V>) store(sums + j, V{});
    int64_t k = 0;
    for (; k + steps * group <= t.depth; k += steps * group) add_rows<Terms, steps>(part, k, group, count, sums);
    for (; k + group <= t.depth; k += group) add_rows<Terms, 1>(part, k, group, count, sums);
    if (k < t.depth) add_rows<Terms, 1>(part, k, static_cast<int>(t.depth - k), count, sums);
    finish_row<Terms>(count, sums, part);
  }
}

// The same with columns that lie in memory one after the other: a sum has sixteen lanes, which are folded at the end.
// sums[i * sums_row + l] of left[i] and right[l]. The last, partial lanes go through copies with zeros behind.
template <class Terms, int rows, int lines>
__attribute__((noinline)) void sum_lines(int64_t depth, const typename Terms::From** left,
                                         const typename Terms::From** right, Element<typename Terms::Vector>* sums,
                                         int64_t sums_row) {
  using V = typename Terms::Vector;
  constexpr int registers = kVirtualLanes / lanes_of<V>;
  constexpr int64_t n = lanes_of<V> * Terms::kGroup, all = kVirtualLanes * Terms::kGroup;
  typename Terms::From rest[rows + lines][all];
  V sum[registers][rows][lines] = {};
  for (int64_t end = depth / all * all;; end = all) {
    for (int64_t k = 0; k < end; k += all)
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) {
        V column[lines];
#pragma GCC unroll 4
        for (int l = 0; l < lines; ++l) column[l] = Terms::along(right[l] + k + r * n);
#pragma GCC unroll 4
        for (int i = 0; i < rows; ++i) {
          const V value = Terms::along(left[i] + k + r * n);
#pragma GCC unroll 4
          for (int l = 0; l < lines; ++l) sum[r][i][l] = Terms::add(sum[r][i][l], value, column[l]);
        }
      }
    const int64_t left_over = depth - depth / all * all;
    if (left_over == 0 || left[0] == rest[0]) break;
    std::memset(rest, 0, sizeof rest);
    for (int i = 0; i < rows + lines; ++i) {
      const typename Terms::From*& line = i < rows ? left[i] : right[i - rows];
      std::memcpy(rest[i], line + (depth - left_over), left_over * sizeof(typename Terms::From));
      line = rest[i];
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
    for (int l = 0; l < lines; ++l) {
      Sixteen<Sum, V> lanes;
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) lanes.lanes[r] = sum[r][i][l];
      sums[i * sums_row + l] = lanes.fold();
    }
}

// As many columns at a time as there are registers for; rows and columns that do not exist are the last ones again.
template <class Terms, int rows>
TW_INLINE void sum_columns(const ProductRows<typename Terms::From>& t, int64_t row, int64_t last_row,
                           const typename Terms::From* right, int64_t cols, Element<typename Terms::Vector>* sums,
                           int64_t sums_row) {
  constexpr int registers = kVirtualLanes / lanes_of<typename Terms::Vector>, most = kMostRows == 14 ? 16 : 8;
  constexpr int lines = rows * registers * 4 <= most ? 4 : rows * registers * 2 <= most ? 2 : 1;
  for (int64_t j = 0; j < cols; j += lines) {
    const typename Terms::From *rows_from[rows], *lines_from[lines];
    for (int64_t i = 0; i < rows; ++i) rows_from[i] = t.left + (row + i < last_row ? row + i : last_row) * t.left_row;
    for (int64_t l = 0; l < lines; ++l) lines_from[l] = right + (j + l < cols ? j + l : cols - 1) * t.right_step;
    sum_lines<Terms, rows, lines>(t.depth, rows_from, lines_from, sums + row * sums_row + j, sums_row);
  }
}

template <class Terms>
void rows_of_lines(const ProductRows<typename Terms::From>& t, int64_t rows, int64_t cols) {
  constexpr int64_t kCols = 4, kRows = 4;
  constexpr int64_t kStrip = Terms::kRounds ? 64 : cpu::kProductRow;  // whose columns stay in the cache
  Element<typename Terms::Vector> sums[(Terms::kRounds ? (kMostRows + kRows - 1) / kRows * kRows : 1) * kStrip];
  for (int64_t first = 0; first < cols; first += kStrip) {
    const int64_t count = cols - first < kStrip ? cols - first : kStrip;
    for (int64_t j = 0; j < count; j += kCols) {
      const int64_t some = count - j < kCols ? count - j : kCols;
      const auto* const right = t.right + (first + j) * t.right_step;
      if (!Terms::kRounds || rows == 1) sum_columns<Terms, 1>(t, 0, 0, right, some, sums + j, kStrip);
      if constexpr (Terms::kRounds)
        for (int64_t i = 0; i < rows && rows > 1; i += kRows)
          sum_columns<Terms, kRows>(t, i, rows - 1, right, some, sums + j, kStrip);
    }
    for (int64_t i = 0; i < rows; ++i) finish_row<Terms>(count, sums + i * kStrip, part_of(t, i, first));
  }
}

template <class Terms>
constexpr cpu::ProductKernels<typename Terms::From> kKernels = {kMostRows,        lanes_of<typename Terms::Vector>,
                                                                Terms::kGroup,    pack<Terms>,
                                                                pack_left<Terms>, tile<Terms>,
                                                                row<Terms>,       rows_of_lines<Terms>};

}  // namespace

extern const cpu::ProductKernels<float> kProductF32;
extern const cpu::ProductKernels<double> kProductF64;
extern const cpu::ProductKernels<cpu::Half> kProductHalf;
extern const cpu::ProductKernels<cpu::BFloat> kProductBFloat, kProductBFloatPairs;
const cpu::ProductKernels<float> kProductF32 = kKernels<Single<F32>>;
const cpu::ProductKernels<double> kProductF64 = kKernels<Single<F64>>;
const cpu::ProductKernels<cpu::Half> kProductHalf = kKernels<Widened<cpu::Half>>;
const cpu::ProductKernels<cpu::BFloat> kProductBFloat = kKernels<Widened<cpu::BFloat>>;
#if TW_VBYTES == 64
const cpu::ProductKernels<cpu::BFloat> kProductBFloatPairs = kKernels<BFloatPair>;
#endif

}  // namespace TW_ISA_NS
}  // namespace tw
