// Pooling in one dimension, and what is made of maxima and their places.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/pooling.hpp>
#include <tensorwright/ops/views.hpp>

#include "composite/signals.h"
#include "declarations/pooling.h"

namespace tw::composite {

namespace {

using ValuesAndIndices = std::tuple<Tensor, Tensor>;

// Whether a layer takes part in calls with this tensor: it may want the places of maxima for a gradient, or expect the
// ops that it knows.
bool is_observed(TensorRef t) {
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  return ((t.get()->layers | masks[0]) & ~masks[1]) != 0;
}

struct Pair {
  int64_t values[2];
  operator IntList() const { return {values, 2}; }
};

ValuesAndIndices both_as_signals(const ValuesAndIndices& images) {
  return {as_signals(std::get<0>(images)), as_signals(std::get<1>(images))};
}

Tensor max_unpool(TensorRef self, TensorRef indices, IntList output_size) {
  std::vector<int64_t> shape = self.shape().vec();
  const size_t first = shape.size() - output_size.size();
  std::copy(output_size.begin(), output_size.end(), shape.begin() + static_cast<std::ptrdiff_t>(first));
  const int start = -static_cast<int>(output_size.size());
  const Tensor zeros = ops::flatten(ops::new_zeros(self, shape), start);
  return ops::reshape(ops::scatter(zeros, -1, ops::flatten(indices, start), ops::flatten(self, start)), shape);
}

}  // namespace

Tensor max_pool2d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  if (!is_observed(self)) return ops::max_pool_values(self, kernel_size, stride, padding, dilation, ceil_mode);
  return std::get<0>(ops::max_pool2d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode));
}

Tensor max_pool3d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  if (!is_observed(self)) return ops::max_pool_values(self, kernel_size, stride, padding, dilation, ceil_mode);
  return std::get<0>(ops::max_pool3d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode));
}

ValuesAndIndices max_pool1d_with_indices(TensorRef self, IntList kernel_size, std::optional<IntList> stride,
                                         IntList padding, IntList dilation, bool ceil_mode) {
  const Pair step{{1, stride ? (*stride)[0] : kernel_size[0]}};
  return both_as_signals(ops::max_pool2d_with_indices(as_images(self), {1, kernel_size[0]}, IntList(step),
                                                      {0, padding[0]}, {1, dilation[0]}, ceil_mode));
}

Tensor max_pool1d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, IntList dilation,
                  bool ceil_mode) {
  if (!is_observed(self)) return ops::max_pool_values(self, kernel_size, stride, padding, dilation, ceil_mode);
  return std::get<0>(ops::max_pool1d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode));
}

Tensor max_pool2d_with_indices_backward(TensorRef grad_output, TensorRef self, IntList /*kernel_size*/,
                                        IntList /*stride*/, IntList /*padding*/, IntList /*dilation*/,
                                        bool /*ceil_mode: the indices say it all*/, TensorRef indices) {
  return ops::max_pool_backward(grad_output, indices, self.shape(), 2);
}

Tensor avg_pool1d(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool ceil_mode,
                  bool count_include_pad) {
  const Pair step{{1, stride ? (*stride)[0] : kernel_size[0]}};
  return as_signals(ops::avg_pool2d(as_images(self), {1, kernel_size[0]}, IntList(step), {0, padding[0]}, ceil_mode,
                                    count_include_pad));
}

Tensor adaptive_avg_pool1d(TensorRef self, IntList output_size) {
  return as_signals(ops::adaptive_avg_pool2d(as_images(self), {1, output_size[0]}));
}

ValuesAndIndices adaptive_max_pool1d(TensorRef self, IntList output_size) {
  return both_as_signals(ops::adaptive_max_pool2d(as_images(self), {1, output_size[0]}));
}

Tensor max_unpool2d(TensorRef self, TensorRef indices, IntList output_size) {
  return max_unpool(self, indices, output_size);
}

Tensor max_unpool3d(TensorRef self, TensorRef indices, IntList output_size) {
  return max_unpool(self, indices, output_size);
}

}  // namespace tw::composite
