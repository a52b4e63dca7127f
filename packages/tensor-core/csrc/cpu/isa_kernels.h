// Hand-written SIMD kernels, compiled once for each instruction set (csrc/cpu/isa/*.cpp). They work on one contiguous
// row, or on the segments of one channel; splitting tensors into those is done by their callers in csrc/cpu. Sums
// follow the reduction tree of docs/expression-language.md, so results are the same bits on every instruction set.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cpu/half.h"
#include "cpu/isa.h"

namespace tw::cpu {

template <class T>
struct SoftmaxKernels {
  // Rows of n elements, each `step` elements after the one before.
  void (*softmax)(int64_t rows, int64_t n, int64_t step, const T* x, T* y);
  void (*log_softmax)(int64_t rows, int64_t n, int64_t step, const T* x, T* y);
  void (*softmax_backward)(int64_t rows, int64_t n, int64_t step, const T* grad, const T* y, T* out);
  void (*log_softmax_backward)(int64_t rows, int64_t n, int64_t step, const T* grad, const T* y, T* out);
  // The same down the columns of a strip of a matrix: `cols` neighbours, a multiple of 16 and at most kSoftmaxStrip
  // bytes, of rows that are `stride` elements apart. Null where T is not float: double's would be as much code again.
  void (*softmax_columns)(int64_t rows, int64_t cols, int64_t stride, const T* x, T* y);
  void (*log_softmax_columns)(int64_t rows, int64_t cols, int64_t stride, const T* x, T* y);
  void (*softmax_columns_backward)(int64_t rows, int64_t cols, int64_t stride, const T* grad, const T* y, T* out);
  void (*log_softmax_columns_backward)(int64_t rows, int64_t cols, int64_t stride, const T* grad, const T* y, T* out);
};
constexpr int64_t kSoftmaxStrip = 512;

// Neighbouring rows of n elements, with one value of mean and rstd each. weight and bias may be null.
template <class T>
struct LayerNormKernels {
  void (*forward)(int64_t rows, int64_t n, const T* x, const T* weight, const T* bias, T eps, T* y, T* mean, T* rstd);
  // With what `accumulate` does, unless grad_weight is null.
  void (*backward)(int64_t rows, int64_t n, const T* grad, const T* x, const T* weight, const T* mean, const T* rstd,
                   T* out, T* grad_weight, T* grad_bias);
  // Row by row, grad_weight += grad * (x - mean) * rstd and grad_bias += grad. mean and grad_bias may be null.
  void (*accumulate)(int64_t rows, int64_t n, const T* grad, const T* x, const T* mean, const T* rstd, T* grad_weight,
                     T* grad_bias);
  // By the root of the mean square, without a mean.
  void (*rms_forward)(int64_t rows, int64_t n, const T* x, const T* weight, T eps, T* y, T* rstd);
  void (*rms_backward)(int64_t rows, int64_t n, const T* grad, const T* x, const T* weight, const T* rstd, T* out,
                       T* grad_weight);
};

// One row of a tile of scores of attention; n is the tile's width. `bias` is added to the scaled scores, or null.
template <class T>
struct AttentionKernels {
  // scores become exp(scores - m), m being the largest score of the row so far; what was summed up to now is to be
  // multiplied by the returned factor.
  T (*take)(int64_t n, T* scores, T scale, const T* bias, T* m, T* sum);
  void (*scale)(int64_t n, T* x, T factor);
  void (*divide)(int64_t n, T* x, T divisor);
  // scores become the probabilities p, grads (of p) the gradients of the unscaled scores: p (grads - delta) scale.
  void (*backward)(int64_t n, T* scores, T scale, const T* bias, T logsumexp, T* grads, T delta);
};

// Parts of a channel that lie side by side.
template <class T>
struct BatchNormKernels {
  T (*sum)(int64_t n, const T* x);
  T (*squared_deviations)(int64_t n, const T* x, T mean);
  // y = (x - mean) * scale + shift
  void (*apply)(int64_t n, const T* x, T mean, T scale, T shift, T* y);
  // The sums of grad and of grad * (x - mean).
  void (*backward_sums)(int64_t n, const T* grad, const T* x, T mean, T* sum, T* product_sum);
  // out = ((grad - a) - (x - mean) * b) * scale
  void (*backward_apply)(int64_t n, const T* grad, const T* x, T mean, T a, T b, T scale, T* out);
  // out = grad * scale + (x - mean) * slope + shift
  void (*backward_blend)(int64_t n, const T* grad, const T* x, T mean, T scale, T slope, T shift, T* out);
};

// Sums in float32 of n neighbours, at most 32 blocks of the tree: kernels of a reduction (ReduceRow), of one operand
// that is no splat.
struct HalfSumKernels {
  void (*float16)(int64_t n, const void* const* in, const uint8_t* in_step, void* out);
  void (*bfloat16)(int64_t n, const void* const* in, const uint8_t* in_step, void* out);
};

constexpr int64_t kBlockChannels = 16;  // of images in blocks (blocked_images.h)

// Maxima of `n` windows of a row and their places: the first of the largest, NaN being the largest. `places` may be
// null.
template <class T>
struct PoolingKernels {
  // Windows of 2 x 2 that touch; the upper row's first column is `place`.
  void (*max_2x2)(int64_t n, const T* upper, int64_t width, int64_t place, T* values, int64_t* places);
  // Windows `stride` apart, which have the same taps (one at least), from the first of which `in` is the place `place`.
  void (*max_of_taps)(int64_t n, int64_t stride, int64_t taps, const int64_t* offsets, const T* in, int64_t place,
                      T* values, int64_t* places);
  // Of kBlockChannels channels side by side: windows `step` elements apart, which have the same taps (one at least).
  void (*max_of_block)(int64_t n, int64_t step, int64_t taps, const int64_t* offsets, const T* in, T* values);
};

// Convolution with images in the lanes of a vector: `lanes` images side by side, [channel][y][x][lane]. Every output
// pixel is then a full vector whatever its neighbours are, so small images waste nothing.
struct LanePlane {
  int64_t height, width;                // of an image
  int64_t front_y, front_x;             // zeros before it
  int64_t padded_height, padded_width;  // with zeros on all sides
  int64_t pixels() const { return height * width; }
  int64_t padded_pixels() const { return padded_height * padded_width; }
};
// Which pixels one pass computes and what it reads for each; distances in elements.
struct LanePass {
  int64_t rows, cols;
  int64_t in_row, in_step;
  int64_t out_row, out_step;
  int64_t taps;
  const int64_t* offsets;  // of each tap from the pixel's own place
};
template <class T>
struct LaneKernels {
  int64_t lanes;
  int64_t output_channels;  // most of one call
  // `count` <= lanes images, `image_stride` apart, of `channels` channels; missing images are zeros.
  void (*pack)(const T* images, int64_t image_stride, int64_t count, int64_t channels, LanePlane plane, T* out);
  void (*unpack)(const T* in, int64_t channels, int64_t pixels, T* images, int64_t image_stride, int64_t count);
  // out[m] = bias[m] + sum over taps of weights[tap][m] * in[tap]
  void (*correlate)(const LanePass& pass, const T* in, int channels, const T* weights, const T* bias, T* out,
                    int64_t out_channel);
  // With a channel instead of an image in each lane: weights[tap], bias and sums[tap] are vectors.
  // sums[tap] += the sum over pixels of grad * in[tap]
  void (*correlate_own)(const LanePass& pass, const T* in, const T* weights, const T* bias, T* out);
  void (*own_gradient)(const LanePass& pass, const T* in, const T* grad, T* sums);
};

// Convolution with output channels in the lanes of vectors: a pass computes one or two vectors of channels for each
// pixel. Its source is a padded image whose neighbouring pixels are equally far apart whatever the stride.
struct ConvolutionPass {
  int64_t rows, cols;  // output pixels
  int64_t in_row;      // elements of the source from one output row to the next
  int64_t taps;
  const int64_t* offsets;  // elements from a pixel's place in the source to each tap
  int64_t in_step = 1;     // elements of the source from one pixel to its neighbour
  // Of the result: from one row to the next, from one pixel to its neighbour, and from the first vector to the second.
  int64_t out_row = 0, out_step = 0, out_vector = 0;
};
constexpr int kRowLanes = 16;  // whatever the instruction set
// A plane of a source: zeros around an image's rows, and the columns of one phase of the stride together. A negative
// `front` leaves out columns instead.
struct PaddedPlane {
  int64_t above, rows, below;
  int64_t width, front, stride;
  int64_t phase_length;  // a row takes stride * phase_length elements
};
template <class T>
struct ConvolutionKernels {
  int64_t lanes;
  void (*pad)(const PaddedPlane& layout, const T* from, T* to);
  // Every `step`-th of a row's elements; the rows are put together.
  void (*gather_rows)(const T* from, int64_t from_row, int64_t step, int64_t rows, int64_t cols, T* to);
  // Planes of `channels` to [pixel][vectors * lanes] and back; lanes beyond the channels are zeros.
  void (*channels_last)(const T* planes, int64_t plane, int64_t channels, int64_t pixels, int vectors, T* out);
  void (*channels_first)(const T* in, int vectors, int64_t channels, int64_t pixels, T* planes, int64_t plane);
  // out[pixel] = start + the sum over taps of weights[tap] * source[pixel + offset of tap]. Only this goes by the
  // pass's steps, in float32: else pixels are neighbours in the source, and their vectors in the result.
  void (*correlate)(const ConvolutionPass& pass, int vectors, const T* source, const T* weights, const T* start,
                    T* out);
  // sums[tap] += the sum over pixels of grad[pixel] * source[pixel + offset of tap]
  void (*weight_gradient)(const ConvolutionPass& pass, int vectors, const T* source, const T* grad, T* sums);
  // sums[tap][l] += the sum over pixels whose column is l mod kRowLanes of grad[pixel] * source[pixel + offset of tap]
  void (*row_gradient)(const ConvolutionPass& pass, const T* source, const T* grad, T* sums);
};

template <class T>
struct AdditionKernels {
  void (*add_to)(int64_t n, const T* from, T* to);  // to += from
};

// The type that products are added up in.
template <class T>
struct SumOf {
  using Type = std::conditional_t<std::is_same_v<T, double>, double, float>;
};
// A part of a matrix product: out = alpha * the sums of left[i * left_row + k * left_step] * right[k * right_step + j]
// over k, plus beta * add.
template <class Number, class Sum, class Rounded>
struct ProductPart {
  int64_t depth;
  const Number* left;
  int64_t left_row, left_step;
  const Number* right;
  int64_t right_step;
  const Sum* add;
  int64_t add_row;
  Sum alpha, beta;
  Sum* out;
  int64_t out_row;
  Rounded* rounded;  // operands of 16 bits: if not null, written instead of `out`, in their type
  int64_t rounded_row;
};
// A tile, of panels or what lies as they do.
template <class T>
using ProductTile = ProductPart<T, T, void>;
// Rows that are multiplied by a right operand as it lies. Where `add` is null nothing is added.
template <class T>
using ProductRows = ProductPart<T, typename SumOf<T>::Type, T>;
// Panels of a left operand: of rows [begin[i], begin[i + 1]) for i < count.
struct LeftPanels {
  int64_t rows, count;   // the rows of all together, and how many panels there are
  const int64_t* begin;  // [count + 1]
  int64_t depth;
  int64_t width, panel;  // numbers from a group of the depth to the next, and from a panel to the next
};
constexpr int64_t kProductRow = 1024;  // columns whose sums are kept at a time
// Operands of type T. Panels hold those of 16 bits as float32, one by one, or, where the processor multiplies bfloat16
// itself, in pairs of neighbours in the depth, which a tile takes for a float32.
template <class T>
struct ProductKernels {
  using Sum = typename SumOf<T>::Type;
  int64_t rows, lanes;  // of a tile: most rows, and half of the most columns
  int64_t group;        // numbers of the depth that are one number of a panel
  // to[k * width + i] = the k-th group of from[i * line + number * step] for i < count, zeros behind the depth's end;
  // `width` is a multiple of `lanes`. What lies between is anything.
  void (*pack)(const T* from, int64_t line, int64_t step, int64_t count, int64_t depth, int64_t width, Sum* to);
  // The same of from[i * row + number * step] for the rows i of many panels.
  void (*pack_left)(const LeftPanels& panels, const T* from, int64_t row, int64_t step, Sum* to);
  // `right` has rows of as many columns as there are in whole vectors; those over `cols` are anything.
  void (*tile)(const ProductTile<Sum>& tile, int64_t rows, int64_t cols);
  // A single row, and any number of columns.
  void (*row)(const ProductRows<T>& row, int64_t cols);
  // The same with right[k + j * right_step] and left_step 1; `rows` is 1 but for operands of 16 bits.
  void (*rows_of_lines)(const ProductRows<T>& row, int64_t rows, int64_t cols);
};

// A tile of a product of 8-bit integers: out = add + the sums of left[i][k] * right[k][j]. `group` numbers that follow
// each other in the depth are one int32 of an operand: four bytes, on the left unsigned, or two numbers of 16 bits.
struct ByteTile {
  int64_t groups;
  const int32_t* left;
  int64_t left_row;
  const int32_t* right;  // rows of `cols`
  const int32_t* add;
  int64_t add_row;
  int32_t* out;
  int64_t out_row;
};
struct ByteProductKernels {
  int64_t rows, cols;  // most of a tile
  int64_t group;
  int64_t block;  // groups that pack_columns moves at a time
  // `groups` rows of the right operand from its neighbouring columns, or, in whole blocks, from columns that lie one
  // after the other. Groups of four are added to the columns' `sums`.
  void (*pack_rows)(const int8_t* from, int64_t row, int64_t groups, int32_t* to, int32_t* sums);
  void (*pack_columns)(const int8_t* from, int64_t column, int64_t groups, int32_t* to, int32_t* sums);
  // May read the left operand's rows up to the most of a tile.
  void (*tile)(const ByteTile& tile, int64_t rows, int64_t cols);
};

constexpr int64_t kIndexGroup = 16;  // indices that are looked at together
// Of a line, until a group of indices is not complete or one of them is not in [0, size): how many came before.
struct IndexKernels {
  // to[k] = from[places[k]]
  int64_t (*take_32)(const int64_t* places, int64_t n, int64_t size, const uint32_t* from, uint32_t* to);
  int64_t (*take_64)(const int64_t* places, int64_t n, int64_t size, const uint64_t* from, uint64_t* to);
  // to[places[k]] += from[k]
  int64_t (*add_f32)(const int64_t* places, int64_t n, int64_t size, const float* from, float* to);
  int64_t (*add_f64)(const int64_t* places, int64_t n, int64_t size, const double* from, double* to);
};

// Random numbers come in groups of 16 Philox counters: 64 words of 32 bits, ordered by word, then by counter.
constexpr int64_t kGroupCounters = 16;
constexpr int64_t kGroupWords = 64;
template <class T>
constexpr int64_t kGroupValues = kGroupWords * 4 / static_cast<int64_t>(sizeof(T));  // 64 floats, 32 doubles
template <class T>
struct DistributionKernels {                                       // of `groups` groups of words
  void (*uniform)(int64_t groups, const uint32_t* words, T* out);  // [0, 1), 24 or 53 bits
  void (*normal)(int64_t groups, const uint32_t* words, T* out);
  void (*exponential)(int64_t groups, const uint32_t* words, T* out);  // rate 1
};
// Keeps x * scale where a word is at least `threshold`.
template <class T>
struct DropoutKernels {
  void (*drop)(int64_t n, const uint32_t* words, uint32_t threshold, const T* x, T scale, T* out);
};
struct PhiloxKernel {
  void (*words)(uint64_t key, uint64_t counter, int64_t groups, uint32_t* out);
};

// The variant of a kernel table for this machine, e.g. `isa_table<SoftmaxKernels<float>>()`.
template <class Table>
const Table& isa_table();

}  // namespace tw::cpu
