// Convolution kernels with output channels in the lanes of vectors. Input values are splat from the source, so any
// shape of image fills the vectors, and a block of pixels times channels stays in registers over all taps. Every sum
// runs over its taps or pixels one by one in their order: the same bits on every instruction set.
#include <utility>

#include "cpu/isa/transpose.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::ConvolutionPass;
using cpu::PaddedPlane;

// Sums that registers hold beside the operands of one step.
#if TW_VBYTES == 64 || defined(__aarch64__)
constexpr int kSums = 28;
#else
constexpr int kSums = 12;
#endif
constexpr int kMostPixels = 14;  // more in a tile gain nothing
constexpr int kMostTaps = 12;    // more would need more pointers than there are registers

constexpr int most_pixels(int vectors, int rows) {
  const int fit = kSums / (vectors * rows);
  return fit < kMostPixels ? fit : kMostPixels;
}
[[maybe_unused]] constexpr int most_taps(int vectors) {  // used by the compiler alone
  const int fit = kSums / vectors;
  return fit < kMostTaps ? fit : kMostTaps;
}

// ---- between planes and [pixel][channel] --------------------------------------------------------------------

// out[j * out_row + i] = in[i * in_row + j] for i < rows, j < cols; columns i in [rows, lanes) are zeros if `fill`.
template <class V, bool fill>
TW_INLINE void transpose_tile(const Element<V>* in, int64_t in_row, int rows, int cols, Element<V>* out,
                              int64_t out_row) {
  constexpr int n = lanes_of<V>;
  V tile[n];
  if (rows == n && cols == n) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) tile[i] = load<V>(in + i * in_row);
    transpose(tile);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) store(out + j * out_row, tile[j]);
    return;
  }
  for (int i = 0; i < n; ++i) tile[i] = i < rows ? load_first<V>(in + i * in_row, cols) : V{};
  transpose(tile);
  for (int j = 0; j < cols; ++j) {
    if (fill || rows == n)
      store(out + j * out_row, tile[j]);
    else
      store_first(out + j * out_row, tile[j], rows);
  }
}

template <class V>
void channels_last(const Element<V>* planes, int64_t plane, int64_t channels, int64_t pixels, int vectors,
                   Element<V>* out) {
  constexpr int n = lanes_of<V>;
  for (int k = 0; k < vectors; ++k) {
    const int64_t left = channels - k * n, rows = left < 0 ? 0 : left < n ? left : n;
    for (int64_t p = 0; p < pixels; p += n)
      transpose_tile<V, true>(planes + k * n * plane + p, plane, static_cast<int>(rows),
                              static_cast<int>(pixels - p < n ? pixels - p : n), out + (p * vectors + k) * n,
                              vectors * n);
  }
}

template <class V>
void channels_first(const Element<V>* in, int vectors, int64_t channels, int64_t pixels, Element<V>* planes,
                    int64_t plane) {
  constexpr int n = lanes_of<V>;
  for (int64_t c = 0; c < channels; c += n)
    for (int64_t p = 0; p < pixels; p += n)
      transpose_tile<V, false>(in + p * vectors * n + c, vectors * n, static_cast<int>(pixels - p < n ? pixels - p : n),
                               static_cast<int>(channels - c < n ? channels - c : n), planes + c * plane + p, plane);
}

// ---- sources ------------------------------------------------------------------------------------------------

template <class V>
TW_INLINE void copy_run(const Element<V>* from, int64_t count, Element<V>* to) {
  int64_t i = 0;
  for (; i + lanes_of<V> <= count; i += lanes_of<V>) store(to + i, load<V>(from + i));
  if (i < count) store_first(to + i, load_first<V>(from + i, static_cast<int>(count - i)), static_cast<int>(count - i));
}
template <class V>
TW_INLINE void zero_run(int64_t count, Element<V>* to) {
  int64_t i = 0;
  for (; i + lanes_of<V> <= count; i += lanes_of<V>) store(to + i, V{});
  if (i < count) store_first(to + i, V{}, static_cast<int>(count - i));
}

// Every stride-th element.
template <class V, int... i>
TW_INLINE V even_lanes(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (2 * i)...);
}
template <class V>
TW_INLINE void copy_strided(const Element<V>* from, int64_t stride, int64_t count, Element<V>* to) {
  constexpr int n = lanes_of<V>;
  constexpr auto lanes = std::make_integer_sequence<int, n>();
  if (stride != 2) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
    return;
  }
  int64_t i = 0;
  for (; i + n < count; i += n) store(to + i, even_lanes(load<V>(from + 2 * i), load<V>(from + 2 * i + n), lanes));
  if (i == count) return;
  const int rest = static_cast<int>(count - i), read = 2 * rest - 1;  // the last one has no neighbour that may be read
  const V low = load_first<V>(from + 2 * i, read < n ? read : n);
  const V high = read > n ? load_first<V>(from + 2 * i + n, read - n) : V{};
  store_first(to + i, even_lanes(low, high, lanes), rest);
}

// The columns of one phase, the first of which is the image's column `shift`.
template <class V>
TW_INLINE void pad_phase(const PaddedPlane& plane, int64_t shift, const Element<V>* row, Element<V>* to) {
  const int64_t stride = plane.stride, room = plane.phase_length;
  int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
  int64_t last = shift < plane.width ? (plane.width - shift + stride - 1) / stride : 0;
  first = first < room ? first : room;
  last = last < room ? last : room;
  last = last > first ? last : first;
  zero_run<V>(first, to);
  if (stride == 1)
    copy_run<V>(row + shift + first, last - first, to + first);
  else
    copy_strided<V>(row + shift + first * stride, stride, last - first, to + first);
  zero_run<V>(room - last, to + last);
}

template <class V>
void pad(const PaddedPlane& plane, const Element<V>* from, Element<V>* to) {
  const int64_t length = plane.stride * plane.phase_length;
  if (plane.stride == 1 && plane.front >= 0 && plane.front + plane.width <= length && plane.width <= 2 * lanes_of<V>) {
    zero_run<V>((plane.above + plane.rows + plane.below) * length, to);  // cheaper than the ends of each short row
    to += plane.above * length + plane.front;
    for (int64_t y = 0; y < plane.rows; ++y) copy_run<V>(from + y * plane.width, plane.width, to + y * length);
    return;
  }
  zero_run<V>(plane.above * length, to);
  to += plane.above * length;
  for (int64_t y = 0; y < plane.rows; ++y, from += plane.width)
    for (int64_t phase = 0; phase < plane.stride; ++phase, to += plane.phase_length)
      pad_phase<V>(plane, phase - plane.front, from, to);
  zero_run<V>(plane.below * length, to);
}

template <class V>
void gather_rows(const Element<V>* from, int64_t from_row, int64_t step, int64_t rows, int64_t cols, Element<V>* to) {
  for (int64_t y = 0; y < rows; ++y) copy_strided<V>(from + y * from_row, step, cols, to + y * cols);
}

// ---- outputs ------------------------------------------------------------------------------------------------

// Whether passes say how far apart pixels are; where not, they are neighbours.
template <class V>
constexpr bool has_steps = sizeof(Element<V>) == sizeof(float);
template <class V>
TW_INLINE int64_t in_step(const ConvolutionPass& pass) {
  return has_steps<V> ? pass.in_step : 1;
}
template <class V, int vectors>
TW_INLINE int64_t out_step(const ConvolutionPass& pass) {
  return has_steps<V> ? pass.out_step : vectors * lanes_of<V>;
}

// `pixels` neighbours in each of `rows` rows.
template <class V, int vectors, int rows, int pixels>
void output_tile(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* weights,
                 const Element<V>* start, Element<V>* out) {
  constexpr int n = lanes_of<V>, half = 7;  // pixels behind one pointer: their distances stay in registers
  const int64_t step = in_step<V>(pass), out_vector = has_steps<V> ? pass.out_vector : n;
  V sum[rows][pixels][vectors];
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 14
    for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 2
      for (int k = 0; k < vectors; ++k) sum[r][p][k] = load<V>(start + k * n);
  const int64_t* const end = pass.offsets + pass.taps;
  const Element<V>* const below = source + pass.in_row;
  for (const int64_t* offset = pass.offsets; offset != end; ++offset, weights += vectors * n) {
    V weight[vectors];
#pragma GCC unroll 2
    for (int k = 0; k < vectors; ++k) weight[k] = load<V>(weights + k * n);
#pragma GCC unroll 2
    for (int r = 0; r < rows; ++r) {
      const Element<V>* at = (r == 0 ? source : below) + *offset;
#pragma GCC unroll 14
      for (int p = 0; p < pixels; ++p) {
        const Element<V>* const part = p < half ? at : at + half * step;
        const V value = splat<V>(part[p % half * step]);
#pragma GCC unroll 2
        for (int k = 0; k < vectors; ++k) sum[r][p][k] = fma(value, weight[k], sum[r][p][k]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 14
    for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 2
      for (int k = 0; k < vectors; ++k)
        store(out + r * pass.out_row + p * out_step<V, vectors>(pass) + k * out_vector, sum[r][p][k]);
}

template <class V>
using OutputTile = void (*)(const ConvolutionPass&, const Element<V>*, const Element<V>*, const Element<V>*,
                            Element<V>*);

// The tile of 1, 2, ... pixels.
template <class V, int vectors, int rows, int... i>
TW_INLINE OutputTile<V> tile_of(int64_t pixels, std::integer_sequence<int, i...>) {
  static constexpr OutputTile<V> tiles[] = {output_tile<V, vectors, rows, i + 1>...};
  return tiles[pixels - 1];
}

// Rows cut into tiles of nearly the same size.
template <class V, int vectors, int rows>
TW_INLINE void output_rows(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* weights,
                           const Element<V>* start, Element<V>* out) {
  constexpr int most = most_pixels(vectors, rows);
  constexpr auto sizes = std::make_integer_sequence<int, most>();
  const int64_t tiles = (pass.cols + most - 1) / most, size = pass.cols / tiles, larger = pass.cols % tiles;
  int64_t x = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t pixels = size + (i < larger);
    tile_of<V, vectors, rows>(pixels, sizes)(pass, source + x * in_step<V>(pass), weights, start,
                                             out + x * out_step<V, vectors>(pass));
    x += pixels;
  }
}

template <class V, int vectors>
TW_INLINE void correlate_vectors(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* weights,
                                 const Element<V>* start, Element<V>* out) {
  if (pass.cols == 0) return;
  int64_t y = 0;
  if (pass.cols <= most_pixels(vectors, 2))
    for (; y + 2 <= pass.rows; y += 2)
      output_rows<V, vectors, 2>(pass, source + y * pass.in_row, weights, start, out + y * pass.out_row);
  for (; y < pass.rows; ++y)
    output_rows<V, vectors, 1>(pass, source + y * pass.in_row, weights, start, out + y * pass.out_row);
}

template <class V>
void correlate(const ConvolutionPass& pass, int vectors, const Element<V>* source, const Element<V>* weights,
               const Element<V>* start, Element<V>* out) {
  if (vectors == 2)
    correlate_vectors<V, 2>(pass, source, weights, start, out);
  else
    correlate_vectors<V, 1>(pass, source, weights, start, out);
}

// ---- weight gradients ---------------------------------------------------------------------------------------

template <class V, int vectors, int taps>
void gradient_tile(const ConvolutionPass& pass, const int64_t* offsets, const Element<V>* source,
                   const Element<V>* grad, Element<V>* sums) {
  constexpr int n = lanes_of<V>;
  V sum[taps][vectors] = {};
  const Element<V>* at[taps];
#pragma GCC unroll 12
  for (int t = 0; t < taps; ++t) at[t] = source + offsets[t];
  for (int64_t row = 0; row != pass.rows * pass.in_row; row += pass.in_row)
    for (int64_t x = row; x != row + pass.cols; ++x, grad += vectors * n) {
      V g[vectors];
#pragma GCC unroll 2
      for (int k = 0; k < vectors; ++k) g[k] = load<V>(grad + k * n);
#pragma GCC unroll 12
      for (int t = 0; t < taps; ++t) {
        const V value = splat<V>(at[t][x]);
#pragma GCC unroll 2
        for (int k = 0; k < vectors; ++k) sum[t][k] = fma(value, g[k], sum[t][k]);
      }
    }
#pragma GCC unroll 12
  for (int t = 0; t < taps; ++t)
#pragma GCC unroll 2
    for (int k = 0; k < vectors; ++k, sums += n) store(sums, add(load<V>(sums), sum[t][k]));
}

template <class V>
using GradientTile = void (*)(const ConvolutionPass&, const int64_t*, const Element<V>*, const Element<V>*,
                              Element<V>*);

template <class V, int vectors, int... i>
TW_INLINE void gradient_taps(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* grad,
                             Element<V>* sums, std::integer_sequence<int, i...>) {
  static constexpr GradientTile<V> of_taps[] = {gradient_tile<V, vectors, i + 1>...};
  constexpr int most = sizeof...(i);
  const int64_t tiles = (pass.taps + most - 1) / most, size = pass.taps / tiles, larger = pass.taps % tiles;
  int64_t t = 0;
  for (int64_t j = 0; j < tiles; ++j) {
    const int64_t taps = size + (j < larger);
    of_taps[taps - 1](pass, pass.offsets + t, source, grad, sums + t * vectors * lanes_of<V>);
    t += taps;
  }
}

template <class V>
void weight_gradient(const ConvolutionPass& pass, int vectors, const Element<V>* source, const Element<V>* grad,
                     Element<V>* sums) {
  if (vectors == 2)
    gradient_taps<V, 2>(pass, source, grad, sums, std::make_integer_sequence<int, most_taps(2)>());
  else
    gradient_taps<V, 1>(pass, source, grad, sums, std::make_integer_sequence<int, most_taps(1)>());
}

// ---- weight gradients with pixels in lanes ------------------------------------------------------------------

template <class V>
constexpr int row_registers = cpu::kRowLanes / lanes_of<V>;
template <class V>
constexpr int row_taps =
    row_registers<V> > kSums / 2 ? 1 : (kSums / row_registers<V> < 12 ? kSums / row_registers<V> : 12);

// Up to kRowLanes columns from x on.
template <class V, int taps, bool whole>
TW_INLINE void add_columns(const Element<V>* const (&at)[taps], const Element<V>* grad, int64_t x, int64_t cols,
                           V (&sum)[taps][row_registers<V>]) {
  constexpr int n = lanes_of<V>;
#pragma GCC unroll 8
  for (int k = 0; k < row_registers<V>; ++k) {
    const int64_t first = x + k * n, left = cols - first;
    if (!whole && left <= 0) return;
    const bool full = whole || left >= n;
    const V g = full ? load<V>(grad + first) : load_first<V>(grad + first, static_cast<int>(left));
#pragma GCC unroll 12
    for (int t = 0; t < taps; ++t) {
      const V value = full ? load<V>(at[t] + first) : load_first<V>(at[t] + first, static_cast<int>(left));
      sum[t][k] = fma(value, g, sum[t][k]);
    }
  }
}

template <class V, int taps>
void row_gradient_tile(const ConvolutionPass& pass, const int64_t* offsets, const Element<V>* source,
                       const Element<V>* grad, Element<V>* sums) {
  constexpr int n = lanes_of<V>;
  V sum[taps][row_registers<V>] = {};
  for (int64_t y = 0; y < pass.rows; ++y, source += pass.in_row, grad += pass.cols) {
    const Element<V>* at[taps];
#pragma GCC unroll 12
    for (int t = 0; t < taps; ++t) at[t] = source + offsets[t];
    int64_t x = 0;
    for (; x + cpu::kRowLanes <= pass.cols; x += cpu::kRowLanes)
      add_columns<V, taps, true>(at, grad, x, pass.cols, sum);
    if (x < pass.cols) add_columns<V, taps, false>(at, grad, x, pass.cols, sum);
  }
#pragma GCC unroll 12
  for (int t = 0; t < taps; ++t)
#pragma GCC unroll 8
    for (int k = 0; k < row_registers<V>; ++k, sums += n) store(sums, add(load<V>(sums), sum[t][k]));
}

template <class V, int... i>
TW_INLINE void row_gradient_taps(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* grad,
                                 Element<V>* sums, std::integer_sequence<int, i...>) {
  static constexpr GradientTile<V> of_taps[] = {row_gradient_tile<V, i + 1>...};
  constexpr int64_t most = sizeof...(i);
  for (int64_t t = 0; t < pass.taps; t += most)
    of_taps[at_most(pass.taps - t, most) - 1](pass, pass.offsets + t, source, grad, sums + t * cpu::kRowLanes);
}

template <class V>
void row_gradient(const ConvolutionPass& pass, const Element<V>* source, const Element<V>* grad, Element<V>* sums) {
  row_gradient_taps<V>(pass, source, grad, sums, std::make_integer_sequence<int, row_taps<V>>());
}

}  // namespace

extern const cpu::ConvolutionKernels<float> kConvolutionF32;
extern const cpu::ConvolutionKernels<double> kConvolutionF64;
const cpu::ConvolutionKernels<float> kConvolutionF32 = {kLanes32,
                                                        pad<F32>,
                                                        gather_rows<F32>,
                                                        channels_last<F32>,
                                                        channels_first<F32>,
                                                        correlate<F32>,
                                                        weight_gradient<F32>,
                                                        row_gradient<F32>};
const cpu::ConvolutionKernels<double> kConvolutionF64 = {kLanes64,
                                                         pad<F64>,
                                                         gather_rows<F64>,
                                                         channels_last<F64>,
                                                         channels_first<F64>,
                                                         correlate<F64>,
                                                         weight_gradient<F64>,
                                                         row_gradient<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
