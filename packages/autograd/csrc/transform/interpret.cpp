#include "interpret.h"

#include "../meta.h"
#include "../text.h"
#include "arguments.h"

namespace tw::autograd {
namespace {

// The highest open level among the tensors, and whether some are still wrapped for a closed one.
struct Found {
  LevelRef level;
  bool closed = false;
};

void look_at(const tw_tensor* t, Found& found) {
  const Wrapped* wrapped = wrapped_of(t);
  if (!wrapped) return;
  if (!wrapped->level->alive)
    found.closed = true;
  else if (!found.level || found.level->id < wrapped->level->id)
    found.level = wrapped->level;
}

Found find_level(const tw_call& call) {
  Found found;
  each_tensor(call, [&](tw_tensor* t) { look_at(t, found); });
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag == TW_TENSOR) look_at(call.rets[i].u.t, found);
  return found;
}

// The call again, on what the wrappers of closed levels stand for.
void call_resolved(tw_call& call) {
  Arguments args(call);
  args.replace([](TensorRef t, uint32_t) { return resolved(t); });
  call_below(call, call.op, args, [](TensorRef t, uint32_t) { return resolved(t); }, [](Tensor t) { return t; });
}

void interpret_call(tw_call& call) {
  const OpTraits& op = traits_of(call.op);
  if (op.special == Special::kContents) return give(&call.rets[0], readable(call.args[0].u.t));
  if (op.introspective) {
    call.layers &= ~(unwrap_bit() | kLayerBit);
    return check(g_host->redispatch(&call));
  }
  const Found found = find_level(call);
  if (found.closed) return call_resolved(call);
  if (!found.level) return interpret_unwrapped(op, call);
  if (op.composite && !op.batching) {
    call.layers &= ~unwrap_bit();
    return check(g_host->redispatch(&call));
  }
  switch (found.level->kind) {
    case LevelKind::kGrad:
      return interpret_grad(found.level, call);
    case LevelKind::kForward: {
      const OutsideScope outside(*found.level);
      return interpret_forward(found.level, op, call);
    }
    case LevelKind::kBatch: {
      const OutsideScope outside(*found.level);
      return interpret_batch(found.level, op, call);
    }
  }
}

}  // namespace

tw_status TW_CALL interpret(void*, tw_call* call) {
  return guard([&] { interpret_call(*call); });
}

void refuse_outside_write(const OpTraits& op, const char* transform) {
  throw Error(
      TW_E_UNKNOWN,
      text(short_name(op.name.c_str()), "_: writes a value that depends on the inputs of ", transform,
           " into a tensor from outside of the function; write into a tensor made inside, or return the value"));
}

}  // namespace tw::autograd
