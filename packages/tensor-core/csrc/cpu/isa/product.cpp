// Tiles of matrix products: rows of the left operand are splat one value at a time, two vectors of columns of the right
// one are loaded, and the tile's sums stay in registers (Goto and van de Geijn 2008). A sum adds its products one by
// one in their order, so neither the instruction set, nor how a product is cut into tiles, changes a bit of it.
#include <utility>

#include "cpu/isa/row.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::ProductTile;

#if TW_VBYTES == 64 || defined(__aarch64__)
constexpr int kMostRows = 14;  // 28 of 32 registers hold sums
#else
constexpr int kMostRows = 6;  // 12 of 16
#endif

// ---- panels -------------------------------------------------------------------------------------------------

// to[k * width + i] = from[i * line + k] for i < lanes; lines that do not exist are the first one again.
template <class V>
TW_INLINE void pack_lines(const Element<V>* from, int64_t line, int64_t lines, int64_t depth, int64_t width,
                          Element<V>* to) {
  constexpr int n = lanes_of<V>;
  int64_t offset[n];
  for (int i = 0; i < n; ++i) offset[i] = i < lines ? i * line : 0;
  V tile[n];
  int64_t k = 0;
  for (; k + n <= depth; k += n) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) tile[i] = load<V>(from + offset[i] + k);
    transpose(tile);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) store(to + (k + j) * width, tile[j]);
  }
  if (k == depth) return;
  const int rest = static_cast<int>(depth - k);
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) tile[i] = load_first<V>(from + offset[i] + k, rest);
  transpose(tile);
#pragma GCC unroll 16
  for (int j = 0; j < n; ++j)
    if (j < rest) store(to + (k + j) * width, tile[j]);
}

template <class V>
void pack(const Element<V>* from, int64_t line, int64_t step, int64_t count, int64_t depth, int64_t width,
          Element<V>* to) {
  constexpr int n = lanes_of<V>;
  for (int64_t i = 0; i < count; i += n) {
    const int64_t lines = count - i < n ? count - i : n;
    const Element<V>* const first = from + i * line;
    if (step == 1) {
      pack_lines<V>(first, line, lines, depth, width, to + i);
    } else if (line == 1 && lines == n) {
      for (int64_t k = 0; k < depth; ++k) store(to + k * width + i, load<V>(first + k * step));
    } else if (line == 1) {
      for (int64_t k = 0; k < depth; ++k)
        store(to + k * width + i, load_first<V>(first + k * step, static_cast<int>(lines)));
    } else {
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t l = 0; l < lines; ++l) to[k * width + i + l] = first[l * line + k * step];
    }
  }
}

// ---- tiles --------------------------------------------------------------------------------------------------

// Rows are addressed from every third, since an address has a base and one multiple.
template <class V, int vectors, int rows>
void sum_tile(const ProductTile<Element<V>>& t) {
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
      const V value = splat<V>(left[i / 3][i % 3 * row]);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[i][v] = fma(value, columns[v], sum[i][v]);
    }
#pragma GCC unroll 5
    for (int b = 0; b < bases; ++b) left[b] += left_step;
  }
  const V alpha = splat<V>(t.alpha), beta = splat<V>(t.beta);
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v)
      store(t.out + i * t.out_row + v * n, fma(beta, load<V>(t.add + i * t.add_row + v * n), mul(alpha, sum[i][v])));
}

template <class V>
using SumTile = void (*)(const ProductTile<Element<V>>&);

template <class V, int vectors, int... i>
TW_INLINE SumTile<V> tile_of(int64_t rows, std::integer_sequence<int, i...>) {
  static constexpr SumTile<V> tiles[] = {sum_tile<V, vectors, i + 1>...};
  return tiles[rows - 1];
}

template <class V>
TW_INLINE void run_tile(const ProductTile<Element<V>>& t, int64_t rows, bool two) {
  constexpr auto sizes = std::make_integer_sequence<int, kMostRows>();
  (two ? tile_of<V, 2>(rows, sizes) : tile_of<V, 1>(rows, sizes))(t);
}

// out = alpha * sums + beta * add, one row.
template <class V>
TW_INLINE void finish_row(int64_t cols, const Element<V>* sums, Element<V> alpha, const Element<V>* add,
                          Element<V> beta, Element<V>* out) {
  constexpr int n = lanes_of<V>;
  for (int64_t j = 0; j < cols; j += n) {
    const int count = cols - j < n ? static_cast<int>(cols - j) : n;
    const V scaled = mul(splat<V>(alpha), load<V>(sums + j));
    store_first(out + j, add ? fma(splat<V>(beta), load_first<V>(add + j, count), scaled) : scaled, count);
  }
}

// The tile is not copied where it can be helped: a copy would wait for all that was stored before.
template <class V>
void tile(const ProductTile<Element<V>>& t, int64_t rows, int64_t cols) {
  constexpr int n = lanes_of<V>;
  if (cols == n || cols == 2 * n) return run_tile<V>(t, rows, cols > n);
  static constexpr Element<V> zeros[2 * n] = {};
  Element<V> sums[kMostRows * 2 * n];
  ProductTile<Element<V>> whole = t;
  whole.add = zeros, whole.add_row = 0, whole.alpha = whole.beta = 1;
  whole.out = sums, whole.out_row = 2 * n;
  run_tile<V>(whole, rows, cols > n);
  for (int64_t i = 0; i < rows; ++i)
    finish_row<V>(cols, sums + i * 2 * n, t.alpha, t.add + i * t.add_row, t.beta, t.out + i * t.out_row);
}

// ---- a single row -------------------------------------------------------------------------------------------

// Rows of the right operand are read one after the other, as they lie in memory; the sums are in the first-level cache.
template <class V, int steps>
TW_INLINE void add_rows(const ProductTile<Element<V>>& t, int64_t k, int64_t cols, Element<V>* sums) {
  constexpr int n = lanes_of<V>;
  V value[steps];
#pragma GCC unroll 8
  for (int s = 0; s < steps; ++s) value[s] = splat<V>(t.left[(k + s) * t.left_step]);
  const Element<V>* const right = t.right + k * t.right_step;
  int64_t j = 0;
  for (; j + n <= cols; j += n) {
    V sum = load<V>(sums + j);
#pragma GCC unroll 8
    for (int s = 0; s < steps; ++s) sum = fma(value[s], load<V>(right + s * t.right_step + j), sum);
    store(sums + j, sum);
  }
  if (j == cols) return;
  const int rest = static_cast<int>(cols - j);
  V sum = load<V>(sums + j);
#pragma GCC unroll 8
  for (int s = 0; s < steps; ++s) sum = fma(value[s], load_first<V>(right + s * t.right_step + j, rest), sum);
  store(sums + j, sum);
}

template <class V>
void row(const ProductTile<Element<V>>& t, int64_t cols) {
  Element<V> sums[cpu::kProductRow];
  for (int64_t first = 0; first < cols; first += cpu::kProductRow) {
    const int64_t count = cols - first < cpu::kProductRow ? cols - first : cpu::kProductRow;
    ProductTile<Element<V>> part = t;
    part.right += first;
    for (int64_t j = 0; j < count; j += lanes_of<V>) store(sums + j, V{});
    int64_t k = 0;
    for (; k + 8 <= t.depth; k += 8) add_rows<V, 8>(part, k, count, sums);
    for (; k < t.depth; ++k) add_rows<V, 1>(part, k, count, sums);
    finish_row<V>(count, sums, t.alpha, t.add ? t.add + first : nullptr, t.beta, t.out + first);
  }
}

// The same with columns that lie in memory one after the other: a sum has sixteen lanes, which are folded at the end.
template <class V, int lines>
TW_INLINE void sum_lines(const ProductTile<Element<V>>& t, const Element<V>* right, Element<V>* sums) {
  using Lanes = Sixteen<Sum, V>;
  constexpr int n = lanes_of<V>;
  Lanes lanes[lines];
#pragma GCC unroll 4
  for (int i = 0; i < lines; ++i) lanes[i].clear();
  int64_t k = 0;
  for (; k + kVirtualLanes <= t.depth; k += kVirtualLanes)
#pragma GCC unroll 8
    for (int r = 0; r < Lanes::kRegisters; ++r) {
      const V value = load<V>(t.left + k + r * n);
#pragma GCC unroll 4
      for (int i = 0; i < lines; ++i)
        lanes[i].lanes[r] = fma(value, load<V>(right + i * t.right_step + k + r * n), lanes[i].lanes[r]);
    }
  for (int r = 0; r < Lanes::kRegisters && k + r * n < t.depth; ++r) {
    const int64_t at = k + r * n;
    const int count = t.depth - at < n ? static_cast<int>(t.depth - at) : n;
    for (int i = 0; i < lines; ++i)
      lanes[i].lanes[r] = fma(load_first<V>(t.left + at, count), load_first<V>(right + i * t.right_step + at, count),
                              lanes[i].lanes[r]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < lines; ++i) sums[i] = lanes[i].fold();
}

template <class V>
void row_of_lines(const ProductTile<Element<V>>& t, int64_t cols) {
  constexpr int lines = kVirtualLanes / lanes_of<V> > 2 ? 2 : 4;
  Element<V> sums[cpu::kProductRow];
  for (int64_t first = 0; first < cols; first += cpu::kProductRow) {
    const int64_t count = cols - first < cpu::kProductRow ? cols - first : cpu::kProductRow;
    int64_t j = 0;
    for (; j + lines <= count; j += lines) sum_lines<V, lines>(t, t.right + (first + j) * t.right_step, sums + j);
    for (; j < count; ++j) sum_lines<V, 1>(t, t.right + (first + j) * t.right_step, sums + j);
    finish_row<V>(count, sums, t.alpha, t.add ? t.add + first : nullptr, t.beta, t.out + first);
  }
}

}  // namespace

extern const cpu::ProductKernels<float> kProductF32;
extern const cpu::ProductKernels<double> kProductF64;
const cpu::ProductKernels<float> kProductF32 = {kMostRows, kLanes32, pack<F32>, tile<F32>, row<F32>, row_of_lines<F32>};
const cpu::ProductKernels<double> kProductF64 = {kMostRows, kLanes64, pack<F64>,
                                                 tile<F64>, row<F64>, row_of_lines<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
