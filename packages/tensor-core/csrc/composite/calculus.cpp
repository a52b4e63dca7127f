// Differences, derivatives and integrals of sampled functions.
#include <tensorwright/ops/calculus.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/scan.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "declarations/calculus.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

int64_t size_of(TensorRef t, int64_t dim) { return t.size(static_cast<int>(dim)); }

// All elements along a dimension but the last, and all but the first; both empty of an empty tensor.
struct Neighbours {
  Tensor left, right;
  Neighbours(TensorRef t, int64_t dim) {
    const int64_t n = size_of(t, dim), pairs = std::max<int64_t>(n - 1, 0);
    left = ops::narrow(t, dim, 0, pairs), right = ops::narrow(t, dim, n - pairs, pairs);
  }
};

Tensor difference(TensorRef t, int64_t dim) {
  const Neighbours pair(t, dim);
  return t.dtype() == kBool ? ops::ne(pair.right, pair.left) : ops::sub(pair.right, pair.left);
}

Tensor joined(std::initializer_list<TensorRef> parts, int64_t dim) {
  std::vector<tw_tensor*> present;
  for (TensorRef part : parts)
    if (part) present.push_back(part.get());
  return present.size() == 1 ? Tensor::retain(present[0]) : ops::cat(present, dim);
}

}  // namespace

Tensor diff(TensorRef self, int64_t n, int64_t dim, TensorRef prepend, TensorRef append) {
  Tensor result = joined({prepend, self, append}, dim);
  n = std::min(n, size_of(result, dim));
  if (n == 0) return ops::clone(result);
  for (int64_t i = 0; i < n; ++i) result = difference(result, dim);
  return result;
}

// ---- integrals ------------------------------------------------------------------------------------------------

namespace {

// Twice the area between neighbouring values.
Tensor doubled_strips(TensorRef y, TensorRef x, int64_t dim) {
  const Neighbours pair(y, dim);
  Tensor widths;
  if (x.ndim() == 1 && y.ndim() != 1) {
    std::vector<int64_t> shape(static_cast<size_t>(y.ndim()), 1);
    widths = difference(x, 0);
    shape[static_cast<size_t>(dim < 0 ? dim + y.ndim() : dim)] = widths.size(0);
    widths = ops::reshape(widths, shape);
  } else {
    widths = difference(x, std::max<int64_t>(dim < 0 ? dim : dim - y.ndim(), -x.ndim()));
  }
  return ops::mul(ops::add(pair.left, pair.right), widths);
}

Tensor doubled_strips(TensorRef y, int64_t dim) {
  const Neighbours pair(y, dim);
  return ops::add(pair.left, pair.right);
}

Tensor summed(TensorRef strips, int64_t dim) {
  const int64_t dims[] = {dim};
  return ops::sum(strips, IntList(dims, 1));
}

Scalar half_of(const Scalar& dx) { return dx.real() / 2; }

}  // namespace

Tensor trapezoid(TensorRef y, TensorRef x, int64_t dim) {
  return ops::div(summed(doubled_strips(y, x, dim), dim), 2.0);
}
Tensor trapezoid_dx(TensorRef y, const Scalar& dx, int64_t dim) {
  return ops::mul(summed(doubled_strips(y, dim), dim), half_of(dx));
}
Tensor trapz(TensorRef y, TensorRef x, int64_t dim) { return trapezoid(y, x, dim); }
Tensor trapz_dx(TensorRef y, double dx, int64_t dim) { return trapezoid_dx(y, dx, dim); }
Tensor cumulative_trapezoid(TensorRef y, TensorRef x, int64_t dim) {
  return ops::div(ops::cumsum(doubled_strips(y, x, dim), dim), 2.0);
}
Tensor cumulative_trapezoid_dx(TensorRef y, const Scalar& dx, int64_t dim) {
  return ops::mul(ops::cumsum(doubled_strips(y, dim), dim), half_of(dx));
}

// ---- derivatives ----------------------------------------------------------------------------------------------

namespace {

// Neighbouring points of a grid along one dimension: differences of the values over differences of the coordinates.
// The derivative inside weighs the slopes on both sides by the distances on the other side, which is exact for
// parabolas on any grid.
class GridDerivative {
 public:
  GridDerivative(TensorRef values, int64_t dim, TensorRef distances)
      : dim_(dim), values_(Tensor::retain(values)), distances_(Tensor::retain(distances)) {
    const Neighbours pair(values, dim);
    slopes_ = ops::div(ops::sub(pair.right, pair.left), distances_);
  }
  Tensor operator()(int64_t edge_order) const {
    const int64_t n = size_of(slopes_, dim_);
    const Tensor inside = distances_.ndim() == 0 ? across(n - 1) : weighted(n - 1);
    const Tensor first =
        edge_order == 1 ? slope(0, 1) : beyond(slope(0, 1), slope(1, 1), distance(0, 1), distance(1, 1));
    const Tensor last = edge_order == 1
                            ? slope(n - 1, 1)
                            : beyond(slope(n - 1, 1), slope(n - 2, 1), distance(n - 1, 1), distance(n - 2, 1));
    return joined({first, inside, last}, dim_);
  }

 private:
  Tensor slope(int64_t start, int64_t length) const { return ops::narrow(slopes_, dim_, start, length); }
  Tensor distance(int64_t start, int64_t length) const {
    return distances_.ndim() == 0 ? distances_ : ops::narrow(distances_, dim_, start, length);
  }
  // On an even grid the value in the middle does not matter.
  Tensor across(int64_t n) const {
    const Tensor rise = ops::sub(ops::narrow(values_, dim_, 2, n), ops::narrow(values_, dim_, 0, n));
    return ops::div(rise, ops::mul(distances_, 2));
  }
  Tensor weighted(int64_t n) const {
    const Tensor to_left = distance(0, n), to_right = distance(1, n);
    const Tensor sum = ops::add(ops::mul(slope(0, n), to_right), ops::mul(slope(1, n), to_left));
    return ops::div(sum, ops::add(to_left, to_right));
  }
  // At an edge: the slope next to it, carried on by its change.
  static Tensor beyond(TensorRef near, TensorRef next, TensorRef to_near, TensorRef to_next) {
    const Tensor change = ops::div(ops::mul(ops::sub(near, next), to_near), ops::add(to_near, to_next));
    return ops::add(near, change);
  }
  int64_t dim_;
  Tensor values_, distances_, slopes_;
};

std::vector<int64_t> gradient_dims(TensorRef self, const std::optional<IntList>& dim) {
  std::vector<int64_t> dims;
  if (dim)
    for (int64_t d : *dim) dims.push_back(d < 0 ? d + self.ndim() : d);
  else
    for (int64_t d = 0; d < self.ndim(); ++d) dims.push_back(d);
  return dims;
}

// Values in a floating dtype.
Tensor floating(TensorRef t) {
  return is_floating(t.dtype()) || is_complex(t.dtype()) ? Tensor::retain(t) : ops::mul(t, 1.0);
}

// distances(k, dim) gives those along the k-th of the dimensions.
template <class Distances>
std::vector<Tensor> gradients(TensorRef self, const std::vector<int64_t>& dims, int64_t edge_order,
                              Distances distances) {
  const Tensor values = floating(self);
  std::vector<Tensor> results;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (size_of(self, dims[k]) <= edge_order)
      throw fail(TW_E_VALUE, "gradient: dimension ", dims[k], " has ", size_of(self, dims[k]), " points, edge_order ",
                 edge_order, " needs at least ", edge_order + 1);
    results.push_back(GridDerivative(values, dims[k], distances(k, dims[k]))(edge_order));
  }
  return results;
}

void check_spacing(size_t given, size_t dims) {
  if (given != dims)
    throw fail(TW_E_VALUE, "gradient: spacing has ", static_cast<int64_t>(given), " items for ",
               static_cast<int64_t>(dims), " dimensions");
}

Tensor constant(TensorRef like, const Scalar& value) {
  const tw_dtype dtype = is_floating(like.dtype()) || is_complex(like.dtype()) ? like.dtype() : kFloat32;
  return ops::full(IntList(), value, dtype, like.device());
}

}  // namespace

std::vector<Tensor> gradient(TensorRef self, std::optional<Scalar> spacing, std::optional<IntList> dim,
                             int64_t edge_order) {
  const Tensor distance = constant(self, spacing.value_or(Scalar(1)));
  return gradients(self, gradient_dims(self, dim), edge_order, [&](size_t, int64_t) { return Tensor(distance); });
}

std::vector<Tensor> gradient_spacings(TensorRef self, FloatList spacing, std::optional<IntList> dim,
                                      int64_t edge_order) {
  const std::vector<int64_t> dims = gradient_dims(self, dim);
  check_spacing(spacing.size(), dims.size());
  return gradients(self, dims, edge_order, [&](size_t k, int64_t) { return constant(self, spacing[k]); });
}

std::vector<Tensor> gradient_coordinates(TensorRef self, TensorList spacing, std::optional<IntList> dim,
                                         int64_t edge_order) {
  const std::vector<int64_t> dims = gradient_dims(self, dim);
  check_spacing(spacing.size(), dims.size());
  return gradients(self, dims, edge_order, [&](size_t k, int64_t d) {
    const TensorRef coordinates(spacing[k]);
    if (coordinates.ndim() != 1 || coordinates.size(0) != size_of(self, d))
      throw fail(TW_E_SHAPE, "gradient: the coordinates for dimension ", d, " have shape ", coordinates.shape(),
                 ", expected [", size_of(self, d), "]");
    std::vector<int64_t> shape(static_cast<size_t>(self.ndim()), 1);
    shape[static_cast<size_t>(d)] = coordinates.size(0) - 1;
    return ops::reshape(difference(coordinates, 0), shape);
  });
}

}  // namespace tw::composite
