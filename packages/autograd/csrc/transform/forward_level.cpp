// Levels that carry tangents: an op runs on the values, then its rule gives the tangents of the results.
#include <tensorwright/ops/copy.hpp>

#include "../text.h"
#include "arguments.h"
#include "forward_rule.h"
#include "interpret.h"

namespace tw::autograd {
namespace {

// The values of a call, and the tangents by argument.
struct Duals {
  Arguments values;
  std::vector<std::vector<Tensor>> tangents;
  bool any = false;

  Duals(const Level& level, const tw_call& call) : values(call), tangents(call.nargs) {
    values.replace([&](TensorRef t, uint32_t i) {
      const Wrapped* wrapped = wrapped_for(t.get(), level);
      tangents[i].push_back(wrapped ? Tensor(wrapped->tangent) : Tensor());
      any |= static_cast<bool>(tangents[i].back());
      return wrapped ? Tensor(wrapped->value) : Tensor::retain(t);
    });
  }
};

bool carries_tangent(TensorRef t) { return is_floating(t.dtype()) || is_complex(t.dtype()); }

Tensor dual(const LevelRef& level, Tensor value, Tensor tangent) {
  return tangent && carries_tangent(value) ? wrap_dual(level, std::move(value), std::move(tangent)) : std::move(value);
}

std::vector<std::vector<Tensor>> tangents_of(const OpTraits& op, Duals& duals, Results& results) {
  if (!duals.any) return std::vector<std::vector<Tensor>>(results.size());
  return forward_tangents({op, duals.values, duals.tangents, results});
}

void give_duals(const LevelRef& level, tw_call& call, uint32_t i, Results& results, std::vector<Tensor>& tangents) {
  size_t place = 0;
  give_replaced(call, i, results, [&](Tensor value) {
    Tensor tangent = place < tangents.size() ? std::move(tangents[place]) : Tensor();
    ++place;
    return dual(level, std::move(value), std::move(tangent));
  });
}

// Computes aside, then writes value and tangent: the rule reads the old values.
void write_duals(const LevelRef& level, const OpTraits& op, tw_call& call, Duals& duals) {
  Results results(call.nrets);
  results.call(call.op, duals.values);
  auto tangents = tangents_of(op, duals, results);
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (call.rets[i].tag != TW_TENSOR) {
      give_duals(level, call, i, results, tangents[i]);
      continue;
    }
    Wrapped* target = wrapped_for(call.rets[i].u.t, *level);
    Tensor tangent = tangents[i].empty() ? Tensor() : std::move(tangents[i][0]);
    if (!target && tangent) refuse_outside_write(op, "jvp");
    const Tensor value = results.take_tensor(i);
    ops::copy_(target ? TensorRef(target->value) : TensorRef(call.rets[i].u.t), value);
    if (target && target->tangent && tangent)
      ops::copy_(target->tangent, tangent);
    else if (target && target->tangent)
      ops::zero_(target->tangent);
    else if (target)
      target->tangent = std::move(tangent);
    g_host->retain(call.rets[i].u.t);
  }
}

bool has_target(const tw_call& call) {
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag == TW_TENSOR) return true;
  return false;
}

}  // namespace

void interpret_forward(const LevelRef& level, const OpTraits& op, tw_call& call) {
  Duals duals(*level, call);
  if (has_target(call)) return write_duals(level, op, call, duals);
  Results results(call.nrets);
  results.call(call.op, duals.values);
  auto tangents = tangents_of(op, duals, results);
  if (op.composite) return give_replaced(call, 0, results, [&](Tensor t) { return wrap_fresh(level, std::move(t)); });
  for (uint32_t i = 0; i < call.nrets; ++i) give_duals(level, call, i, results, tangents[i]);
}

}  // namespace tw::autograd
