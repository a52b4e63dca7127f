// Levels that carry a batch dimension: rules by kind, which put it in front and count the op's dimensions from behind.
#include <tensorwright/ops/views.hpp>

#include "../text.h"
#include "batch_call.h"
#include "diagonal.h"
#include "interpret.h"

namespace tw::autograd {
namespace {

int most_dimensions(const BatchCall& batch, const tw_call& call) {
  int most = 0;
  for (uint32_t i = 0; i < call.nargs; ++i)
    if (call.args[i].tag == TW_TENSOR) most = std::max(most, batch.logical_ndim(i));
  return most;
}

// Broadcasting counts dimensions from the last, so only batched operands of fewer dimensions must grow.
void batch_pointwise(BatchCall& batch) {
  const int ndim = most_dimensions(batch, batch.call());
  Arguments args(batch.call());
  args.replace(
      [&](TensorRef t, uint32_t) { return batch.is_batched(t) ? padded(batch.front(t), ndim) : batch.plain(t); });
  batch.run(batch.op().op, args);
}

// Of a tensor without dimensions, dimension 0 may be named: it gets one of size 1.
bool reduces_scalar(BatchCall& batch) { return batch.logical_ndim(0) == 0; }

void batch_reduction(BatchCall& batch) {
  Arguments args(batch.call());
  const bool scalar = reduces_scalar(batch);
  args.replace([&](TensorRef t, uint32_t) {
    return batch.is_batched(t) ? padded(batch.front(t), scalar ? 1 : 0) : batch.repeated(t);
  });
  const int dim = batch.op().argument("dim"), keep = batch.op().argument("keepdim");
  const tw_value& given = batch.call().args[dim];
  const bool all = given.tag == TW_NONE || (given.tag == TW_INTS && given.aux == 0) || scalar;
  if (all) {
    std::vector<int64_t> dims;
    for (int d = 1; d <= std::max(batch.logical_ndim(0), 1); ++d) dims.push_back(d);
    args.set_ints(static_cast<uint32_t>(dim), std::move(dims));
  } else if (given.tag == TW_INTS) {
    args.set_ints(static_cast<uint32_t>(dim), behind_batch(From<IntList>::get(given)));
  } else {
    args.set(static_cast<uint32_t>(dim), to_value(behind_batch(given.u.i)));
  }
  if (scalar && keep >= 0) args.set(static_cast<uint32_t>(keep), to_value(false));
  batch.run(batch.op().op, args);
}

void batch_leading(BatchCall& batch) {
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t) { return batch.repeated(t); });
  batch.run(batch.op().op, args);
}

void batch_along(BatchCall& batch) {
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t) { return batch.repeated(t); });
  for (uint32_t i = 0; i < args.size(); ++i) {
    const tw_value& value = batch.call().args[i];
    if (!batch.op().names_dimensions[i]) continue;
    if (value.tag == TW_INT) args.set(i, to_value(behind_batch(value.u.i)));
    if (value.tag == TW_INTS) args.set_ints(i, behind_batch(From<IntList>::get(value)));
  }
  batch.run(batch.op().op, args);
}

void batch_sizes(BatchCall& batch) {
  Arguments args(batch.call());
  for (uint32_t i = 0; i < args.size(); ++i) {
    const std::string& name = batch.op().arguments[i].name;
    if (name != "size" && name != "shape" && name != "input_shape") continue;
    std::vector<int64_t> sizes = From<IntList>::get(batch.call().args[i]).vec();
    const int ndim = static_cast<int>(sizes.size());
    sizes.insert(sizes.begin(), batch.batch_size());
    args.set_ints(i, std::move(sizes));
    args.replace([&](TensorRef t, uint32_t) { return padded(batch.repeated(t), ndim); });
  }
  batch.run(batch.op().op, args);
}

// The batch joins the first dimension of the tensors that have as many dimensions as the first; others have no batch.
// Shapes of the first tensor that are given as arguments grow likewise.
void batch_folded(BatchCall& batch) {
  tw_call& call = batch.call();
  const int ndim = batch.logical_ndim(0);
  if (ndim == 0) return run_entry_by_entry(batch);
  for (uint32_t i = 1; i < call.nargs; ++i)
    if (call.args[i].tag == TW_TENSOR && batch.is_batched(i) && batch.logical_ndim(i) != ndim)
      return run_entry_by_entry(batch);
  Arguments args(call);
  args.replace([&](TensorRef t, uint32_t) { return t.ndim() == ndim ? folded(batch.repeated(t)) : batch.plain(t); });
  const int given = batch.op().argument("input_shape");
  if (given >= 0) {
    std::vector<int64_t> shape = From<IntList>::get(call.args[given]).vec();
    if (!shape.empty()) multiply(shape, 0, batch.batch_size());
    args.set_ints(static_cast<uint32_t>(given), std::move(shape));
  }
  batch.run_and_unfold(
      args, [&](const Tensor& flat, uint32_t i) { batch.give_batched(i, unfolded(flat, 0, batch.batch_size())); });
}

// A rule by kind does not describe tensors without dimensions, whose dimension 0 may be named nevertheless.
bool names_missing_dimension(const BatchCall& batch, const tw_call& call) {
  for (uint32_t i = 0; i < call.nargs; ++i)
    if (call.args[i].tag == TW_TENSOR && batch.logical_ndim(i) == 0) return true;
  return false;
}

void run_rule(BatchCall& batch, const tw_call& call) {
  const OpTraits& op = batch.op();
  if (!op.batching) {
    if (op.pointwise) return batch_pointwise(batch);
    if (op.reduction) return batch_reduction(batch);
    return run_entry_by_entry(batch);
  }
  switch (op.batching->kind) {
    case BatchingKind::kLeading:
      return batch_leading(batch);
    case BatchingKind::kAlong:
      return names_missing_dimension(batch, call) ? run_entry_by_entry(batch) : batch_along(batch);
    case BatchingKind::kSizes:
      return batch_sizes(batch);
    case BatchingKind::kBroadcast:
      return batch_pointwise(batch);
    case BatchingKind::kFolded:
      return batch_folded(batch);
    case BatchingKind::kCustom:
      return op.batch_function(batch);
  }
}

}  // namespace

void interpret_batch(const LevelRef& level, const OpTraits& op, tw_call& call) {
  if (op.random) return draw_on(level, op, call);
  BatchCall batch(level, op, call);
  if (multiply_diagonal(batch)) return;
  run_rule(batch, call);
  keep_diagonal(batch);
}

}  // namespace tw::autograd
