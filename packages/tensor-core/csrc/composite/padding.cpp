// Borders other than constant ones: each padded dimension is read through a list of indices.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/padding.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "composite/copies.h"
#include "declarations/padding.h"
#include "view/geometry.h"

namespace tw::composite {

using view::Sizes;

namespace {

struct Border {
  int64_t before, after;
};

// Which element of a dimension stands at position p, which lies outside of it by at most a border.
int64_t source_index(std::string_view mode, int64_t p, int64_t size) {
  if (mode == "replicate") return std::clamp<int64_t>(p, 0, size - 1);
  if (mode == "circular") return p < 0 ? p + size : p >= size ? p - size : p;
  return p < 0 ? -p : p >= size ? 2 * (size - 1) - p : p;
}

Tensor padded(TensorRef self, int64_t dim, Border border, std::string_view mode) {
  const int64_t size = self.size(static_cast<int>(dim));
  const int64_t length = checked::add(checked::add(size, border.before), border.after);
  const int64_t before = checked::within(border.before, -size, length);
  const int64_t after = checked::within(border.after, -size, length);
  if (before <= 0 && after <= 0) return ops::narrow(self, dim, -before, length);
  if (mode == "circular" && (before < 0 || after < 0)) {  // continues at the other end of what is left
    const int64_t cut = std::max<int64_t>(-before, 0), kept = size - cut - std::max<int64_t>(-after, 0);
    const Border rest{std::max<int64_t>(before, 0), std::max<int64_t>(after, 0)};
    return padded(ops::narrow(self, dim, cut, kept), dim, rest, mode);
  }
  Tensor index = tw::empty({length}, kInt64);
  for (int64_t i = 0; i < length; ++i) index.data<int64_t>()[i] = source_index(mode, i - before, size);
  if (self.device() != index.device()) index = ops::to_device(index, self.device());
  return ops::index_select(self, dim, index);
}

}  // namespace

Tensor pad(TensorRef self, IntList pad, std::string_view mode, std::optional<double> value) {
  if (mode == "constant") {
    // A whole number keeps its kind, so that it pads every dtype.
    const double fill = value.value_or(0.0);
    return ops::constant_pad_nd(self, pad, fill == 0.0 ? Scalar(0) : Scalar(fill));
  }
  Tensor result = Tensor::retain(self);
  for (size_t i = 0; i < pad.size() / 2; ++i)
    if (pad[2 * i] != 0 || pad[2 * i + 1] != 0)
      result = padded(result, self.ndim() - 1 - static_cast<int64_t>(i), {pad[2 * i], pad[2 * i + 1]}, mode);
  const bool grown = std::any_of(pad.begin(), pad.end(), [](int64_t n) { return n > 0; });  // else a part of self
  return grown && result.is_contiguous() ? result : ops::clone(result);
}

Tensor channel_shuffle(TensorRef self, int64_t groups) {
  Sizes split = self.shape().vec();
  split[1] /= groups;
  split.insert(split.begin() + 1, groups);
  return ops::reshape(dense(ops::transpose(ops::reshape(self, split), 1, 2)), self.shape());
}

namespace {

// [..., a, b, c, d, e]: the last five dimensions in another order.
Tensor reordered(TensorRef t, std::initializer_list<int64_t> last) {
  Sizes order;
  const int64_t first = t.ndim() - static_cast<int64_t>(last.size());
  for (int64_t d = 0; d < first; ++d) order.push_back(d);
  for (int64_t d : last) order.push_back(first + d);
  return ops::permute(t, order);
}

Sizes with_last(TensorRef self, std::initializer_list<int64_t> last) {
  Sizes sizes = self.shape().vec();
  sizes.resize(sizes.size() - 3);
  sizes.insert(sizes.end(), last);
  return sizes;
}

}  // namespace

Tensor pixel_shuffle(TensorRef self, int64_t r) {
  const int64_t c = self.size(-3) / (r * r), h = self.size(-2), w = self.size(-1);
  const Tensor split = ops::reshape(self, with_last(self, {c, r, r, h, w}));
  return ops::reshape(dense(reordered(split, {0, 3, 1, 4, 2})), with_last(self, {c, h * r, w * r}));
}

Tensor pixel_unshuffle(TensorRef self, int64_t r) {
  const int64_t c = self.size(-3), h = self.size(-2) / r, w = self.size(-1) / r;
  const Tensor split = ops::reshape(self, with_last(self, {c, h, r, w, r}));
  return ops::reshape(dense(reordered(split, {0, 2, 4, 1, 3})), with_last(self, {c * r * r, h, w}));
}

}  // namespace tw::composite
