// Convolution kernels over images that lie in the lanes of vectors. Every sum runs over its taps one by one in their
// order: the same bits on every instruction set, and as convolution.cpp computes them.
#include "cpu/isa/transpose.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::LanePass;
using cpu::LanePlane;

template <class V>
using T = Element<V>;

// ---- between image planes and lanes -------------------------------------------------------------------------

template <class V>
TW_INLINE void fill_zero(T<V>* out, int64_t vectors) {
  for (int64_t i = 0; i < vectors; ++i) store(out + i * lanes_of<V>, V{});
}

template <class V>
TW_INLINE void clear_border(const LanePlane& plane, T<V>* out) {
  constexpr int n = lanes_of<V>;
  const int64_t behind = plane.padded_width - plane.front_x - plane.width;
  const int64_t last_row = plane.front_y + plane.height;
  fill_zero<V>(out, plane.front_y * plane.padded_width);
  for (int64_t y = plane.front_y; y < last_row; ++y) {
    T<V>* row = out + y * plane.padded_width * n;
    fill_zero<V>(row, plane.front_x);
    fill_zero<V>(row + (plane.front_x + plane.width) * n, behind);
  }
  fill_zero<V>(out + last_row * plane.padded_width * n, (plane.padded_height - last_row) * plane.padded_width);
}

template <class V>
void pack(const T<V>* images, int64_t image_stride, int64_t count, int64_t channels, LanePlane plane, T<V>* out) {
  constexpr int n = lanes_of<V>;
  const int64_t pixels = plane.pixels();
  for (int64_t c = 0; c < channels; ++c, images += pixels, out += plane.padded_pixels() * n) {
    clear_border<V>(plane, out);
    int64_t y = plane.front_y, x = 0;
    for (int64_t p = 0; p < pixels; p += n) {
      const int rest = static_cast<int>(at_most(pixels - p, n));
      V rows[n];
      const T<V>* const from = images + p;
      if (rest == n && count == n) {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) rows[i] = load<V>(from + i * image_stride);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) rows[i] = i < count ? load_first<V>(from + i * image_stride, rest) : V{};
      }
      transpose(rows);
      for (int i = 0; i < rest; ++i) {
        store(out + (y * plane.padded_width + plane.front_x + x) * n, rows[i]);
        if (++x == plane.width) x = 0, ++y;
      }
    }
  }
}

template <class V>
void unpack(const T<V>* in, int64_t channels, int64_t pixels, T<V>* images, int64_t image_stride, int64_t count) {
  constexpr int n = lanes_of<V>;
  for (int64_t c = 0; c < channels; ++c, in += pixels * n, images += pixels)
    for (int64_t p = 0; p < pixels; p += n) {
      const int rest = static_cast<int>(at_most(pixels - p, n));
      V rows[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i) rows[i] = i < rest ? load<V>(in + (p + i) * n) : V{};
      transpose(rows);
      T<V>* const to = images + p;
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i)
        if (i < count)
          rest == n ? store(to + i * image_stride, rows[i]) : store_first(to + i * image_stride, rows[i], rest);
    }
}

// ---- outputs ------------------------------------------------------------------------------------------------

constexpr int64_t kTapsAhead = 24;  // whose pixels are fetched: they are too far apart for the processor to foresee

template <class V, int M, int N>
TW_INLINE void output_tile(const LanePass& pass, const T<V>* in, const T<V>* weights, const T<V>* bias, T<V>* out,
                           int64_t out_channel) {
  V sum[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) sum[m][i] = splat<V>(bias[m]);
  for (int64_t t = 0; t < pass.taps; ++t, weights += M) {
    const T<V>* at = in + pass.offsets[t];
    const T<V>* later = in + pass.offsets[t + kTapsAhead < pass.taps ? t + kTapsAhead : pass.taps - 1];
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) __builtin_prefetch(later + i * pass.in_step);
    V pixel[N];
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) pixel[i] = load<V>(at + i * pass.in_step);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const V weight = splat<V>(weights[m]);
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) sum[m][i] = fma(pixel[i], weight, sum[m][i]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) store(out + m * out_channel + i * pass.out_step, sum[m][i]);
}

// Tiles as large as the registers hold: 32 of them on AVX-512, 16 elsewhere.
constexpr int tile_pixels(int channels) {
  if (channels == 1) return TW_VBYTES == 16 ? 4 : 8;  // sums enough to hide how long each takes
  if (channels == 2) return TW_VBYTES == 16 ? 2 : 4;
  return TW_VBYTES == 16 ? 2 : 3;
}
constexpr int kMostChannels = TW_VBYTES == 64 ? 8 : 4;

// As many tiles of N pixels as there are from x to the end; the pixel behind them.
template <class V, int M, int N>
TW_INLINE int64_t correlate_tiles(const LanePass& pass, int64_t x, int64_t end, const T<V>* in, const T<V>* weights,
                                  const T<V>* bias, T<V>* out, int64_t out_channel) {
  for (; x + N <= end; x += N)
    output_tile<V, M, N>(pass, in + x * pass.in_step, weights, bias, out + x * pass.out_step, out_channel);
  return x;
}

template <class V, int M>
void correlate_channels(const LanePass& pass, const T<V>* in, const T<V>* weights, const T<V>* bias, T<V>* out,
                        int64_t out_channel) {
  constexpr int size = tile_pixels(M);
  const int64_t end = size == 3 && pass.cols % 3 == 1 ? pass.cols - 4 : pass.cols;  // four are better two and two
  for (int64_t y = 0; y < pass.rows; ++y) {
    const T<V>* from = in + y * pass.in_row;
    T<V>* to = out + y * pass.out_row;
    int64_t x = correlate_tiles<V, M, size>(pass, 0, end, from, weights, bias, to, out_channel);
    x = correlate_tiles<V, M, 2>(pass, x, pass.cols, from, weights, bias, to, out_channel);
    correlate_tiles<V, M, 1>(pass, x, pass.cols, from, weights, bias, to, out_channel);
  }
}

template <class V>
void correlate(const LanePass& pass, const T<V>* in, int channels, const T<V>* weights, const T<V>* bias, T<V>* out,
               int64_t out_channel) {
  switch (channels) {
    case kMostChannels:
      return correlate_channels<V, kMostChannels>(pass, in, weights, bias, out, out_channel);
#if TW_VBYTES == 64
    case 4:
      return correlate_channels<V, 4>(pass, in, weights, bias, out, out_channel);
#endif
    case 2:
      return correlate_channels<V, 2>(pass, in, weights, bias, out, out_channel);
    default:
      return correlate_channels<V, 1>(pass, in, weights, bias, out, out_channel);
  }
}

// ---- a channel in each lane: its own weights, and its own sums over pixels -----------------------------------

template <class V, int N>
TW_INLINE int64_t own_weight_tiles(const LanePass& pass, int64_t x, const T<V>* in, const T<V>* weights,
                                   const T<V>* bias, T<V>* out) {
  constexpr int n = lanes_of<V>;
  for (; x + N <= pass.cols; x += N) {
    V sum[N];
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) sum[i] = load<V>(bias);
    for (int64_t t = 0; t < pass.taps; ++t) {
      const T<V>* at = in + x * pass.in_step + pass.offsets[t];
      const V weight = load<V>(weights + t * n);
#pragma GCC unroll 8
      for (int i = 0; i < N; ++i) sum[i] = fma(load<V>(at + i * pass.in_step), weight, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) store(out + (x + i) * pass.out_step, sum[i]);
  }
  return x;
}

template <class V>
void correlate_own(const LanePass& pass, const T<V>* in, const T<V>* weights, const T<V>* bias, T<V>* out) {
  for (int64_t y = 0; y < pass.rows; ++y, in += pass.in_row, out += pass.out_row) {
    const int64_t x = own_weight_tiles<V, 7>(pass, 0, in, weights, bias, out);
    own_weight_tiles<V, 1>(pass, own_weight_tiles<V, 2>(pass, x, in, weights, bias, out), in, weights, bias, out);
  }
}

template <class V, int N>
TW_INLINE int64_t own_gradient_tiles(const LanePass& pass, int64_t t, const T<V>* in, const T<V>* grad, T<V>* sums) {
  constexpr int n = lanes_of<V>;
  for (; t + N <= pass.taps; t += N) {
    V sum[N];
    const T<V>* at[N];
#pragma GCC unroll 9
    for (int i = 0; i < N; ++i) sum[i] = load<V>(sums + (t + i) * n), at[i] = in + pass.offsets[t + i];
    for (int64_t y = 0; y < pass.rows; ++y)
      for (int64_t x = 0; x < pass.cols; ++x) {
        const V g = load<V>(grad + y * pass.out_row + x * pass.out_step);
#pragma GCC unroll 9
        for (int i = 0; i < N; ++i) sum[i] = fma(load<V>(at[i] + y * pass.in_row + x * pass.in_step), g, sum[i]);
      }
#pragma GCC unroll 9
    for (int i = 0; i < N; ++i) store(sums + (t + i) * n, sum[i]);
  }
  return t;
}

template <class V>
void own_gradient(const LanePass& pass, const T<V>* in, const T<V>* grad, T<V>* sums) {
  const int64_t t = own_gradient_tiles<V, 9>(pass, 0, in, grad, sums);
  own_gradient_tiles<V, 1>(pass, own_gradient_tiles<V, 4>(pass, t, in, grad, sums), in, grad, sums);
}

}  // namespace

extern const cpu::LaneKernels<float> kLanesF32;
extern const cpu::LaneKernels<double> kLanesF64;
const cpu::LaneKernels<float> kLanesF32 = {kLanes32,       kMostChannels,      pack<F32>,        unpack<F32>,
                                           correlate<F32>, correlate_own<F32>, own_gradient<F32>};
const cpu::LaneKernels<double> kLanesF64 = {kLanes64,       kMostChannels,      pack<F64>,        unpack<F64>,
                                            correlate<F64>, correlate_own<F64>, own_gradient<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
