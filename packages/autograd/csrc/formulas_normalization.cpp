// Gradients of normalisations: fused kernels, or smaller ops when they are to be differentiated again.
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/normalization_group.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include "formulas.h"
#include "meta.h"

namespace tw::autograd {

bool is_recording() {
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  return !(masks[1] & kLayerBit);
}

namespace {

// y = x_hat * weight + bias with x_hat = (x - mean) / std over `dims`; `constant` statistics do not depend on x.
struct Normalization {
  Tensor x_hat, invstd;
  std::vector<int64_t> dims;
  bool constant;
};

Tensor normalization_input_grad(const Normalization& n, TensorRef grad_hat) {
  if (n.constant) return ops::mul(grad_hat, n.invstd);
  const Tensor mean_grad = ops::mean(grad_hat, IntList(n.dims), true);
  const Tensor mean_product = ops::mean(ops::mul(grad_hat, n.x_hat), IntList(n.dims), true);
  return ops::mul(ops::sub(ops::sub(grad_hat, mean_grad), ops::mul(n.x_hat, mean_product)), n.invstd);
}

Normalization normalize(TensorRef self, std::vector<int64_t> dims, double eps) {
  Normalization n;
  const Tensor centered = ops::sub(self, ops::mean(self, IntList(dims), true));
  n.invstd = ops::rsqrt(ops::add(ops::mean(ops::mul(centered, centered), IntList(dims), true), eps));
  n.x_hat = ops::mul(centered, n.invstd);
  n.dims = std::move(dims);
  n.constant = false;
  return n;
}

std::vector<int64_t> channel_shape(TensorRef self) {
  std::vector<int64_t> shape(self.shape().size(), 1);
  shape[1] = self.size(1);
  return shape;
}

std::tuple<Tensor, Tensor, Tensor> batch_norm_backward_by_ops(TensorRef grad, TensorRef self, TensorRef weight,
                                                              TensorRef running_mean, TensorRef running_var,
                                                              bool training, double eps) {
  const std::vector<int64_t> shape = channel_shape(self);
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < self.ndim(); ++d)
    if (d != 1) dims.push_back(d);
  Normalization n;
  if (training) {
    n = normalize(self, dims, eps);
  } else {
    n.invstd = ops::reshape(ops::rsqrt(ops::add(running_var, eps)), shape);
    n.x_hat = ops::mul(ops::sub(self, ops::reshape(running_mean, shape)), n.invstd);
    n.dims = dims;
    n.constant = true;
  }
  const Tensor grad_hat = weight ? ops::mul(grad, ops::reshape(weight, shape)) : Tensor::retain(grad);
  return {normalization_input_grad(n, grad_hat), ops::sum(ops::mul(grad, n.x_hat), IntList(dims)),
          ops::sum(grad, IntList(dims))};
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> batch_norm_backward(TensorRef grad, TensorRef self, TensorRef weight,
                                                       TensorRef running_mean, TensorRef running_var,
                                                       TensorRef save_mean, TensorRef save_invstd, bool training,
                                                       double eps) {
  if (is_recording()) return batch_norm_backward_by_ops(grad, self, weight, running_mean, running_var, training, eps);
  return ops::native_batch_norm_backward(grad, self, weight, running_mean, running_var, save_mean, save_invstd,
                                         training, eps);
}

std::tuple<Tensor, Tensor, Tensor> layer_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape,
                                                       TensorRef mean, TensorRef rstd, TensorRef weight, double eps) {
  if (!is_recording()) return ops::native_layer_norm_backward(grad, self, normalized_shape, mean, rstd, weight);
  std::vector<int64_t> inner, outer;
  const int64_t first = self.ndim() - static_cast<int64_t>(normalized_shape.size());
  for (int64_t d = 0; d < self.ndim(); ++d) (d < first ? outer : inner).push_back(d);
  const Normalization n = normalize(self, inner, eps);
  const Tensor grad_hat = weight ? ops::mul(grad, weight) : Tensor::retain(grad);
  const Tensor product = ops::mul(grad, n.x_hat);
  return {normalization_input_grad(n, grad_hat), outer.empty() ? product : ops::sum(product, IntList(outer)),
          outer.empty() ? Tensor::retain(grad) : ops::sum(grad, IntList(outer))};
}

std::tuple<Tensor, Tensor> rms_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef rstd,
                                             TensorRef weight, double eps) {
  if (!is_recording()) return ops::native_rms_norm_backward(grad, self, normalized_shape, rstd, weight);
  std::vector<int64_t> inner, outer;
  const int64_t first = self.ndim() - static_cast<int64_t>(normalized_shape.size());
  for (int64_t d = 0; d < self.ndim(); ++d) (d < first ? outer : inner).push_back(d);
  const Tensor scale = ops::rsqrt(ops::add(ops::mean(ops::mul(self, self), IntList(inner), true), eps));
  const Tensor x_hat = ops::mul(self, scale), grad_hat = weight ? ops::mul(grad, weight) : Tensor::retain(grad);
  const Tensor share = ops::mean(ops::mul(grad_hat, x_hat), IntList(inner), true);
  const Tensor product = ops::mul(grad, x_hat);
  return {ops::mul(ops::sub(grad_hat, ops::mul(x_hat, share)), scale),
          outer.empty() ? Tensor::retain(product) : ops::sum(product, IntList(outer))};
}

std::tuple<Tensor, Tensor, Tensor> group_norm_backward(TensorRef grad, TensorRef self, TensorRef mean, TensorRef rstd,
                                                       TensorRef weight, int64_t group, double eps) {
  if (!is_recording()) return ops::native_group_norm_backward(grad, self, mean, rstd, weight, group);
  const int64_t samples = self.size(0), channels = self.size(1);
  const int64_t positions = samples * channels > 0 ? self.numel() / (samples * channels) : 0;
  const std::vector<int64_t> rows{samples, group, channels / group, positions},
      per_channel{1, group, channels / group, 1};
  const std::vector<int64_t> inner{2, 3}, outer{0, 3};
  const Normalization n = normalize(ops::reshape(self, rows), inner, eps);
  const Tensor g = ops::reshape(grad, rows);
  const Tensor grad_hat = weight ? ops::mul(g, ops::reshape(weight, per_channel)) : Tensor::retain(g);
  const auto by_channel = [&](TensorRef t) { return ops::reshape(ops::sum(t, IntList(outer)), {channels}); };
  return {ops::reshape(normalization_input_grad(n, grad_hat), self.shape()), by_channel(ops::mul(g, n.x_hat)),
          by_channel(g)};
}

}  // namespace tw::autograd
