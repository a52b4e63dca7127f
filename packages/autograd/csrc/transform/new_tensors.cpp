// Ops without wrapped arguments: what they give is new to the levels.
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
  if (level->randomness == Randomness::kError)
    throw Error(TW_E_UNKNOWN,
                text(short_name(op.name.c_str()),
                     ": random numbers inside of vmap: say with vmap(..., randomness='different') that each "
                     "entry of the batch draws its own, or with 'same' that all share them"));
  const OutsideScope outside(*level);
  BatchCall batch(level, op, call);
  draw_for_batch(batch);
  return true;
}

bool makes_new_tensor(const OpTraits& op, const tw_call& call) {
  if (op.view || call.nrets != 1 || call.rets[0].tag != TW_NONE) return false;
  bool has_tensor = false;
  each_tensor(call, [&](tw_tensor*) { has_tensor = true; });
  return !has_tensor || op.special == Special::kClone;
}

// A tangent of zeros with every batch that is open outside of `level`: tangents may differ over batches that the values
// do not see, as in jacfwd.
Tensor fresh_tangent(const Level& level, TensorRef value) {
  std::vector<int64_t> shape;
  for (const LevelRef& outer : visible_levels())
    if (outer->kind == LevelKind::kBatch && outer->id < level.id) shape.push_back(outer->batch_size);
  shape.insert(shape.end(), value.shape().begin(), value.shape().end());
  Tensor tangent = zeros(shape, value.dtype(), value.device());
  for (const LevelRef& outer : visible_levels())
    if (outer->kind == LevelKind::kBatch && outer->id < level.id) tangent = wrap_batch(outer, std::move(tangent), 0);
  return tangent;
}

}  // namespace

Tensor wrap_fresh(const LevelRef& level, Tensor value) {
  if (level->kind == LevelKind::kGrad) return wrap(level, std::move(value));
  Tensor tangent;
  if (is_floating(value.dtype()) || is_complex(value.dtype())) tangent = fresh_tangent(*level, value);
  return wrap_dual(level, std::move(value), std::move(tangent));
}

void interpret_unwrapped(const OpTraits& op, tw_call& call) {
  if (draw_inside_batch(op, call)) return;
  const bool fresh = makes_new_tensor(op, call);
  check(g_host->redispatch(&call));
  // The parts of a composite may have wrapped it already.
  if (!fresh || call.rets[0].tag != TW_TENSOR || wrapped_of(call.rets[0].u.t)) return;
  const std::vector<LevelRef> levels = visible_levels();
  size_t first = levels.size();  // the innermost levels up to a batch, which refuses writes of batched values anyway
  while (first > 0 && levels[first - 1]->kind != LevelKind::kBatch) --first;
  Tensor value = Tensor::steal(call.rets[0].u.t);
  for (size_t i = first; i < levels.size(); ++i) value = wrap_fresh(levels[i], std::move(value));
  give(&call.rets[0], std::move(value));
}

}  // namespace tw::autograd
