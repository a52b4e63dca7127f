// Values of images and volumes at the points of a grid, and the gradients. An image is a volume of one plane.
#include "cpu/element_types.h"
#include "cpu/image/grid_points.h"
#include "cpu/staging.h"
#include "declarations/vision.h"

namespace tw::cpu {
namespace {

struct GridProblem {
  int dims;
  int64_t images, channels, size[3], points;  // size: of x, y, z
  GridMode mode;
  GridPadding padding;
  bool align_corners;
  int64_t pixels() const { return size[0] * size[1] * size[2]; }
};

GridProblem problem_of(TensorRef input, TensorRef grid, int64_t mode, int64_t padding, bool align_corners) {
  GridProblem p{input.ndim() - 2,
                input.size(0),
                input.size(1),
                {1, 1, 1},
                1,
                static_cast<GridMode>(mode),
                static_cast<GridPadding>(padding),
                align_corners};
  for (int d = 0; d < p.dims; ++d) p.size[d] = input.size(-1 - d), p.points *= grid.size(1 + d);
  return p;
}

// The taps of one point, combined over all directions: elements that lie inside, and for each its weight and the
// derivatives of that by the point's coordinates.
template <class T>
struct PointTaps {
  int count = 0;
  int64_t place[16];
  T weight[16], slope[16][3];
};

template <bool slopes, class T>
void set_taps(const GridProblem& p, const T* point, PointTaps<T>& taps) {
  GridTaps<T> axes[3];
  axes[2] = {1, {0}, {T(1)}, {T(0)}};
  for (int d = 0; d < p.dims; ++d)
    axes[d] = taps_of(GridAxis<T>{p.size[d], p.padding, p.align_corners}, p.mode, point[d]);
  taps.count = 0;
  for (int z = 0; z < axes[2].count; ++z)
    for (int y = 0; y < axes[1].count; ++y)
      for (int x = 0; x < axes[0].count; ++x) {
        const int64_t column = axes[0].index[x], row = axes[1].index[y], depth = axes[2].index[z];
        if (column < 0 || row < 0 || depth < 0) continue;
        const T wx = axes[0].weight[x], wy = axes[1].weight[y], wz = axes[2].weight[z];
        const int i = taps.count++;
        taps.place[i] = (depth * p.size[1] + row) * p.size[0] + column;
        taps.weight[i] = wx * wy * wz;
        if (!slopes) continue;
        taps.slope[i][0] = axes[0].slope[x] * wy * wz;
        taps.slope[i][1] = wx * axes[1].slope[y] * wz;
        taps.slope[i][2] = wx * wy * axes[2].slope[z];
      }
}

template <class T>
void sample_points(const GridProblem& p, const T* input, const T* grid, T* out, int64_t begin, int64_t end) {
  PointTaps<T> taps;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / p.points, point = i % p.points;
    set_taps<false>(p, grid + i * p.dims, taps);
    const T* plane = input + image * p.channels * p.pixels();
    T* to = out + image * p.channels * p.points + point;
    if (taps.count == 4) {  // mostly
      const T a = taps.weight[0], b = taps.weight[1], c = taps.weight[2], d = taps.weight[3];
      for (int64_t channel = 0; channel < p.channels; ++channel, plane += p.pixels(), to += p.points)
        *to = a * plane[taps.place[0]] + b * plane[taps.place[1]] + c * plane[taps.place[2]] + d * plane[taps.place[3]];
      continue;
    }
    for (int64_t c = 0; c < p.channels; ++c, plane += p.pixels(), to += p.points) {
      T sum = 0;
      for (int k = 0; k < taps.count; ++k) sum += taps.weight[k] * plane[taps.place[k]];
      *to = sum;
    }
  }
}

// Both gradients of one image; `grad_input` begins as zeros.
template <class T>
void spread_image(const GridProblem& p, int64_t image, const T* grad, const T* input, const T* grid, T* grad_input,
                  T* grad_grid) {
  const int64_t size = p.channels * p.pixels();
  grad += image * p.channels * p.points, input += image * size, grad_input += image * size;
  PointTaps<T> taps;
  for (int64_t point = 0; point < p.points; ++point) {
    const int64_t place = (image * p.points + point) * p.dims;
    set_taps<true>(p, grid + place, taps);
    T products[16] = {};  // of each tap, summed over the channels
    for (int64_t c = 0; c < p.channels; ++c) {
      const T g = grad[c * p.points + point];
      for (int k = 0; k < taps.count; ++k) {
        const int64_t pixel = c * p.pixels() + taps.place[k];
        grad_input[pixel] += g * taps.weight[k];
        products[k] += g * input[pixel];
      }
    }
    T along[3] = {};
    for (int k = 0; k < taps.count; ++k)
      for (int d = 0; d < p.dims; ++d) along[d] += products[k] * taps.slope[k][d];
    for (int d = 0; d < p.dims; ++d) grad_grid[place + d] = along[d];
  }
}

void sample(const GridProblem& p, TensorRef self, TensorRef grid, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype), points = dense(grid, dtype);
  StagedResult result(out, dtype);
  visit_floating("grid_sampler", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    parallel_for(0, p.images * p.points, grain_for(8 * (p.channels + 4)), [&](int64_t begin, int64_t end) {
      sample_points(p, input.data<T>(), points.data<T>(), result.data<T>(), begin, end);
    });
  });
  result.commit();
}

void sample_backward(const GridProblem& p, TensorRef grad, TensorRef self, TensorRef grid, TensorRef grad_self,
                     TensorRef grad_grid) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype), points = dense(grid, dtype);
  StagedResult to_self(grad_self, dtype), to_grid(grad_grid, dtype);
  visit_floating("grid_sampler", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::fill_n(to_self.data<T>(), self.numel(), T(0));
    parallel_for(0, p.images, 1, [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; ++image)
        spread_image(p, image, grads.data<T>(), input.data<T>(), points.data<T>(), to_self.data<T>(),
                     to_grid.data<T>());
    });
  });
  to_self.commit();
  to_grid.commit();
}

}  // namespace

void grid_sampler_2d(TensorRef self, TensorRef grid, int64_t interpolation_mode, int64_t padding_mode,
                     bool align_corners, TensorRef out) {
  sample(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), self, grid, out);
}

void grid_sampler_3d(TensorRef self, TensorRef grid, int64_t interpolation_mode, int64_t padding_mode,
                     bool align_corners, TensorRef out) {
  sample(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), self, grid, out);
}

void grid_sampler_2d_backward(TensorRef grad, TensorRef self, TensorRef grid, int64_t interpolation_mode,
                              int64_t padding_mode, bool align_corners, TensorRef grad_self, TensorRef grad_grid) {
  sample_backward(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), grad, self, grid, grad_self,
                  grad_grid);
}

void grid_sampler_3d_backward(TensorRef grad, TensorRef self, TensorRef grid, int64_t interpolation_mode,
                              int64_t padding_mode, bool align_corners, TensorRef grad_self, TensorRef grad_grid) {
  sample_backward(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), grad, self, grid, grad_self,
                  grad_grid);
}

}  // namespace tw::cpu
