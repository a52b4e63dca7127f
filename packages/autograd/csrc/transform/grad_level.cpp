// Levels that record: autograd runs on the wrappers as on any tensor, and the layer below it runs the op itself on what
// they wrap, with the masks that hold outside of the level.
#include "../meta.h"
#include "../text.h"
#include "arguments.h"
#include "interpret.h"

namespace tw::autograd {
namespace {

bool wraps_for(TensorRef t, const Level& level) { return wrapped_for(t.get(), level) != nullptr; }

// The core notes of which tensor a view is a view; the wrappers' views are noted here.
void note_if_view(const OpTraits& op, const tw_call& call, const Tensor& result) {
  if (!op.view || call.args[0].tag != TW_TENSOR || (op.derivative && (op.derivative->flags & kDetaches))) return;
  tw_tensor* source = call.args[0].u.t;
  if (result.get() == source || !(is_floating(result.dtype()) || is_complex(result.dtype()))) return;
  if (share_storage(result.get(), source)) note_view(result.get(), base_of(source));
}

// Where the wrapper of a value that is one of the arguments' already is, that wrapper.
Tensor wrapper_of(const LevelRef& level, const tw_call& call, Tensor value) {
  tw_tensor* same = nullptr;
  each_tensor(call, [&](tw_tensor* t) {
    const Wrapped* wrapped = wrapped_for(t, *level);
    if (wrapped && wrapped->value.get() == value.get()) same = t;
  });
  return same ? Tensor::retain(same) : wrap(level, std::move(value));
}

void unwrap_call(tw_call& call) {
  const OpTraits& op = traits_of(call.op);
  LevelRef level;
  each_tensor(call, [&](tw_tensor* t) {
    const Wrapped* wrapped = wrapped_of(t);
    if (wrapped && wrapped->level->kind == LevelKind::kGrad && (!level || level->id < wrapped->level->id))
      level = wrapped->level;
  });
  if (!level) return check(g_host->redispatch(&call));
  const auto value_of = [&](TensorRef t) {
    const Wrapped* wrapped = wrapped_for(t.get(), *level);
    return wrapped ? Tensor(wrapped->value) : Tensor::retain(t);
  };
  Arguments args(call);
  args.replace([&](TensorRef t, uint32_t) { return value_of(t); });
  const OutsideScope below(*level);
  const LayerScope outside(level->outside[0], level->outside[1]);
  call_below(
      call, call.op, args, [&](TensorRef t, uint32_t) { return value_of(t); },
      [&](Tensor t) {
        Tensor wrapper = wrapper_of(level, call, std::move(t));
        note_if_view(op, call, wrapper);
        return wrapper;
      });
}

// A tensor from outside may be written with what does not depend on the level's inputs: running statistics.
void refuse_dependent_write(const Level& level, const tw_call& call) {
  bool outside = false, dependent = false;
  for (uint32_t i = 0; i < call.nrets; ++i)
    outside |= call.rets[i].tag == TW_TENSOR && !wraps_for(call.rets[i].u.t, level);
  if (!outside) return;
  each_tensor(call, [&](tw_tensor* t) { dependent = dependent || (wraps_for(t, level) && requires_grad(t)); });
  if (dependent) refuse_outside_write(traits_of(call.op), "grad");
}

}  // namespace

tw_status TW_CALL unwrap(void*, tw_call* call) {
  return guard([&] { unwrap_call(*call); });
}

void interpret_grad(const LevelRef& level, tw_call& call) {
  refuse_dependent_write(*level, call);
  Arguments args(call);
  uint64_t layers = 0;
  args.replace([&](TensorRef t, uint32_t) {
    Tensor lifted = wraps_for(t, *level) ? Tensor::retain(t) : wrap(level, Tensor::retain(t));
    layers |= lifted.get()->layers;
    return lifted;
  });
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  tw_call inner = call;
  inner.args = args.data();
  inner.layers = (call.layers | layers) & ~masks[1] & (kTransformBit - 1);
  check(g_host->redispatch(&inner));
}

}  // namespace tw::autograd
