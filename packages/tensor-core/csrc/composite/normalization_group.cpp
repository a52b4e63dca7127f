#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/normalization_group.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/normalization_group.h"

namespace tw::composite {

Tensor group_norm(TensorRef self, int64_t num_groups, TensorRef weight, TensorRef bias, double eps,
                  bool /*cudnn_enabled*/) {
  const int64_t samples = self.size(0), channels = self.size(1);
  const int64_t positions = samples * channels > 0 ? self.numel() / (samples * channels) : 0;
  return std::get<0>(ops::native_group_norm(self, weight, bias, samples, channels, positions, num_groups, eps));
}

namespace {

Tensor repeated(TensorRef per_channel, int64_t samples) {
  return per_channel ? ops::repeat(per_channel, {samples}) : Tensor();
}

// The samples' statistics, one after the other, averaged into the running ones.
void average_into(TensorRef running, TensorRef of_samples, int64_t samples) {
  const int64_t first[] = {0};
  ops::copy_(running, ops::mean(ops::reshape(of_samples, {samples, running.numel()}), IntList(first, 1)));
}

}  // namespace

Tensor instance_norm(TensorRef self, TensorRef weight, TensorRef bias, TensorRef running_mean, TensorRef running_var,
                     bool use_input_stats, double momentum, double eps, bool /*cudnn_enabled*/) {
  if (!use_input_stats) return ops::batch_norm(self, weight, bias, running_mean, running_var, false, momentum, eps);
  if (!running_mean) return ops::group_norm(self, self.size(1), weight, bias, eps);
  // All channels of all samples become the channels of one sample.
  const int64_t samples = self.size(0);
  std::vector<int64_t> shape = self.shape().vec();
  shape[1] *= shape[0], shape[0] = 1;
  const Tensor means = repeated(ops::detach(running_mean), samples),
               variances = repeated(ops::detach(running_var), samples);
  const Tensor result = ops::batch_norm(ops::reshape(self, shape), repeated(weight, samples), repeated(bias, samples),
                                        means, variances, true, momentum, eps);
  if (samples > 0) average_into(running_mean, means, samples), average_into(running_var, variances, samples);
  return ops::reshape(result, self.shape());
}

Tensor rms_norm(TensorRef self, IntList normalized_shape, TensorRef weight, std::optional<double> eps) {
  // The distance from 1 to the next number of the dtype that is computed in.
  const double step = self.dtype().bits == 64 ? 0x1p-52 : 0x1p-23;
  return std::get<0>(ops::native_rms_norm(self, normalized_shape, weight, eps.value_or(step)));
}

Tensor norm_except_dim(TensorRef v, int64_t pow, int64_t dim) {
  std::vector<int64_t> others;
  for (int64_t d = 0; d < v.ndim(); ++d)
    if (d != dim) others.push_back(d);
  if (dim == -1) return ops::norm(v, pow);
  return others.empty() ? ops::abs(v) : ops::norm(v, pow, IntList(others), true);
}

Tensor bilinear(TensorRef input1, TensorRef input2, TensorRef weight, TensorRef bias) {
  const int64_t out = weight.size(0), in1 = weight.size(1), in2 = weight.size(2);
  std::vector<int64_t> shape = input1.shape().vec();
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  // [rows, in1] x [in1, out * in2], then each [out, in2] times a vector [in2]
  const Tensor matrix = ops::reshape(ops::permute(weight, {1, 0, 2}), {in1, out * in2});
  const Tensor half = ops::reshape(ops::mm(ops::reshape(input1, {rows, in1}), matrix), {rows, out, in2});
  const Tensor product = ops::bmm(half, ops::reshape(input2, {rows, in2, 1}));
  shape.back() = out;
  const Tensor result = ops::reshape(product, shape);
  return bias ? ops::add(result, bias) : Tensor::retain(result);
}

}  // namespace tw::composite
