// Images in other sizes, and grids of points.
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>
#include <tensorwright/ops/vision.hpp>

#include "declarations/vision.h"

namespace tw::composite {

namespace {

// The centres of `count` pixels between -1 and 1, or with align_corners from -1 to 1.
Tensor pixel_places(TensorRef like, int64_t count, bool align_corners) {
  if (count == 1) return ops::new_zeros(like, {1});
  const Tensor ends = ops::linspace(-1.0, 1.0, count, like.dtype(), like.device());
  return align_corners ? ends : ops::mul(ends, static_cast<double>(count - 1) / static_cast<double>(count));
}

}  // namespace

Tensor upsample(TensorRef self, IntList size, std::string_view mode, bool align_corners,
                std::optional<FloatList> scales, bool antialias) {
  Tensor result = Tensor::retain(self);
  const int first = self.ndim() - static_cast<int>(size.size());
  for (size_t d = size.size(); d-- > 0;) {
    const int dim = first + static_cast<int>(d);
    const std::optional<double> scale = scales ? std::optional<double>((*scales)[d]) : std::nullopt;
    if (size[d] == self.size(dim) && (!scale || *scale == 1)) continue;
    result = ops::resample(result, dim, size[d], mode, align_corners, scale, antialias);
  }
  return result;
}

Tensor grid_sampler(TensorRef self, TensorRef grid, int64_t interpolation_mode, int64_t padding_mode,
                    bool align_corners) {
  const auto run = self.ndim() == 4 ? ops::grid_sampler_2d : ops::grid_sampler_3d;
  return run(self, grid, interpolation_mode, padding_mode, align_corners);
}

Tensor affine_grid_generator(TensorRef theta, IntList size, bool align_corners) {
  // Homogeneous points (x, y[, z], 1) of every pixel, times theta.
  const size_t dims = size.size() - 2;
  const std::vector<int64_t> sizes(size.begin() + 2, size.end());
  std::vector<Tensor> coordinates;
  for (size_t d = dims; d-- > 0;) {
    std::vector<int64_t> shape(dims, 1);
    shape[d] = sizes[d];
    const Tensor places = ops::reshape(pixel_places(theta, sizes[d], align_corners), shape);
    coordinates.push_back(ops::reshape(ops::expand(places, sizes), {-1}));
  }
  coordinates.push_back(ops::new_ones(theta, {coordinates[0].numel()}));
  std::vector<tw_tensor*> columns;
  for (const Tensor& c : coordinates) columns.push_back(c.get());
  const Tensor points = ops::matmul(ops::stack(columns, 1), ops::transpose(theta, 1, 2));
  std::vector<int64_t> shape{size[0]};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  shape.push_back(static_cast<int64_t>(dims));
  return ops::reshape(points, shape);
}

}  // namespace tw::composite
