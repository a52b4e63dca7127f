// Convolutions inside of vmap. A batch of images joins the images; a batch of weights becomes groups.
#include <tensorwright/ops/views.hpp>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

Tensor run_one(BatchCall& batch, const Arguments& args) {
  Results results(1);
  results.call(batch.op().op, args);
  return results.take_tensor(0);
}

void scale_groups(BatchCall& batch, Arguments& args) {
  const auto place = static_cast<uint32_t>(batch.op().argument("groups"));
  std::vector<int64_t> groups{batch.get<int64_t>(place)};
  multiply(groups, 0, batch.batch_size());
  args.set(place, to_value(groups[0]));
}

// An image without a dimension of images gets one.
bool lacks_images(const BatchCall& batch, uint32_t images, uint32_t weight) {
  return batch.tensor(images).ndim() < batch.tensor(weight).ndim();
}

void batch_forward(BatchCall& batch) {
  const TensorRef images = batch.tensor(0), weight = batch.tensor(1), bias = batch.tensor(2);
  const bool lacking = lacks_images(batch, 0, 1);
  Arguments args(batch.call());
  if (!batch.is_batched(weight) && !(bias && batch.is_batched(bias))) {
    const Tensor physical = batch.front(images);
    args.set(0, lacking ? Tensor(physical) : folded(physical));
    const Tensor result = run_one(batch, args);
    return batch.give_batched(0, lacking ? result : unfolded(result, 0, batch.batch_size()));
  }
  const Tensor physical = batch.repeated(images);
  args.set(0, as_channels(lacking ? ops::unsqueeze(physical, 1) : physical));
  args.set(1, folded(batch.repeated(weight)));
  if (bias) args.set(2, folded(batch.repeated(bias)));
  scale_groups(batch, args);
  const Tensor result = unfolded(run_one(batch, args), 1, batch.batch_size());
  batch.give_batched(0, lacking ? ops::squeeze(result, IntList({0})) : result, lacking ? 0 : 1);
}

void batch_input_gradient(BatchCall& batch) {
  const TensorRef grad = batch.tensor(0), weight = batch.tensor(1);
  if (lacks_images(batch, 0, 1)) return run_entry_by_entry(batch);
  const auto place = static_cast<uint32_t>(batch.op().argument("input_shape"));
  std::vector<int64_t> shape = batch.get<IntList>(place).vec();
  Arguments args(batch.call());
  const bool grouped = batch.is_batched(weight);
  multiply(shape, grouped ? 1 : 0, batch.batch_size());
  args.set_ints(place, std::move(shape));
  args.set(0, grouped ? as_channels(batch.repeated(grad)) : folded(batch.front(grad)));
  if (grouped) {
    args.set(1, folded(batch.front(weight)));
    scale_groups(batch, args);
  }
  batch.give_batched(0, unfolded(run_one(batch, args), grouped ? 1 : 0, batch.batch_size()), grouped ? 1 : 0);
}

void batch_weight_gradient(BatchCall& batch) {
  const auto place = static_cast<uint32_t>(batch.op().argument("weight_shape"));
  std::vector<int64_t> shape = batch.get<IntList>(place).vec();
  if (static_cast<size_t>(batch.tensor(0).ndim()) != shape.size()) return run_entry_by_entry(batch);
  multiply(shape, 0, batch.batch_size());
  Arguments args(batch.call());
  args.set(0, as_channels(batch.repeated(batch.tensor(0))));
  args.set(1, as_channels(batch.repeated(batch.tensor(1))));
  args.set_ints(place, std::move(shape));
  scale_groups(batch, args);
  batch.give_batched(0, unfolded(run_one(batch, args), 0, batch.batch_size()));
}

}  // namespace

BatchFunction batch_convolution_function(std::string_view op) {
  if (op.find("backward_input") != std::string_view::npos) return batch_input_gradient;
  if (op.find("backward_weight") != std::string_view::npos) return batch_weight_gradient;
  if (op.find("conv") != std::string_view::npos) return batch_forward;
  throw Error(TW_E_ABI, text(op, ": its batching facet says custom, but there is no such function"));
}

}  // namespace tw::autograd
