// Ops without a generated derivative: composites pass, third parties' derivatives are found, the rest is refused as
// soon as an argument requires grad.
#include <tensorwright/tw_abi_autograd.h>

#include <deque>
#include <mutex>

#include "backward.h"
#include "meta.h"
#include "text.h"
#include "transform/op_traits.h"

namespace tw::autograd {
namespace {

// What is known of an op, by its dense id.
struct OpKnowledge {
  bool passes = false;  // a composite: the ops it calls are recorded themselves
  const Derivative* derivative = nullptr;
};

constexpr uint32_t kMaxOps = 1u << 14;
std::atomic<const OpKnowledge*> knowledge[kMaxOps];
std::mutex knowledge_mutex;

struct ForeignDerivative {  // owns what its Derivative points at
  tw_vjp_def def;
  std::string node_name;
  std::vector<std::string> names;
  std::vector<InputRule> inputs;
  std::vector<SaveRule> saves;
  Derivative derivative;
};

tw_op_info info_of(const tw_op* op) {
  tw_op_info info{};
  info.size = sizeof info;
  check(g_host->op_info(op, &info));
  return info;
}

// Calls the third party's function and distributes what it gives.
void run_foreign(Backward& backward) {
  const Derivative& derivative = backward.derivative();
  const auto& def = *static_cast<const tw_vjp_def*>(derivative.self);
  std::vector<tw_value> args, rets(derivative.input_count, value_none());
  for (uint32_t i = 0; i < backward.grad_count(); ++i) args.push_back(to_value(backward.grad(i)));
  for (uint32_t i = 0; i < derivative.save_count; ++i) args.push_back(backward.operand(i).value());
  tw_call call{};
  call.size = TW_CALL_SIZE_V1;
  call.tls = g_host->tls();
  call.args = args.data(), call.nargs = static_cast<uint32_t>(args.size());
  call.rets = rets.data(), call.nrets = derivative.input_count;
  check(def.vjp(def.self, &call));
  for (uint32_t i = 0; i < derivative.input_count; ++i)
    backward.give(i, rets[i].tag == TW_TENSOR ? Tensor::steal(rets[i].u.t) : Tensor());
}

void describe_saves(ForeignDerivative& made, const std::vector<DeclaredArgument>& arguments, uint32_t results) {
  for (uint32_t i = 0; i < arguments.size(); ++i)
    if (made.def.save_args >> i & 1)
      made.saves.push_back({SaveKind::kArgument, static_cast<uint8_t>(i), ~uint64_t{0}, made.names[i].c_str()});
  for (uint32_t i = 0; i < results; ++i)
    if (made.def.save_rets >> i & 1)
      made.saves.push_back({SaveKind::kResult, static_cast<uint8_t>(i), ~uint64_t{0}, "result"});
}

const Derivative* make_foreign(const tw_vjp_def& def, const tw_op_info& info) {
  static std::deque<ForeignDerivative> all;  // addresses stay
  const std::vector<DeclaredArgument> arguments = declared_arguments(info.schema);
  ForeignDerivative& made = all.emplace_back();
  made.def = def;
  made.node_name = text(short_name(def.op), "_vjp");
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    made.names.push_back(arguments[i].name);
    if (arguments[i].type.rfind("Tensor", 0) == 0 && arguments[i].type.find('[') == std::string::npos)
      made.inputs.push_back({static_cast<uint8_t>(i), false});
  }
  describe_saves(made, arguments, info.nrets);
  if (made.saves.size() > kMaxSaves)
    throw Error(TW_E_VALUE, text(def.op, ": a derivative saves at most ", kMaxSaves, " values"));
  made.derivative = {def.op,
                     made.node_name.c_str(),
                     made.inputs.data(),
                     made.saves.data(),
                     static_cast<uint8_t>(made.inputs.size()),
                     static_cast<uint8_t>(made.saves.size()),
                     -1,
                     static_cast<uint8_t>(info.nrets),
                     def.differentiable_rets ? def.differentiable_rets : ~uint64_t{0},
                     kMayRunOps,
                     run_foreign,
                     &made.def};
  return &made.derivative;
}

const OpKnowledge& know(const tw_op_info& info, OpKnowledge fresh) {
  auto* kept = new OpKnowledge(fresh);  // as long as the process: readers take no lock
  knowledge[info.id].store(kept, std::memory_order_release);
  return *kept;
}

const OpKnowledge& knowledge_of(const tw_op* op) {
  const tw_op_info info = info_of(op);
  if (info.id >= kMaxOps) throw Error(TW_E_UNSUPPORTED, "autograd: there are too many ops");
  if (const OpKnowledge* known = knowledge[info.id].load(std::memory_order_acquire)) return *known;
  std::lock_guard<std::mutex> lock(knowledge_mutex);
  if (const OpKnowledge* known = knowledge[info.id].load(std::memory_order_acquire)) return *known;
  return know(info, {has_tag(info.tags, "composite"), nullptr});
}

void refuse_tracked(const tw_call& call, const tw_value& value, uint32_t i) {
  const bool tracked_value = value.tag == TW_TENSOR && requires_grad(value.u.t);
  bool tracked_item = false;
  if (value.tag == TW_TENSORS)
    for (tw_tensor* t : From<TensorList>::get(value)) tracked_item |= t && requires_grad(t);
  if (!tracked_value && !tracked_item) return;
  const tw_op_info info = info_of(call.op);
  const auto arguments = declared_arguments(info.schema);
  const std::string name = i < arguments.size() ? arguments[i].name : text("argument ", i);
  throw Error(TW_E_UNSUPPORTED, text(short_name(info.name), ": ", name,
                                     " requires grad, but this op has no derivative; call it under "
                                     "no_grad, or on ",
                                     name, ".detach()"));
}

}  // namespace

tw_status TW_CALL record_without_derivative(void*, tw_call* call) {
  const Derivative* derivative = nullptr;
  const tw_status status = guard([&] {
    const OpKnowledge& known = knowledge_of(call->op);
    derivative = known.derivative;
    if (known.passes || derivative) return;
    for (uint32_t i = 0; i < call->nargs; ++i) refuse_tracked(*call, call->args[i], i);
  });
  if (status != TW_OK) return status;
  return derivative ? record(const_cast<Derivative*>(derivative), call) : g_host->redispatch(call);
}

tw_status TW_CALL add_derivative(const void* payload) {
  return guard([&] {
    const auto* def = static_cast<const tw_vjp_def*>(payload);
    if (def->size < TW_VJP_DEF_SIZE_V1)
      throw Error(TW_E_ABI, text("tw_vjp_def: size ", def->size, " is below the first, ", TW_VJP_DEF_SIZE_V1));
    if (!def->op || !def->vjp) throw Error(TW_E_ABI, "tw_vjp_def: op and vjp must be given");
    const tw_op* op = nullptr;
    check(g_host->op_find(def->op, def->revision, &op));
    const tw_op_info info = info_of(op);
    if (info.id >= kMaxOps) throw Error(TW_E_UNSUPPORTED, "autograd: there are too many ops");
    std::lock_guard<std::mutex> lock(knowledge_mutex);
    const OpKnowledge* known = knowledge[info.id].load(std::memory_order_acquire);
    if (known && known->derivative) throw Error(TW_E_VALUE, text(def->op, ": a derivative is registered already"));
    know(info, {false, make_foreign(*def, info)});
  });
}

}  // namespace tw::autograd
