// Ops without wrapped arguments: what they give is new to the levels.
#include <algorithm>

#include "../meta.h"
#include "../tensor_ops.h"
#include "../text.h"
#include "batch_call.h"
#include "interpret.h"

namespace tw::autograd {
namespace {

LevelRef innermost_batch() {
  const std::vector<LevelRef> levels = visible_levels();
  for (auto level = levels.rbegin(); level != levels.rend(); ++level)
    if ((*level)->kind == LevelKind::kBatch) return *level;
  return nullptr;
}

bool draw_inside_batch(const OpTraits& op, tw_call& call) {
  const LevelRef level = op.random ? innermost_batch() : nullptr;
  if (!level || op.composite) return false;
  const OutsideScope outside(*level);
  draw_on(level, op, call);
  return true;
}

// Those that dependent values are written on; a tensor without a batch stays so.
std::vector<LevelRef> adopting_levels() {
  std::vector<LevelRef> levels = visible_levels();
  levels.erase(std::remove_if(levels.begin(), levels.end(),
                              [](const LevelRef& level) { return level->kind == LevelKind::kBatch; }),
               levels.end());
  return levels;
}

bool shows_argument(const tw_call& call, const tw_tensor* result) {
  bool shown = false;
  each_tensor(call, [&](tw_tensor* t) { shown = shown || t == result || share_storage(t, result); });
  return shown;
}

Tensor adopted(const std::vector<LevelRef>& levels, const tw_call& call, Tensor value) {
  if (!carries_gradient(value.dtype()) || shows_argument(call, value.get())) return value;
  const Wrapped* wrapped = wrapped_of(value.get());
  const uint64_t own = wrapped && wrapped->level->alive ? wrapped->level->id : 0;
  for (const LevelRef& level : levels) {
    if (level->id <= own) continue;
    value =
        level->kind == LevelKind::kGrad ? wrap(level, std::move(value)) : wrap_dual(level, std::move(value), Tensor());
  }
  return value;
}

}  // namespace

void adopt_results(const OpTraits& op, tw_call& call, uint64_t targets) {
  if (op.view) return;
  const std::vector<LevelRef> levels = adopting_levels();
  if (levels.empty()) return;
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (targets >> i & 1) continue;
    tw_value& value = call.rets[i];
    if (value.tag == TW_TENSOR) {
      give(&value, adopted(levels, call, Tensor::steal(value.u.t)));
    } else if (value.tag == TW_TENSORS) {
      std::vector<Tensor> fresh;
      for (Tensor& t : take_tensors(&value)) fresh.push_back(t ? adopted(levels, call, std::move(t)) : Tensor());
      give(&value, std::move(fresh));
    }
  }
}

bool draws_further_in(const OpTraits& op, const Level& level) {
  if (!op.random || op.composite) return false;
  const LevelRef batch = innermost_batch();
  return batch && batch->id > level.id;
}

void draw_on(const LevelRef& level, const OpTraits& op, tw_call& call) {
  if (level->randomness == Randomness::kError)
    throw Error(TW_E_UNKNOWN,
                text(short_name(op.name.c_str()),
                     ": random numbers inside of vmap: say with vmap(..., randomness='different') that each "
                     "entry of the batch draws its own, or with 'same' that all share them"));
  BatchCall batch(level, op, call);
  draw_for_batch(batch);
}

void interpret_unwrapped(const OpTraits& op, tw_call& call) {
  if (!draw_inside_batch(op, call)) check(g_host->redispatch(&call));
}

}  // namespace tw::autograd
