// Convolution kernels over images that lie in the lanes of vectors. As with the products of the BLAS library, sums may
// round differently on another instruction set: those with a fused multiply-add use it.
#include <utility>

#include "cpu/isa_kernels.h"
#include "simd/reduction_loop.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::LanePass;
using cpu::LanePlane;

template <class V>
using T = Element<V>;

template <class V>
TW_INLINE V multiply_add(V a, V b, V c) {
#if TW_VBYTES > 16
  return fma(a, b, c);
#else
  return add(mul(a, b), c);
#endif
}

// ---- between image planes and lanes -------------------------------------------------------------------------

// Lanes of two vectors in turn: the first half of each, or the second.
template <int first, class V, int... i>
TW_INLINE V zip(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = lanes_of<V>;
  return __builtin_shufflevector(a, b, (first + i / 2 + (i % 2) * n)...);
}

// rows[i][j] becomes rows[j][i]; each stage deals two halves of the rows like cards.
template <class V>
TW_INLINE void transpose(V* rows) {
  constexpr int n = lanes_of<V>;
  constexpr auto lanes = std::make_integer_sequence<int, n>();
  V dealt[n];
#pragma GCC unroll 4
  for (int stage = 1; stage < n; stage *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      dealt[2 * i] = zip<0>(rows[i], rows[i + n / 2], lanes);
      dealt[2 * i + 1] = zip<n / 2>(rows[i], rows[i + n / 2], lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = dealt[i];
  }
}

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
      V rows[n] = {};
      for (int i = 0; i < count; ++i) {
        const T<V>* from = images + i * image_stride + p;
        rows[i] = rest == n ? load<V>(from) : load_first<V>(from, rest);
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
      V rows[n] = {};
      for (int i = 0; i < rest; ++i) rows[i] = load<V>(in + (p + i) * n);
      transpose(rows);
      for (int i = 0; i < count; ++i) {
        T<V>* to = images + i * image_stride + p;
        if (rest == n)
          store(to, rows[i]);
        else
          store_first(to, rows[i], rest);
      }
    }
}

// ---- outputs ------------------------------------------------------------------------------------------------

template <class V, int M, int N>
TW_INLINE void output_tile(const LanePass& pass, const T<V>* in, const T<V>* weights, const T<V>* bias, T<V>* out,
                           int64_t out_channel) {
  V sum[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) sum[m][i] = splat<V>(bias[m]);
  for (int64_t t = 0; t < pass.taps; ++t, weights += M) {
    const T<V>* at = in + pass.offsets[t];
    V pixel[N];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) pixel[i] = load<V>(at + i * pass.in_step);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const V weight = splat<V>(weights[m]);
#pragma GCC unroll 4
      for (int i = 0; i < N; ++i) sum[m][i] = multiply_add(pixel[i], weight, sum[m][i]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) store(out + m * out_channel + i * pass.out_step, sum[m][i]);
}

// Tiles as large as the registers hold: 32 of them on AVX-512, 16 elsewhere.
constexpr int kTilePixels = TW_VBYTES == 16 ? 2 : 3;
constexpr int kMostChannels = TW_VBYTES == 64 ? 8 : 4;

template <class V, int M>
void correlate_channels(const LanePass& pass, const T<V>* in, const T<V>* weights, const T<V>* bias, T<V>* out,
                        int64_t out_channel) {
  for (int64_t y = 0; y < pass.rows; ++y) {
    const T<V>* from = in + y * pass.in_row;
    T<V>* to = out + y * pass.out_row;
    int64_t x = 0;
    for (; x + kTilePixels <= pass.cols; x += kTilePixels)
      output_tile<V, M, kTilePixels>(pass, from + x * pass.in_step, weights, bias, to + x * pass.out_step, out_channel);
    if (pass.cols - x == 2)
      output_tile<V, M, 2>(pass, from + x * pass.in_step, weights, bias, to + x * pass.out_step, out_channel);
    if (pass.cols - x == 1)
      output_tile<V, M, 1>(pass, from + x * pass.in_step, weights, bias, to + x * pass.out_step, out_channel);
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

// ---- weight gradients ---------------------------------------------------------------------------------------

template <class V>
struct GradientSource {
  const T<V>* grad;
  int64_t grad_batch, grad_channel;
  const T<V>* in;
  int64_t in_batch;
};

template <class V, int M, int N>
TW_INLINE void gradient_tile(const LanePass& pass, int64_t batches, const GradientSource<V>& from,
                             const int64_t* offsets, T<V>* out, int64_t out_channel) {
  V sum[M][N] = {};
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t y = 0; y < pass.rows; ++y) {
      const T<V>* g = from.grad + b * from.grad_batch + y * pass.out_row;
      const T<V>* x = from.in + b * from.in_batch + y * pass.in_row;
      for (int64_t i = 0; i < pass.cols; ++i, g += pass.out_step, x += pass.in_step) {
        V pixel[N];
#pragma GCC unroll 6
        for (int t = 0; t < N; ++t) pixel[t] = load<V>(x + offsets[t]);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) {
          const V grad = load<V>(g + m * from.grad_channel);
#pragma GCC unroll 6
          for (int t = 0; t < N; ++t) sum[m][t] = multiply_add(grad, pixel[t], sum[m][t]);
        }
      }
    }
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 6
    for (int t = 0; t < N; ++t) out[m * out_channel + t] = fold_register<Sum, lanes_of<V> / 2>(sum[m][t])[0];
}

// As many taps at once as registers hold.
template <class V, int M>
void channel_gradient(const LanePass& pass, int64_t batches, const GradientSource<V>& from, T<V>* out,
                      int64_t out_channel) {
  constexpr int wide = TW_VBYTES == 64 ? 6 : 3;
  int64_t t = 0;
  for (; t + wide <= pass.taps; t += wide)
    gradient_tile<V, M, wide>(pass, batches, from, pass.offsets + t, out + t, out_channel);
  for (; t + 3 <= pass.taps; t += 3)
    gradient_tile<V, M, 3>(pass, batches, from, pass.offsets + t, out + t, out_channel);
  for (; t < pass.taps; ++t) gradient_tile<V, M, 1>(pass, batches, from, pass.offsets + t, out + t, out_channel);
}

template <class V>
void weight_gradient(const LanePass& pass, int64_t batches, const T<V>* grad, int64_t grad_batch, int64_t grad_channel,
                     int channels, const T<V>* in, int64_t in_batch, T<V>* out, int64_t out_channel) {
  const GradientSource<V> from{grad, grad_batch, grad_channel, in, in_batch};
  switch (channels) {
    case 4:
      return channel_gradient<V, 4>(pass, batches, from, out, out_channel);
    case 2:
      return channel_gradient<V, 2>(pass, batches, from, out, out_channel);
    default:
      return channel_gradient<V, 1>(pass, batches, from, out, out_channel);
  }
}

}  // namespace

extern const cpu::LaneKernels<float> kLanesF32;
extern const cpu::LaneKernels<double> kLanesF64;
const cpu::LaneKernels<float> kLanesF32 = {kLanes32,       kMostChannels,       4, pack<F32>, unpack<F32>,
                                           correlate<F32>, weight_gradient<F32>};
const cpu::LaneKernels<double> kLanesF64 = {kLanes64,       kMostChannels,       4, pack<F64>, unpack<F64>,
                                            correlate<F64>, weight_gradient<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
