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

void interpret_on(const LevelRef& level, const OpTraits& op, tw_call& call) {
  if (!level || draws_further_in(op, *level)) return interpret_unwrapped(op, call);
  if (level->kind == LevelKind::kGrad) return interpret_grad(level, call);
  const OutsideScope outside(*level);
  if (level->kind == LevelKind::kForward) return interpret_forward(level, op, call);
  interpret_batch(level, op, call);
}

bool is_in_place_view(const OpTraits& op, const tw_call& call) {
  return op.view && call.nargs > 0 && call.args[0].tag == TW_TENSOR && call.nrets == 1 &&
         call.rets[0].tag == TW_TENSOR && call.rets[0].u.t == call.args[0].u.t;
}

// x.transpose_(0, 1): the wrapper stands for a view of what it stood for.
void change_view(const LevelRef& level, const OpTraits& op, tw_call& call) {
  tw_tensor* target = call.args[0].u.t;
  if (level->kind == LevelKind::kGrad) {
    interpret_grad(level, call);
  } else {
    if (op.layout == LayoutUse::kStrides)
      throw Error(TW_E_UNSUPPORTED, text(short_name(op.name.c_str()), "_: not inside of vmap and jvp; use as_strided"));
    tw_value result = value_none();
    tw_call view = call;
    view.rets = &result;
    interpret_on(level, op, view);
    const Tensor made = Tensor::steal(result.u.t);
    Wrapped& before = *wrapped_of(target);
    const Wrapped& after = *wrapped_of(made.get());
    before.value = after.value, before.tangent = after.tangent, before.batch_dim = after.batch_dim;
    g_host->retain(target);
  }
  const LayerScope memory_alone(0, ~uint64_t{0});
  Results shape(1);
  shape.preset(0, target);
  shape.call(call.op, Arguments(call));
}

// Bits of the results that the caller gave, to be written to.
uint64_t targets_of(const tw_call& call) {
  uint64_t targets = 0;
  for (uint32_t i = 0; i < call.nrets; ++i) targets |= uint64_t{call.rets[i].tag == TW_TENSOR} << i;
  return targets;
}

void interpret_call(tw_call& call) {
  const OpTraits& op = traits_of(call.op);
  if (op.reads_elements) return give(&call.rets[0], readable(call.args[0].u.t));
  if (op.introspective) {
    call.layers &= ~(unwrap_bit() | kLayerBit);
    return check(g_host->redispatch(&call));
  }
  const Found found = find_level(call);
  if (found.closed) return call_resolved(call);
  if (found.level && op.composite && !op.batching) {
    call.layers &= ~unwrap_bit();
    return check(g_host->redispatch(&call));
  }
  if (found.level && is_in_place_view(op, call)) return change_view(found.level, op, call);
  const uint64_t targets = targets_of(call);
  interpret_on(found.level, op, call);
  adopt_results(op, call, targets);
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
