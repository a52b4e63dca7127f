// Ops over many sequences or bags at once: those of all entries of the batch are more of them.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

// [batch, time, sequence, class] as [time, batch * sequence, class].
Tensor as_sequences(TensorRef physical) {
  const Tensor by_time = ops::permute(physical, {1, 0, 2, 3});
  std::vector<int64_t> shape = by_time.shape().vec();
  multiply(shape, 2, shape[1]);
  shape.erase(shape.begin() + 1);
  return ops::reshape(by_time, shape);
}

void batch_ctc_loss(BatchCall& batch) {
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t) {
    const Tensor physical = batch.repeated(t);
    return t.ndim() == 3 ? as_sequences(physical) : folded(physical);
  });
  batch.run_and_unfold(args, [&](const Tensor& found, uint32_t i) {
    const int64_t dim = found.ndim() == 3 ? 1 : 0;
    batch.give_batched(i, unfolded(found, dim, batch.batch_size()), dim);
  });
}

// Each entry's numbers, moved by `step` times its place in the batch, in one row.
Tensor moved_apart(const BatchCall& batch, TensorRef physical, int64_t step) {
  std::vector<int64_t> shape(static_cast<size_t>(physical.ndim()), 1);
  shape[0] = batch.batch_size();
  return ops::add(physical, ops::mul(ops::reshape(ops::arange(batch.batch_size()), shape), step));
}

// All tables as one, and all bags; what counts rows of the table or bags is an entry's own again in the results.
void batch_embedding_bag(BatchCall& batch) {
  const TensorRef weight = batch.tensor(0), indices = batch.tensor(1), offsets = batch.tensor(2);
  const bool own_tables = batch.is_batched(weight), ends = batch.get<bool>(7);
  if (ends || (own_tables && batch.get<std::optional<int64_t>>(8))) return run_entry_by_entry(batch);
  const int64_t rows = own_tables ? weight.size(0) : 0, bags = offsets.size(0);
  Arguments args(batch.call());
  if (own_tables) args.set(0, folded(batch.front(weight)));
  args.set(1, folded(moved_apart(batch, batch.repeated(indices), rows)));
  args.set(2, folded(moved_apart(batch, batch.repeated(offsets), indices.size(0))));
  if (batch.tensor(6)) args.set(6, folded(batch.repeated(batch.tensor(6))));
  const int64_t steps[] = {0, bags, 0, rows};
  batch.run_and_unfold(args, [&](const Tensor& found, uint32_t i) {
    Tensor result = unfolded(found, 0, batch.batch_size());
    if (steps[i]) result = ops::clamp_min(moved_apart(batch, result, -steps[i]), -1);  // of empty bags, -1
    batch.give_batched(i, std::move(result));
  });
}

// Arguments that are the same for all samples of a layer.
std::vector<uint32_t> parameters_of(const OpTraits& op) {
  std::vector<uint32_t> places;
  for (const char* name : {"input_weight", "hidden_weight", "bias", "input_bias", "hidden_bias"})
    if (const int place = op.argument(name); place >= 0) places.push_back(static_cast<uint32_t>(place));
  return places;
}

// Samples of all entries beside each other. Entries with weights of their own are layers of their own.
void batch_recurrent_layer(BatchCall& batch) {
  const std::vector<uint32_t> parameters = parameters_of(batch.op());
  const bool packed = !batch.get<IntList>(static_cast<uint32_t>(batch.op().argument("batch_sizes"))).empty();
  const auto is_batched = [&](uint32_t place) { return batch.is_batched(place); };
  if (packed || std::any_of(parameters.begin(), parameters.end(), is_batched)) return run_entry_by_entry(batch);
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t i) {
    if (std::find(parameters.begin(), parameters.end(), i) != parameters.end()) return batch.plain(t);
    const Tensor physical = batch.repeated(t);
    return t.ndim() == 3 ? as_sequences(physical) : folded(physical);
  });
  batch.run_and_unfold(args, [&](const Tensor& found, uint32_t i) {
    const int64_t dim = found.ndim() == 3 ? 1 : 0;
    batch.give_batched(i, unfolded(found, dim, batch.batch_size()), dim);
  });
}

struct Row {
  const char* op;
  BatchFunction function;
};
const Row kFunctions[] = {
    {"tw::ctc_loss_forward", batch_ctc_loss},   {"tw::ctc_loss_backward", batch_ctc_loss},
    {"tw::ctc_loss_curvature", batch_ctc_loss}, {"tw::embedding_bag", batch_embedding_bag},
    {"tw::lstm_layer", batch_recurrent_layer},  {"tw::lstm_layer_backward", batch_recurrent_layer},
    {"tw::gru_layer", batch_recurrent_layer},   {"tw::gru_layer_backward", batch_recurrent_layer},
    {"tw::rnn_layer", batch_recurrent_layer},   {"tw::rnn_layer_backward", batch_recurrent_layer},
};

}  // namespace

BatchFunction batch_sequence_function(std::string_view op) {
  for (const Row& row : kFunctions)
    if (op == row.op) return row.function;
  return nullptr;
}

}  // namespace tw::autograd
