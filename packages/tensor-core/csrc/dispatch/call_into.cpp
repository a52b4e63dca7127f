// Calls whose results go into tensors that the caller gave: `out=` and in-place forms. Checks first, then
// writes: a refused call changes nothing.
#include <cstring>

#include "dispatch/call.h"
#include "dispatch/registry.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/error.h"
#include "runtime/tensor.h"

namespace tw {

namespace {

bool is_in_place(const tw_call* call, uint32_t ret) {
  return ret == 0 && call->nargs > 0 && call->args[0].tag == TW_TENSOR && call->args[0].u.t == call->rets[0].u.t;
}

// What a message calls the given tensor.
std::string given_name(const tw_call* call, uint32_t ret) {
  const OpSpec& spec = *call->op->spec;
  if (is_in_place(call, ret)) return spec.args[0].name;
  return call->nrets > 1 && spec.rets[ret].name ? text("out (", spec.rets[ret].name, ")") : "out";
}

tw_status check_given(const tw_call* call, uint32_t ret, IntList shape, tw_dtype dtype) {
  const tw_value& v = call->rets[ret];
  const auto named = [&] { return text(display_name(*call->op->spec), ": ", given_name(call, ret)); };
  if (v.tag != TW_TENSOR) return set_error_text(TW_E_TYPE, named(), " must be a tensor");
  const tw_tensor* t = v.u.t;
  const IntList given{t->dl.shape, size_t(t->dl.ndim)};
  if (t->flags & TW_F_READONLY) return set_error_text(TW_E_VALUE, named(), " is read-only memory");
  if (given.size() != shape.size() || std::memcmp(given.data(), shape.data(), shape.size() * sizeof(int64_t)) != 0)
    return set_error_text(TW_E_SHAPE, named(), " has shape ", given, ", but the result has shape ", shape);
  if (!can_store(dtype, t->dl.dtype))
    return set_error_text(TW_E_TYPE, named(), " is ", t->dl.dtype, " and cannot hold the result, which is ", dtype);
  if (may_overlap_itself(t))
    return set_error_text(TW_E_VALUE, named(), " (shape ", given, ", strides ", IntList{t->dl.strides, given.size()},
                          ") has several elements at one address, so it cannot be written; clone it first");
  for (uint32_t other = 0; other < ret; ++other)
    if (overlap_of(call->rets[other].u.t, t) != Overlap::kNone)
      return set_error_text(TW_E_VALUE, named(), " shares memory with another result");
  return TW_OK;
}

// The worst overlap of a tensor with the call's arguments from `first` on.
Overlap overlap_with_args(const tw_call* call, const tw_tensor* out, uint32_t first) {
  Overlap worst = Overlap::kNone;
  const auto meet = [&](const tw_tensor* t) {
    const Overlap o = t ? overlap_of(out, t) : Overlap::kNone;
    if (o > worst) worst = o;
  };
  for (uint32_t i = first; i < call->nargs; ++i) {
    const tw_value& v = call->args[i];
    if (v.tag == TW_TENSOR) meet(v.u.t);
    if (v.tag == TW_TENSORS)
      for (uint32_t j = 0; j < v.aux; ++j) meet(static_cast<tw_tensor* const*>(v.u.p)[j]);
  }
  return worst;
}

// Whether a kernel may write straight into the given tensor. Elementwise ops may write over an operand that lies
// exactly on the result, those that update their first argument over that one; and what our own drivers write may have
// any layout and dtype. Other kernels get results that look like those they would allocate.
bool writes_directly(const KernelRecord* kernel, const tw_call* call, uint32_t ret, tw_dtype dtype) {
  const tw_tensor* out = call->rets[ret].u.t;
  const uint32_t flags = call->op->spec->flags, traits = call->op->traits;
  const bool ours = kernel && kernel->provider == kBuiltinProvider;
  const bool elementwise = (flags & kOpPointwise) || (traits & kTraitAnyLayout);
  const bool any_layout = ours && (elementwise || (flags & kOpReduction));
  const bool any_strides = any_layout || (ours && (traits & kTraitAnyStrides));
  if (!any_strides && !(out->flags & TW_F_CONTIGUOUS)) return false;
  if (!any_layout && out->dl.dtype != dtype) return false;
  const bool updates = ours && (traits & kTraitUpdatesSelf) && is_in_place(call, ret);
  const Overlap overlap = overlap_with_args(call, out, updates ? 1 : 0);
  return overlap == Overlap::kNone || (overlap == Overlap::kSame && elementwise);
}

tw_status copy_into(tw_call* call, tw_tensor* dst, tw_tensor* src, bool through_layers) {
  static const tw_op* copy = find_op("tw::copy");
  const tw_value args[] = {to_value(TensorRef(dst)), to_value(TensorRef(src)), to_value(false)};
  tw_value ret = to_value(TensorRef(dst));  // in place
  tw_status status;
  if (through_layers) {
    status = call_op(copy, args, 3, &ret, 1);
  } else {
    tw_call inner = *call;
    inner.op = copy, inner.args = args, inner.nargs = 3, inner.rets = &ret, inner.nrets = 1;
    status = redispatch(&inner);
  }
  if (status == TW_OK) tensor_release(ret.u.t);
  return status;
}

void release_tensor(tw_value& v) {
  if (v.tag == TW_TENSOR) tensor_release(v.u.t);
  v = value_none();
}

// Hands the given tensors back as owned results, after the computed ones were copied where they differ.
tw_status deliver(tw_call* call, tw_value* computed, tw_value* given, bool through_layers) {
  tw_status status = TW_OK;
  for (uint32_t i = 0; i < call->nrets; ++i) {
    if (given[i].tag == TW_NONE) {
      given[i] = std::exchange(computed[i], value_none());
      continue;
    }
    if (computed[i].u.t != given[i].u.t) {
      if (status == TW_OK) status = copy_into(call, given[i].u.t, computed[i].u.t, through_layers);
    } else {
      bump_version(given[i].u.t);
    }
  }
  return status;
}

}  // namespace

tw_status run_structured_into(const KernelRecord* kernel, tw_call* call, const Place& place, const tw_meta* metas) {
  tw_value given[kMaxReturns], computed[kMaxReturns];
  for (uint32_t i = 0; i < call->nrets; ++i) {
    computed[i] = value_none();
    given[i] = call->rets[i];
    if (given[i].tag == TW_NONE) continue;
    const tw_status status = check_given(call, i, {metas[i].shape, size_t(metas[i].ndim)}, metas[i].dtype);
    if (status != TW_OK) return status;
  }
  tw_status status = TW_OK;
  for (uint32_t i = 0; i < call->nrets && status == TW_OK; ++i) {
    if (given[i].tag == TW_TENSOR && writes_directly(kernel, call, i, metas[i].dtype)) {
      computed[i] = given[i];
      tensor_retain(given[i].u.t);
      continue;
    }
    tw_tensor* fresh = nullptr;
    status = tensor_empty_on(metas[i].shape, metas[i].ndim, metas[i].dtype, place.device, place.backend, &fresh);
    if (status == TW_OK) computed[i] = to_value(TensorRef(fresh));
  }
  tw_call inner = *call;
  inner.rets = computed;
  if (status == TW_OK && place.backend != kBackendMeta) status = run_chain(kernel, &inner, place);
  if (status == TW_OK) status = deliver(call, computed, given, false);
  for (uint32_t i = 0; i < call->nrets; ++i) {
    if (status == TW_OK && call->rets[i].tag == TW_TENSOR) tensor_retain(given[i].u.t);
    release_tensor(computed[i]);
    if (status == TW_OK) call->rets[i] = given[i];
  }
  return status;
}

tw_status run_plain_into(tw_kernel_fn fn, void* self, const KernelRecord* chain, tw_call* call, const Place& place) {
  tw_value given[kMaxReturns], computed[kMaxReturns];
  for (uint32_t i = 0; i < call->nrets; ++i) computed[i] = value_none(), given[i] = call->rets[i];
  tw_call inner = *call;
  inner.rets = computed;
  tw_status status = fn ? fn(self, &inner) : run_chain(chain, &inner, place);
  for (uint32_t i = 0; i < call->nrets && status == TW_OK; ++i) {
    if (given[i].tag == TW_NONE) continue;
    if (computed[i].tag != TW_TENSOR) {
      status =
          set_error_text(TW_E_TYPE, display_name(*call->op->spec), ": its result cannot be stored in a given tensor");
    } else if (computed[i].u.t != given[i].u.t) {
      const tw_dl& r = computed[i].u.t->dl;
      status = check_given(call, i, {r.shape, size_t(r.ndim)}, r.dtype);
    }
  }
  if (status == TW_OK) status = deliver(call, computed, given, call->op->spec->flags & kOpComposite);
  for (uint32_t i = 0; i < call->nrets; ++i) {
    if (status == TW_OK && call->rets[i].tag == TW_TENSOR) tensor_retain(given[i].u.t);
    release_tensor(computed[i]);
    if (status == TW_OK) call->rets[i] = given[i];
  }
  return status;
}

}  // namespace tw
