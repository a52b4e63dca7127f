// The gradients of grid_sampler: its kernel, or ops of which the same is made when they are to be differentiated again.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>
#include <tensorwright/ops/vision.hpp>

#include "formulas.h"

namespace tw::autograd {
namespace {

enum Mode : int64_t { kLinear, kNearest, kCubic };
enum Padding : int64_t { kZeros, kBorder, kReflection };

// One direction of the image.
struct Axis {
  int64_t size;
  int64_t padding;
  bool align_corners;
  double scale() const { return static_cast<double>(align_corners ? size - 1 : size) / 2; }
  double last() const { return static_cast<double>(size - 1); }
};

// Of each point: an element's index, whether it lies inside (1 or 0), its weight, and the derivative of that by the
// grid's coordinate.
struct Tap {
  Tensor index, inside, weight, slope;
};

// Where padding puts coordinates, and how fast they move there: 1, -1 or 0. Without history.
struct Place {
  Tensor value, slope;
};

Place clipped(TensorRef x, const Axis& axis) {
  const Tensor moves = ops::logical_and(ops::gt(x, 0), ops::lt(x, axis.last()));
  return {ops::clamp(x, Operand(0.0), Operand(axis.last())), cast(moves, x.dtype())};
}

Place reflected(TensorRef x, const Axis& axis) {
  const double low = axis.align_corners ? 0.0 : -0.5, span = 2 * axis.scale();
  if (span == 0) return {zeros_like(x), zeros_like(x)};
  const Tensor from_low = ops::sub(x, low), distance = ops::abs(from_low);
  const Tensor flips = ops::floor(ops::div(distance, span)), rest = ops::sub(distance, ops::mul(flips, span));
  const Tensor is_even = ops::eq(ops::remainder(flips, 2), 0);
  const Tensor sign = ops::where(ops::lt(from_low, 0), Operand(-1.0), Operand(1.0));
  return {ops::add(ops::where(is_even, rest, ops::sub(ops::mul(rest, -1), -span)), low),
          cast(ops::mul(sign, ops::where(is_even, Operand(1.0), Operand(-1.0))), x.dtype())};
}

Place padded(TensorRef x, const Axis& axis) {
  if (axis.padding == kZeros) return {Tensor::retain(x), ops::ones_like(x)};
  if (axis.padding == kBorder) return clipped(x, axis);
  const Place inner = reflected(x, axis), place = clipped(inner.value, axis);
  return {place.value, ops::mul(inner.slope, place.slope)};
}

Tap tap_at(TensorRef index, const Axis& axis, Tensor weight, Tensor slope) {
  const Tensor inside = ops::logical_and(ops::ge(index, 0), ops::le(index, axis.last()));
  const Tensor kept = ops::where(inside, index, Operand(0.0));
  return {cast(kept, kInt64), cast(inside, index.dtype()), std::move(weight), std::move(slope)};
}

// c0 + c1 t + c2 t^2 + c3 t^3 and its derivative.
std::pair<Tensor, Tensor> polynomial(TensorRef t, const double (&c)[4]) {
  const Tensor slope = ops::add(ops::mul(ops::add(ops::mul(t, 3 * c[3]), 2 * c[2]), t), c[1]);
  return {ops::add(ops::mul(ops::add(ops::mul(ops::add(ops::mul(t, c[3]), c[2]), t), c[1]), t), c[0]), slope};
}

std::vector<Tap> cubic_taps(TensorRef x, const Axis& axis) {
  // Keys' kernel with slope -3/4 at 1, at distances t + 1, t, 1 - t, 2 - t.
  constexpr double kWeights[4][4] = {
      {0, -0.75, 1.5, -0.75}, {1, 0, -2.25, 1.25}, {0, 0.75, 1.5, -1.25}, {0, 0, -0.75, 0.75}};
  const Tensor first = ops::floor(ops::detach(x)), t = ops::sub(x, first);
  std::vector<Tap> taps;
  for (int k = 0; k < 4; ++k) {
    auto [weight, slope] = polynomial(t, kWeights[k]);
    const Tensor index = padded(ops::add(first, k - 1), axis).value;
    taps.push_back(tap_at(index, axis, weight, ops::mul(slope, axis.scale())));
  }
  return taps;
}

std::vector<Tap> taps_of(TensorRef coordinate, const Axis& axis, int64_t mode) {
  const Tensor x = ops::add(ops::mul(coordinate, axis.scale()), axis.last() / 2);
  if (mode == kCubic) return cubic_taps(x, axis);
  const Tensor here = ops::detach(x);
  const Place place = padded(here, axis);
  if (mode == kNearest) return {tap_at(ops::round(place.value), axis, ops::ones_like(here), zeros_like(here))};
  const Tensor first = ops::floor(place.value);
  // The padded coordinate, which moves with x.
  const Tensor moving = ops::add(place.value, ops::mul(ops::sub(x, here), place.slope));
  const Tensor share = ops::sub(moving, first), slope = ops::mul(place.slope, axis.scale());
  return {tap_at(first, axis, ops::sub(ops::ones_like(here), share), ops::neg(slope)),
          tap_at(ops::add(first, 1), axis, share, slope)};
}

// A tap of all directions: a place in the image's elements, its weight, and the derivatives of that by each coordinate.
struct PointTap {
  Tensor place, weight;
  std::vector<Tensor> slopes;
};

PointTap joined(const PointTap& inner, const Tap& tap, int64_t stride) {
  const Tensor weight = ops::mul(tap.weight, tap.inside), slope = ops::mul(tap.slope, tap.inside);
  const Tensor offset = ops::mul(tap.index, stride);
  if (!inner.place) return {offset, weight, {slope}};
  PointTap result{ops::add(inner.place, offset), ops::mul(inner.weight, weight), {}};
  for (const Tensor& s : inner.slopes) result.slopes.push_back(ops::mul(s, weight));
  result.slopes.push_back(ops::mul(inner.weight, slope));
  return result;
}

std::vector<PointTap> point_taps(TensorRef self, TensorRef points, int64_t mode, int64_t padding, bool align_corners) {
  std::vector<PointTap> taps{PointTap()};
  int64_t stride = 1;
  for (int d = 0; d < self.ndim() - 2; ++d) {  // x first
    const Axis axis{self.size(-1 - d), padding, align_corners};
    std::vector<PointTap> wider;
    for (const Tap& tap : taps_of(ops::select(points, -1, d), axis, mode))
      for (const PointTap& inner : taps) wider.push_back(joined(inner, tap, stride));
    taps = std::move(wider);
    stride *= axis.size;
  }
  return taps;
}

std::tuple<Tensor, Tensor> backward_by_ops(TensorRef grad, TensorRef self, TensorRef grid, int64_t mode,
                                           int64_t padding, bool align_corners) {
  const int64_t images = self.size(0), channels = self.size(1), dims = self.ndim() - 2;
  const Tensor grads = ops::flatten(grad, 2), input = ops::flatten(self, 2);
  const Tensor points = ops::reshape(grid, {images, grads.size(2), dims});
  Tensor grad_self = zeros_like(input);
  std::vector<Tensor> along(static_cast<size_t>(dims));
  for (const PointTap& tap : point_taps(self, points, mode, padding, align_corners)) {
    const Tensor place = ops::expand(ops::unsqueeze(tap.place, 1), {images, channels, grads.size(2)});
    grad_self = ops::scatter_add(grad_self, 2, place, ops::mul(grads, ops::unsqueeze(tap.weight, 1)));
    const Tensor product = ops::sum(ops::mul(grads, ops::gather(input, 2, place)), IntList({1}));
    for (size_t d = 0; d < along.size(); ++d) {
      const Tensor term = ops::mul(product, tap.slopes[d]);
      along[d] = along[d] ? ops::add(along[d], term) : term;
    }
  }
  std::vector<tw_tensor*> columns;
  for (const Tensor& t : along) columns.push_back(t.get());
  return {ops::reshape(grad_self, self.shape()), ops::reshape(ops::stack(columns, -1), grid.shape())};
}

}  // namespace

std::tuple<Tensor, Tensor> grid_sampler_backward(TensorRef grad, TensorRef self, TensorRef grid,
                                                 int64_t interpolation_mode, int64_t padding_mode, bool align_corners) {
  if (is_recording()) return backward_by_ops(grad, self, grid, interpolation_mode, padding_mode, align_corners);
  const auto run = self.ndim() == 4 ? ops::grid_sampler_2d_backward : ops::grid_sampler_3d_backward;
  return run(grad, self, grid, interpolation_mode, padding_mode, align_corners);
}

}  // namespace tw::autograd
