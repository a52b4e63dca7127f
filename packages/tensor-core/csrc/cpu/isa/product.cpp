// Tiles of matrix products: rows of the left operand are splat one value at a time, two vectors of columns of the right
// one are loaded, and the tile's sums stay in registers (Goto and van de Geijn 2008). A sum adds its products one by
// one in their order, so neither the instruction set, nor how a product is cut into tiles, changes a bit of it.
#include <utility>

#include "cpu/isa/panels.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::ProductRow;
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
                          const ProductRow<typename Terms::From>& t) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>;
  for (int64_t j = 0; j < cols; j += n) {
    const int count = cols - j < n ? static_cast<int>(cols - j) : n;
    const V scaled = mul(splat<V>(t.alpha), load<V>(sums + j));
    const V result = t.add ? fma(splat<V>(t.beta), load_first<V>(t.add + j, count), scaled) : scaled;
    if constexpr (Terms::kRounds)
      if (t.rounded) {
        Terms::store_rounded(t.rounded + j, result, count);
        continue;
      }
    store_first(t.out + j, result, count);
  }
}

// The tile is not copied where it can be helped: a copy would wait for all that was stored before.
template <class Terms>
void tile(const ProductTile<Element<typename Terms::Vector>>& t, int64_t rows, int64_t cols) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>;
  if (cols == n || cols == 2 * n) return run_tile<Terms>(t, rows, cols > n);
  static constexpr Element<V> zeros[2 * n] = {};
  Element<V> sums[kMostRows * 2 * n];
  ProductTile<Element<V>> whole = t;
  whole.add = zeros, whole.add_row = 0, whole.alpha = whole.beta = 1;
  whole.out = sums, whole.out_row = 2 * n, whole.rounded = nullptr;
  run_tile<Terms>(whole, rows, cols > n);
  ProductRow<typename Terms::From> row{};
  row.alpha = t.alpha, row.beta = t.beta;
  for (int64_t i = 0; i < rows; ++i) {
    row.add = t.add + i * t.add_row, row.out = t.out + i * t.out_row;
    if (t.rounded) row.rounded = static_cast<typename Terms::From*>(t.rounded) + i * t.rounded_row;
    finish_row<Terms>(cols, sums + i * 2 * n, row);
  }
}

// ---- a single row -------------------------------------------------------------------------------------------

// Rows of the right operand are read one after the other, as they lie in memory; the sums are in the first-level cache.
template <class Terms, int steps>
TW_INLINE void add_rows(const ProductRow<typename Terms::From>& t, int64_t k, int numbers, int64_t cols,
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

// The same row's columns from `first` on; the right operand stays where it is.
template <class T>
TW_INLINE ProductRow<T> from_column(ProductRow<T> t, int64_t first) {
  t.out += first;
  if (t.add) t.add += first;
  if (t.rounded) t.rounded += first;
  return t;
}

template <class Terms>
void row(const ProductRow<typename Terms::From>& t, int64_t cols) {
  using V = typename Terms::Vector;
  constexpr int64_t group = Terms::kGroup, steps = 8 / group;  // eight rows: fewer stores, no more streams than that
  Element<V> sums[cpu::kProductRow];
  for (int64_t first = 0; first < cols; first += cpu::kProductRow) {
    const int64_t count = cols - first < cpu::kProductRow ? cols - first : cpu::kProductRow;
    ProductRow<typename Terms::From> part = from_column(t, first);
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
template <class Terms, int lines>
TW_INLINE void sum_lines(const ProductRow<typename Terms::From>& t, const typename Terms::From* right,
                         Element<typename Terms::Vector>* sums) {
  using V = typename Terms::Vector;
  using Lanes = Sixteen<Sum, V>;
  constexpr int64_t n = lanes_of<V> * Terms::kGroup, all = kVirtualLanes * Terms::kGroup;
  Lanes lanes[lines];
#pragma GCC unroll 4
  for (int i = 0; i < lines; ++i) lanes[i].clear();
  int64_t k = 0;
  for (; k + all <= t.depth; k += all)
#pragma GCC unroll 8
    for (int r = 0; r < Lanes::kRegisters; ++r) {
      const V value = Terms::along(t.left + k + r * n);
#pragma GCC unroll 4
      for (int i = 0; i < lines; ++i)
        lanes[i].lanes[r] = Terms::add(lanes[i].lanes[r], value, Terms::along(right + i * t.right_step + k + r * n));
    }
  for (int r = 0; r < Lanes::kRegisters && k + r * n < t.depth; ++r) {
    const int64_t at = k + r * n;
    const int count = static_cast<int>(t.depth - at < n ? t.depth - at : n);
    for (int i = 0; i < lines; ++i)
      lanes[i].lanes[r] = Terms::add(lanes[i].lanes[r], Terms::along(t.left + at, count),
                                     Terms::along(right + i * t.right_step + at, count));
  }
#pragma GCC unroll 4
  for (int i = 0; i < lines; ++i) sums[i] = lanes[i].fold();
}

template <class Terms>
void row_of_lines(const ProductRow<typename Terms::From>& t, int64_t cols) {
  using V = typename Terms::Vector;
  constexpr int lines = kVirtualLanes / lanes_of<V> > 2 ? 2 : 4;
  Element<V> sums[cpu::kProductRow];
  for (int64_t first = 0; first < cols; first += cpu::kProductRow) {
    const int64_t count = cols - first < cpu::kProductRow ? cols - first : cpu::kProductRow;
    int64_t j = 0;
    for (; j + lines <= count; j += lines) sum_lines<Terms, lines>(t, t.right + (first + j) * t.right_step, sums + j);
    for (; j < count; ++j) sum_lines<Terms, 1>(t, t.right + (first + j) * t.right_step, sums + j);
    finish_row<Terms>(count, sums, from_column(t, first));
  }
}

template <class Terms>
constexpr cpu::ProductKernels<typename Terms::From> kKernels = {kMostRows,        lanes_of<typename Terms::Vector>,
                                                                Terms::kGroup,    pack<Terms>,
                                                                pack_left<Terms>, tile<Terms>,
                                                                row<Terms>,       row_of_lines<Terms>};

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
