// Levels that carry tangents: an op runs on the values, then its rule gives the tangents of the results.
#include <tensorwright/ops/copy.hpp>

#include <algorithm>

#include "../meta.h"
#include "../tensor_ops.h"
#include "../text.h"
#include "arguments.h"
#include "dual.h"
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
      Wrapped* wrapped = wrapped_for(t.get(), level);
      tangents[i].push_back(wrapped ? current_tangent(*wrapped) : Tensor());
      any |= static_cast<bool>(tangents[i].back());
      return wrapped ? Tensor(wrapped->value) : Tensor::retain(t);
    });
  }
};

std::vector<std::vector<Tensor>> tangents_of(const OpTraits& op, Duals& duals, Results& results) {
  if (!duals.any) return std::vector<std::vector<Tensor>>(results.size());
  return forward_tangents({op, duals.values, duals.tangents, results});
}

bool detaches(const OpTraits& op) { return op.derivative && (op.derivative->flags & kDetaches); }

// The dual whose memory results of the call show, if it is a view.
Tensor base_of_views(const Level& level, const OpTraits& op, const tw_call& call) {
  if (!op.view || detaches(op) || call.args[0].tag != TW_TENSOR) return Tensor();
  Wrapped* source = wrapped_for(call.args[0].u.t, level);
  if (!source) return Tensor();
  return source->base ? source->base : Tensor::retain(call.args[0].u.t);
}

// A tensor made on a level belongs to it, so that duals can be written into it; but nothing remembers what it would
// take to write through detach().
void give_duals(const LevelRef& level, const OpTraits& op, tw_call& call, uint32_t i, Results& results,
                std::vector<Tensor>& tangents) {
  const Tensor base = base_of_views(*level, op, call);
  size_t place = 0;
  give_replaced(call, i, results, [&](Tensor value) {
    Tensor tangent = place < tangents.size() ? std::move(tangents[place]) : Tensor();
    ++place;
    if (!carries_gradient(value.dtype()) || detaches(op)) return value;
    if (op.view && !base) return value;
    if (!base || !share_storage(value.get(), base.get())) return wrap_dual(level, std::move(value), std::move(tangent));
    wrapped_for(base.get(), *level)->viewed = true;
    return wrap_dual(level, std::move(value), std::move(tangent), base);
  });
}

// What the rule reads of the old value may be recorded outside of the level, where it must not be overwritten.
void keep_old_values(const tw_call& call, Duals& duals) {
  if (!duals.any) return;
  std::vector<Tensor> written;
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag == TW_TENSOR) written.push_back(Tensor::retain(call.rets[i].u.t));
  for (uint32_t i = 0; i < call.nargs; ++i) {
    if (call.args[i].tag != TW_TENSOR) continue;
    const bool overwritten =
        std::any_of(written.begin(), written.end(), [&](const Tensor& t) { return t.get() == call.args[i].u.t; });
    if (overwritten && duals.values.tensor(i).get()->layers & (kTransformBit | kLayerBit))
      duals.values.set(i, ops::clone(duals.values.tensor(i)));
  }
}

// Computes aside, then writes value and tangent.
void write_duals(const LevelRef& level, const OpTraits& op, tw_call& call, Duals& duals) {
  keep_old_values(call, duals);
  Results results(call.nrets);
  results.call(call.op, duals.values);
  auto tangents = tangents_of(op, duals, results);
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (call.rets[i].tag != TW_TENSOR) {
      give_duals(level, op, call, i, results, tangents[i]);
      continue;
    }
    Wrapped* target = wrapped_for(call.rets[i].u.t, *level);
    Tensor tangent = tangents[i].empty() ? Tensor() : std::move(tangents[i][0]);
    if (!target && tangent) refuse_outside_write(op, "jvp");
    const Tensor value = results.take_tensor(i);
    ops::copy_(target ? TensorRef(target->value) : TensorRef(call.rets[i].u.t), value);
    if (target) write_tangent(*target, std::move(tangent));
    g_host->retain(call.rets[i].u.t);
  }
}

bool has_target(const tw_call& call) {
  for (uint32_t i = 0; i < call.nrets; ++i)
    if (call.rets[i].tag == TW_TENSOR) return true;
  return false;
}

// A view of a value need not be one of its tangent, which may lie in memory otherwise.
void match_layout(const Level& level, const OpTraits& op, const tw_call& call, Duals& duals) {
  if (op.layout == LayoutUse::kNone || !duals.any) return;
  Wrapped& source = *wrapped_for(call.args[0].u.t, level);
  Tensor& tangent = duals.tangents[0][0];
  if (repeats_elements(source)) {
    if (op.layout == LayoutUse::kStrides)
      throw Error(TW_E_UNSUPPORTED, text(short_name(op.name.c_str()),
                                         ": inside of jvp self must not repeat elements, "
                                         "as an expanded tensor does; clone it before"));
    tangent = ops::clone(tangent, "contiguous_format");
    return;
  }
  if (op.layout == LayoutUse::kSizes && same_shape(tangent.strides(), source.value.strides())) return;
  lay_out(base_dual(source), tangent);
  tangent = current_tangent(source);
  if (op.layout == LayoutUse::kStrides) duals.any = false;  // the result's is seen through the base's
}

}  // namespace

void interpret_forward(const LevelRef& level, const OpTraits& op, tw_call& call) {
  Duals duals(*level, call);
  if (has_target(call)) return write_duals(level, op, call, duals);
  match_layout(*level, op, call, duals);
  Results results(call.nrets);
  results.call(call.op, duals.values);
  auto tangents = tangents_of(op, duals, results);
  for (uint32_t i = 0; i < call.nrets; ++i) give_duals(level, op, call, i, results, tangents[i]);
}

}  // namespace tw::autograd
