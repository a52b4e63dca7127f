// Random ops inside of vmap.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/views.hpp>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

// Runs the call as it is, below the transforms.
void draw_once(tw_call& call) { check(g_host->redispatch(&call)); }

bool has_batched_argument(const BatchCall& batch, const tw_call& call) {
  for (uint32_t i = 0; i < call.nargs; ++i)
    if (batch.is_batched(i)) return true;
  return false;
}

bool has_tensor_argument(const tw_call& call) {
  for (uint32_t i = 0; i < call.nargs; ++i)
    if (call.args[i].tag == TW_TENSOR) return true;
  return false;
}

// What an op that takes sizes draws depends on its tensors' shapes alone: one entry of them stands for all.
void draw_for_entry(BatchCall& batch) {
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t) {
    if (!batch.is_batched(t)) return Tensor::retain(t);
    return batch.batch_size() > 0 ? ops::select(batch.front(t), 0, 0) : ops::new_empty(batch.front(t), t.shape());
  });
  Results results(batch.call().nrets);
  results.call(batch.op().op, args);
  for (uint32_t r = 0; r < batch.call().nrets; ++r) batch.call().rets[r] = results.take(r);
}

void draw_same(BatchCall& batch) {
  if (!has_batched_argument(batch, batch.call())) return draw_once(batch.call());
  if (batch.op().argument("size") >= 0) return draw_for_entry(batch);
  throw Error(
      TW_E_UNSUPPORTED,
      text(short_name(batch.op().name.c_str()),
           ": vmap with randomness='same' cannot draw for an argument that differs over the batch; draw from an "
           "argument without batch, or use randomness='different'"));
}

}  // namespace

void draw_for_batch(BatchCall& batch) {
  if (batch.level()->randomness == Randomness::kSame) return draw_same(batch);
  tw_call& call = batch.call();
  const int size = batch.op().argument("size");
  if (!has_tensor_argument(call) && size < 0) return run_entry_by_entry(batch);  // a permutation
  Arguments args(call);
  args.replace(
      [&](TensorRef t, uint32_t) { return batch.is_batched(t) ? batch.front(t) : ops::clone(batch.repeated(t)); });
  if (size >= 0) {
    std::vector<int64_t> sizes = From<IntList>::get(call.args[size]).vec();
    sizes.insert(sizes.begin(), batch.batch_size());
    args.set_ints(static_cast<uint32_t>(size), std::move(sizes));
  }
  batch.run(batch.op().op, args);
}

}  // namespace tw::autograd
