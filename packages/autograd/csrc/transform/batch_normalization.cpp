// Normalization inside of vmap. Statistics over the images of an entry: the entries become channels. Statistics of each
// position: the batch is one more leading dimension, and weights that differ over it are applied afterwards.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/normalization_group.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

std::vector<int64_t> leading_dims(int ndim, size_t normalized) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < ndim - static_cast<int64_t>(normalized); ++d) dims.push_back(d);
  return dims;
}

void batch_layer_norm(BatchCall& batch) {
  const TensorRef self = batch.tensor(0), weight = batch.tensor(2), bias = batch.tensor(3);
  const IntList normalized = batch.get<IntList>(1);
  const double eps = batch.get<double>(4);
  const bool affine_batched = (weight && batch.is_batched(weight)) || (bias && batch.is_batched(bias));
  if (!affine_batched) {
    Arguments args(batch.call());
    args.set(0, batch.front(self));
    return batch.run(batch.op().op, args);
  }
  auto [result, mean, rstd] = ops::native_layer_norm(self, normalized, nullptr, nullptr, eps);
  if (weight) result = ops::mul(result, weight);
  if (bias) result = ops::add(result, bias);
  batch.give_logical(0, std::move(result));
  batch.give_logical(1, std::move(mean));
  batch.give_logical(2, std::move(rstd));
}

// With x' = (x - mean) * rstd and g = grad * weight: rstd * (g - mean(g) - x' * mean(g * x')).
void batch_layer_norm_backward(BatchCall& batch) {
  const TensorRef grad = batch.tensor(0), self = batch.tensor(1), mean = batch.tensor(3), rstd = batch.tensor(4),
                  weight = batch.tensor(5);
  const IntList normalized = batch.get<IntList>(2);
  const Tensor centered = ops::mul(ops::sub(self, mean), rstd);
  const Tensor scaled = weight ? ops::mul(grad, weight) : Tensor::retain(grad);
  std::vector<int64_t> inner;
  for (int64_t d = 1; d <= static_cast<int64_t>(normalized.size()); ++d) inner.push_back(-d);
  const Tensor average = ops::mean(scaled, IntList(inner), true);
  const Tensor slope = ops::mean(ops::mul(scaled, centered), IntList(inner), true);
  batch.give_logical(0, ops::mul(ops::sub(ops::sub(scaled, average), ops::mul(centered, slope)), rstd));
  const std::vector<int64_t> outer = leading_dims(self.ndim(), normalized.size());
  const auto summed = [&](Tensor t) { return outer.empty() ? t : ops::sum(t, IntList(outer)); };
  batch.give_logical(1, summed(ops::mul(grad, centered)));
  batch.give_logical(2, summed(Tensor::retain(grad)));
}

void batch_rms_norm(BatchCall& batch) {
  const TensorRef self = batch.tensor(0), weight = batch.tensor(2);
  if (!weight || !batch.is_batched(weight)) {
    Arguments args(batch.call());
    args.set(0, batch.front(self));
    return batch.run(batch.op().op, args);
  }
  auto [result, rstd] = ops::native_rms_norm(self, batch.get<IntList>(1), nullptr, batch.get<double>(3));
  batch.give_logical(0, ops::mul(result, weight));
  batch.give_logical(1, std::move(rstd));
}

// With x' = x * rstd and g = grad * weight: rstd * (g - x' * mean(g * x')).
void batch_rms_norm_backward(BatchCall& batch) {
  const TensorRef grad = batch.tensor(0), self = batch.tensor(1), rstd = batch.tensor(3), weight = batch.tensor(4);
  const IntList normalized = batch.get<IntList>(2);
  const Tensor scaled = weight ? ops::mul(grad, weight) : Tensor::retain(grad);
  const Tensor normal = ops::mul(self, rstd);
  std::vector<int64_t> inner;
  for (int64_t d = 1; d <= static_cast<int64_t>(normalized.size()); ++d) inner.push_back(-d);
  const Tensor slope = ops::mean(ops::mul(scaled, normal), IntList(inner), true);
  batch.give_logical(0, ops::mul(ops::sub(scaled, ops::mul(normal, slope)), rstd));
  const std::vector<int64_t> outer = leading_dims(self.ndim(), normalized.size());
  const Tensor product = ops::mul(grad, normal);
  batch.give_logical(1, outer.empty() ? product : ops::sum(product, IntList(outer)));
}

// ---- statistics of each channel over the images

// One value a channel, as for the channels above.
Tensor each_channel(const BatchCall& batch, TensorRef t) {
  return t ? ops::reshape(batch.repeated(t), {-1}) : Tensor();
}

void set_optional(Arguments& args, uint32_t i, Tensor t) {
  if (t) args.set(i, std::move(t));
}

void run_on_channels(BatchCall& batch, const Arguments& args) {
  batch.run_and_unfold(args, [&](const Tensor& t, uint32_t i) {
    const int64_t dim = i == 0 ? 1 : 0;  // the images' channels, then statistics of them
    batch.give_batched(i, unfolded(t, dim, batch.batch_size()), dim);
  });
}

void refuse_running_statistics(const BatchCall& batch) {
  throw Error(TW_E_UNSUPPORTED,
              text(short_name(batch.op().name.c_str()),
                   ": running statistics that are the same for the batch cannot be updated inside of vmap; use "
                   "tensorwright.func.replace_all_batch_norm_modules_(model), or model.eval()"));
}

void batch_batch_norm(BatchCall& batch) {
  const TensorRef mean = batch.tensor(3), variance = batch.tensor(4);
  const bool training = batch.get<bool>(5);
  if (training && mean) refuse_running_statistics(batch);
  Arguments args(batch.call());
  args.set(0, as_channels(batch.repeated(batch.tensor(0))));
  for (uint32_t i = 1; i <= 2; ++i) set_optional(args, i, each_channel(batch, batch.tensor(i)));
  set_optional(args, 3, each_channel(batch, mean));
  set_optional(args, 4, each_channel(batch, variance));
  run_on_channels(batch, args);
}

void batch_batch_norm_backward(BatchCall& batch) {
  Arguments args(batch.call());
  for (uint32_t i = 0; i <= 1; ++i) args.set(i, as_channels(batch.repeated(batch.tensor(i))));
  for (uint32_t i = 2; i <= 6; ++i)
    if (batch.tensor(i))
      set_optional(args, i, batch.tensor(i).numel() ? each_channel(batch, batch.tensor(i)) : Tensor());
  run_on_channels(batch, args);
}

// ---- statistics of groups of channels, of each image: the images of all entries are images

// One value for each channel of [images, channels, ...], as it broadcasts.
Tensor per_channel(TensorRef values, int ndim) {
  std::vector<int64_t> shape(static_cast<size_t>(ndim) - 1, 1);
  shape[0] = values.size(0);
  return ops::reshape(values, shape);
}

void batch_group_norm(BatchCall& batch) {
  const TensorRef self = batch.tensor(0), weight = batch.tensor(1), bias = batch.tensor(2);
  const bool affine_batched = (weight && batch.is_batched(weight)) || (bias && batch.is_batched(bias));
  Arguments args(batch.call());
  args.set(0, folded(batch.repeated(self)));
  for (uint32_t i = 1; affine_batched && i <= 2; ++i) args.set(i, value_none());
  args.set(3, to_value(checked::mul(batch.get<int64_t>(3), batch.batch_size())));
  batch.run_and_unfold(args, [&](const Tensor& flat, uint32_t i) {
    Tensor result = wrap_batch(batch.level(), unfolded(flat, 0, batch.batch_size()), 0);
    if (i == 0 && affine_batched && weight) result = ops::mul(result, per_channel(weight, self.ndim()));
    if (i == 0 && affine_batched && bias) result = ops::add(result, per_channel(bias, self.ndim()));
    batch.give_logical(i, std::move(result));
  });
}

// As for layer_norm, with the elements of a group for the normalized dimensions.
void batch_group_norm_backward(BatchCall& batch) {
  const TensorRef self = batch.tensor(1), mean = batch.tensor(2), rstd = batch.tensor(3), weight = batch.tensor(4);
  const int64_t group = batch.get<int64_t>(5), samples = self.size(0), channels = self.size(1);
  const std::vector<int64_t> rows{samples, group, channels / group, -1}, of_group{samples, group, 1, 1};
  const std::vector<int64_t> inner{2, 3}, outer{0, 3};
  const Tensor grad = ops::reshape(batch.tensor(0), rows), scale = ops::reshape(rstd, of_group);
  const Tensor centered = ops::mul(ops::sub(ops::reshape(self, rows), ops::reshape(mean, of_group)), scale);
  const Tensor scaled = weight ? ops::mul(grad, ops::reshape(weight, {group, channels / group, 1})) : grad;
  const Tensor average = ops::mean(scaled, IntList(inner), true),
               slope = ops::mean(ops::mul(scaled, centered), IntList(inner), true);
  const Tensor grad_self = ops::mul(ops::sub(ops::sub(scaled, average), ops::mul(centered, slope)), scale);
  const auto by_channel = [&](TensorRef t) { return ops::reshape(ops::sum(t, IntList(outer)), {channels}); };
  batch.give_logical(0, ops::reshape(grad_self, self.shape()));
  batch.give_logical(1, by_channel(ops::mul(grad, centered)));
  batch.give_logical(2, by_channel(grad));
}

struct Row {
  const char* op;
  BatchFunction function;
};
const Row kFunctions[] = {
    {"tw::native_layer_norm", batch_layer_norm}, {"tw::native_layer_norm_backward", batch_layer_norm_backward},
    {"tw::native_rms_norm", batch_rms_norm},     {"tw::native_rms_norm_backward", batch_rms_norm_backward},
    {"tw::native_batch_norm", batch_batch_norm}, {"tw::native_batch_norm_backward", batch_batch_norm_backward},
    {"tw::native_group_norm", batch_group_norm}, {"tw::native_group_norm_backward", batch_group_norm_backward},
};

}  // namespace

BatchFunction batch_normalization_function(std::string_view op) {
  for (const Row& row : kFunctions)
    if (op == row.op) return row.function;
  throw Error(TW_E_ABI, text(op, ": its batching facet says custom, but there is no such function"));
}

}  // namespace tw::autograd
