#include "kept_results.h"

#include <tensorwright/schema.hpp>

#include <vector>

#include "hooks.h"
#include "text.h"
#include "transform/op_traits.h"
#include "transform/wrapped.h"

namespace tw::autograd {
namespace {

thread_local ObjectRef current_keeper;

uint64_t keep_bit() {
  static const uint64_t bit = [] {
    uint32_t slot = 0;
    check(g_host->layer_find("tw.autograd.keep", &slot));
    return uint64_t{1} << slot;
  }();
  return bit;
}

bool is_asked_about(const OpTraits& op, const tw_call& call) {
  if (op.decomposes || op.introspective || op.view || op.random || call.nrets == 0) return false;
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag != TW_NONE) return false;
  return true;
}

void ask(const OpTraits& op, const tw_call& call, Value& answer) {
  std::vector<tw_value> args{to_value(std::string_view(op.name))};
  args.insert(args.end(), call.args, call.args + call.nargs);
  const ObjectRef keeper = current_keeper;  // it may set another
  call_object(keeper.get(), {args.data(), args.size()}, answer);
}

// Without the history that the results will get: it would keep itself alive.
void hand_over(tw_object* keep, const tw_call& call) {
  std::vector<Tensor> bare;
  std::vector<tw_tensor*> pointers;
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (call.rets[i].tag == TW_TENSOR) bare.push_back(alias_of(call.rets[i].u.t));
    if (call.rets[i].tag == TW_TENSORS)
      for (tw_tensor* t : From<TensorList>::get(call.rets[i])) bare.push_back(alias_of(t));
  }
  for (const Tensor& t : bare) pointers.push_back(t.get());
  const tw_value results = to_value(TensorList(pointers));
  Value ignored;
  call_object(keep, {&results, 1}, ignored);
}

void give_kept(const OpTraits& op, tw_call& call, const tw_value& kept) {
  const bool is_list = call.nrets == 1 && op.gives_list;
  const uint32_t count = is_list ? kept.aux : call.nrets;
  std::vector<Tensor> fresh;
  for (const Tensor& t : tensors_of_answer(kept, count, "what keeps results")) {
    if (!t) throw Error(TW_E_TYPE, text(op.name, ": what keeps results gave None for one"));
    fresh.push_back(alias_of(t));
  }
  if (is_list) return give(&call.rets[0], std::move(fresh));
  for (uint32_t i = 0; i < call.nrets; ++i) give(&call.rets[i], std::move(fresh[i]));
}

void keep_or_give(tw_call& call) {
  const OpTraits& op = traits_of(call.op);
  if (!current_keeper || !is_asked_about(op, call)) return check(g_host->redispatch(&call));
  const LayerScope unasked = LayerScope::without(keep_bit());
  Value answer;
  ask(op, call, answer);
  if (answer->tag == TW_VALUES) return give_kept(op, call, answer.get());
  check(g_host->redispatch(&call));
  if (answer->tag != TW_OBJECT) return;
  try {
    hand_over(answer->u.o, call);
  } catch (...) {
    for (uint32_t i = 0; i < call.nrets; ++i) g_host->value_clear(&call.rets[i]);
    throw;
  }
}

}  // namespace

ObjectRef exchange_keeper(tw_object* keeper) {
  ObjectRef before = std::exchange(current_keeper, ObjectRef::retain(keeper));
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  const uint64_t include = keeper ? masks[0] | keep_bit() : masks[0] & ~keep_bit();
  check(g_host->tls_mask(g_host->tls(), include, masks[1], nullptr));
  return before;
}

tw_status TW_CALL ask_keeper(void*, tw_call* call) {
  return guard([&] { keep_or_give(*call); });
}

}  // namespace tw::autograd
