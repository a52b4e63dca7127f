// conv2d and its gradients as matrix products over column tiles. Small images share a product, large ones are cut into
// bands of rows, so that a tile's columns stay in cache.
#include <cstdlib>
#include "cpu/convolution_geometry.h"
#include "cpu/element_types.h"
#include "cpu/gemm.h"
#include "cpu/im2col.h"
#include "cpu/lane_convolution.h"
#include "cpu/staging.h"
#include "kernels.h"

namespace tw::cpu {
namespace {

constexpr int64_t kTileElements = 1 << 17;  // of a tile's column matrix
constexpr int64_t kWantedColumns = 512;     // below this, images are put together
constexpr int64_t kWeightSlots = 16;        // partial weight gradients that are added up in order
constexpr int64_t kSlotElements = 1 << 22;  // of all slots, where weights are large

struct Tiling {
  int64_t images_per_tile, rows_per_tile;
  explicit Tiling(const ConvolutionGeometry& g) {
    const int64_t most_columns = std::max<int64_t>(kTileElements / std::max<int64_t>(g.taps(), 1), 64);
    const int64_t columns = std::min(most_columns, kWantedColumns);
    images_per_tile = std::max<int64_t>(columns / std::max<int64_t>(g.out_pixels(), 1), 1);
    rows_per_tile =
        std::clamp<int64_t>(most_columns / std::max<int64_t>(g.out_width, 1), 1, std::max<int64_t>(g.out_height, 1));
    if (images_per_tile > 1) rows_per_tile = g.out_height;
  }
  int64_t image_tiles(const ConvolutionGeometry& g) const { return (g.images + images_per_tile - 1) / images_per_tile; }
  int64_t row_tiles(const ConvolutionGeometry& g) const { return (g.out_height + rows_per_tile - 1) / rows_per_tile; }
  ColumnTile tile(const ConvolutionGeometry& g, int64_t image_tile, int64_t row_tile) const {
    const int64_t image = image_tile * images_per_tile, row = row_tile * rows_per_tile;
    return {image, std::min(images_per_tile, g.images - image), row, std::min(rows_per_tile, g.out_height - row)};
  }
};

// Matrices over the output pixels of a tile: [channels, tile.columns], taken from or put into the images' planes.
template <class T>
struct OutputPlanes {
  const ConvolutionGeometry& g;
  T* data;  // the group's channels of image 0
  int64_t run(const ColumnTile& tile) const { return tile.rows * g.out_width; }
  T* at(const ColumnTile& tile, int64_t image, int64_t channel) const {
    return data + ((tile.image + image) * g.groups * g.out_channels + channel) * g.out_pixels() +
           tile.row * g.out_width;
  }
};

template <class T>
Gemm product(int64_t rows, int64_t cols, int64_t depth) {
  Gemm p(sizeof(T) == 4 ? kFloat32 : kFloat64);
  p.rows = rows, p.cols = cols, p.depth = depth;
  return p;
}

// The tile's outputs as a matrix: in place where one image fills the tile, else in `buffer`.
template <class T>
T* tile_matrix(const OutputPlanes<T>& planes, const ColumnTile& tile, T* buffer, int64_t* row_stride) {
  *row_stride = tile.images == 1 ? planes.g.out_pixels() : tile.columns(planes.g);
  return tile.images == 1 ? planes.at(tile, 0, 0) : buffer;
}

template <class T>
void gather_planes(const OutputPlanes<T>& planes, const ColumnTile& tile, std::remove_const_t<T>* matrix) {
  const int64_t run = planes.run(tile);
  for (int64_t c = 0; c < planes.g.out_channels; ++c)
    for (int64_t n = 0; n < tile.images; ++n, matrix += run)
      std::memcpy(matrix, planes.at(tile, n, c), static_cast<size_t>(run) * sizeof(T));
}

template <class T>
void scatter_planes(const T* matrix, const OutputPlanes<T>& planes, const ColumnTile& tile) {
  const int64_t run = planes.run(tile);
  for (int64_t c = 0; c < planes.g.out_channels; ++c)
    for (int64_t n = 0; n < tile.images; ++n, matrix += run)
      std::memcpy(planes.at(tile, n, c), matrix, static_cast<size_t>(run) * sizeof(T));
}

template <class T>
Tensor scratch(int64_t count) {
  return empty({count}, sizeof(T) == 4 ? kFloat32 : kFloat64);
}

template <class T>
void forward_tile(const ConvolutionGeometry& g, const ColumnTile& tile, const T* input, const T* weight, const T* bias,
                  T* output, T* columns, T* results) {
  const OutputPlanes<T> planes{g, output};
  const int64_t count = tile.columns(g);
  im2col(g, tile, input, columns);
  Gemm p = product<T>(g.out_channels, count, g.taps());
  T* result = tile_matrix(planes, tile, results, &p.result_row_stride);
  if (bias)
    for (int64_t c = 0; c < g.out_channels; ++c) std::fill_n(result + c * p.result_row_stride, count, bias[c]);
  p.left = {weight, g.taps(), 1}, p.right = {columns, count, 1};
  p.result = result, p.beta = bias ? 1 : 0;
  gemm_on_this_thread(p);
  if (result == results) scatter_planes(results, planes, tile);
}

template <class T>
void forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output) {
  if (suits_lanes<T>(g)) return lane_forward(g, input, weight, bias, output);
  const Tiling tiling(g);
  const int64_t row_tiles = tiling.row_tiles(g), tiles = tiling.image_tiles(g) * row_tiles;
  const int64_t most = tiling.tile(g, 0, 0).columns(g);
  const int64_t grain = grain_for(most * g.taps() * g.out_channels / 16);
  parallel_for(0, tiles * g.groups, grain, [&](int64_t begin, int64_t end) {
    const Tensor columns = scratch<T>(g.taps() * most), results = scratch<T>(g.out_channels * most);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / tiles, t = i % tiles;
      forward_tile(g, tiling.tile(g, t / row_tiles, t % row_tiles), input + g.input_offset(0, group),
                   weight + g.weight_offset(group), bias ? bias + group * g.out_channels : nullptr,
                   output + g.output_offset(0, group), columns.data<T>(), results.data<T>());
    }
  });
}

template <class T>
void backward_input_tile(const ConvolutionGeometry& g, const ColumnTile& tile, const T* grad, const T* weight, T* input,
                         T* columns, T* grads) {
  const OutputPlanes<const T> planes{g, grad};
  Gemm p = product<T>(g.taps(), tile.columns(g), g.out_channels);
  int64_t grad_stride;
  const T* matrix = tile_matrix<const T>(planes, tile, grads, &grad_stride);
  if (matrix == grads) gather_planes(planes, tile, grads);
  p.left = {weight, 1, g.taps()}, p.right = {matrix, grad_stride, 1};
  p.result = columns, p.result_row_stride = p.cols;
  gemm_on_this_thread(p);
  col2im(g, tile, columns, input);
}

// Tiles of one image overlap in the input, so parallel work is split by images and groups only.
template <class T>
void backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input) {
  if (suits_lanes<T>(g)) return lane_backward_input(g, grad, weight, input);
  const Tiling tiling(g);
  const int64_t row_tiles = tiling.row_tiles(g), image_tiles = tiling.image_tiles(g);
  const int64_t most = tiling.tile(g, 0, 0).columns(g);
  std::fill_n(input, g.images * g.groups * g.in_channels * g.pixels(), T(0));
  const int64_t grain = grain_for(row_tiles * most * g.taps() * g.out_channels / 16);
  parallel_for(0, image_tiles * g.groups, grain, [&](int64_t begin, int64_t end) {
    const Tensor columns = scratch<T>(g.taps() * most), grads = scratch<T>(g.out_channels * most);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / image_tiles;
      for (int64_t row = 0; row < row_tiles; ++row)
        backward_input_tile(g, tiling.tile(g, i % image_tiles, row), grad + g.output_offset(0, group),
                            weight + g.weight_offset(group), input + g.input_offset(0, group), columns.data<T>(),
                            grads.data<T>());
    }
  });
}

template <class T>
void backward_weight_tile(const ConvolutionGeometry& g, const ColumnTile& tile, const T* grad, const T* input,
                          T* weight, bool first, T* columns, T* grads) {
  const OutputPlanes<const T> planes{g, grad};
  Gemm p = product<T>(g.out_channels, g.taps(), tile.columns(g));
  int64_t grad_stride;
  const T* matrix = tile_matrix<const T>(planes, tile, grads, &grad_stride);
  if (matrix == grads) gather_planes(planes, tile, grads);
  im2col(g, tile, input, columns);
  p.left = {matrix, grad_stride, 1}, p.right = {columns, 1, p.depth};
  p.result = weight, p.result_row_stride = g.taps(), p.beta = first ? 0 : 1;
  gemm(p);
}

// weight = the sum over `slots` partial gradients, in order.
template <class T>
void add_slots(const T* partial, int64_t slots, int64_t count, T* weight) {
  parallel_for(0, count, grain_for(slots), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T sum = partial[i];
      for (int64_t s = 1; s < slots; ++s) sum += partial[s * count + i];
      weight[i] = sum;
    }
  });
}

template <class T>
void backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight) {
  if (suits_lanes<T>(g)) return lane_backward_weight(g, grad, input, weight);
  const int64_t count = g.groups * g.out_channels * g.taps();
  const Tiling tiling(g);
  const int64_t row_tiles = tiling.row_tiles(g), tiles = tiling.image_tiles(g) * row_tiles;
  if (tiles == 0 || count == 0) return void(std::fill_n(weight, count, T(0)));
  const int64_t slots = std::min({tiles, kWeightSlots, std::max<int64_t>(kSlotElements / count, 2)});
  const int64_t most = tiling.tile(g, 0, 0).columns(g);
  const Tensor partial = scratch<T>(slots * count);
  parallel_for(0, slots * g.groups, 1, [&](int64_t begin, int64_t end) {
    const Tensor columns = scratch<T>(g.taps() * most), grads = scratch<T>(g.out_channels * most);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / slots, slot = i % slots;
      const int64_t first = slot * tiles / slots, last = (slot + 1) * tiles / slots;
      for (int64_t t = first; t < last; ++t)
        backward_weight_tile(g, tiling.tile(g, t / row_tiles, t % row_tiles), grad + g.output_offset(0, group),
                             input + g.input_offset(0, group),
                             partial.data<T>() + slot * count + g.weight_offset(group), t == first, columns.data<T>(),
                             grads.data<T>());
    }
  });
  add_slots(partial.data<T>(), slots, count, weight);
}

}  // namespace

void conv2d(TensorRef self, TensorRef weight, TensorRef bias, IntList stride, IntList padding, IntList dilation,
            int64_t groups, TensorRef out) {
  const ConvolutionGeometry g(self.shape(), weight.shape(), out.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype), weights = dense(weight, dtype), biases = dense_optional(bias, dtype);
  StagedResult result(out, dtype);
  visit_floating("conv2d", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    forward(g, input.data<T>(), weights.data<T>(), biases ? biases.data<T>() : nullptr, result.data<T>());
  });
  result.commit();
}

void convolution_backward_input(TensorRef grad, TensorRef weight, IntList input_shape, IntList stride, IntList padding,
                                IntList dilation, int64_t groups, TensorRef out) {
  const ConvolutionGeometry g(input_shape, weight.shape(), grad.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), weights = dense(weight, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution_backward_input", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    backward_input(g, grads.data<T>(), weights.data<T>(), result.data<T>());
  });
  result.commit();
}

void convolution_backward_weight(TensorRef grad, TensorRef self, IntList weight_shape, IntList stride, IntList padding,
                                 IntList dilation, int64_t groups, TensorRef out) {
  const ConvolutionGeometry g(self.shape(), weight_shape, grad.shape(), stride, padding, dilation, groups);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("convolution_backward_weight", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    backward_weight(g, grads.data<T>(), input.data<T>(), result.data<T>());
  });
  result.commit();
}

}  // namespace tw::cpu
