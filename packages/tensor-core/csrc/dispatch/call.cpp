#include "dispatch/call.h"

#include <cstring>

#include "cpu/bind.h"
#include "dispatch/layers.h"
#include "dispatch/registry.h"
#include "dispatch/result_layout.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/layout.h"
#include "runtime/tensor.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

uint64_t layers_of(const tw_value* values, uint32_t n) {
  uint64_t layers = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const tw_value& v = values[i];
    if (v.tag == TW_TENSOR) {
      layers |= v.u.t->layers;
    } else if (__builtin_expect(v.tag == TW_TENSORS, 0)) {
      auto* const* list = static_cast<tw_tensor* const*>(v.u.p);
      for (uint32_t j = 0; j < v.aux; ++j)
        if (list[j]) layers |= list[j]->layers;
    } else if (__builtin_expect(v.tag == TW_VALUES, 0)) {
      layers |= layers_of(static_cast<const tw_value*>(v.u.p), v.aux);
    }
  }
  return layers;
}

tw_status mixed_devices(const tw_call* call, tw_device first, tw_device second, uint32_t arg) {
  const OpSpec& spec = *call->op->spec;
  const std::string where = arg < spec.nargs ? spec.args[arg].name : "out";
  return set_error_text(TW_E_DEVICE, display_name(spec), ": all tensors must be on one device, but ", where, " is on ",
                        second, " and another argument on ", first);
}

// Joins one tensor to the place of a call; false if it is on another device.
bool join(const tw_tensor* t, bool& found, Place& place) {
  if (!found) {
    found = true;
    place = {t->backend, t->dl.device};
    return true;
  }
  return t->backend == place.backend && t->dl.device.index == place.device.index;
}

tw_status place_without_tensor(const tw_call* call, Place* place) {
  *place = {kBackendCpu, {TW_DEVICE_CPU, 0}};
  for (uint32_t i = 0; i < call->nargs; ++i) {
    if (call->args[i].tag != TW_DEVICE) continue;
    place->device = call->args[i].u.dev;
    return resolve_device(place->device, &place->backend);
  }
  return TW_OK;
}

bool crosses_devices(const tw_call* call) { return call->op->traits & kTraitCrossDevice; }

}  // namespace

tw_status find_place(const tw_call* call, Place* place) {
  bool found = false;
  for (uint32_t i = 0; i < call->nargs + call->nrets; ++i) {
    const tw_value& v = i < call->nargs ? call->args[i] : call->rets[i - call->nargs];
    if (__builtin_expect(v.tag == TW_TENSOR, 1)) {
      const tw_device before = place->device;
      if (__builtin_expect(!join(v.u.t, found, *place), 0) && !crosses_devices(call))
        return mixed_devices(call, before, v.u.t->dl.device, i);
    } else if (__builtin_expect(v.tag == TW_TENSORS, 0)) {
      auto* const* list = static_cast<tw_tensor* const*>(v.u.p);
      for (uint32_t j = 0; j < v.aux; ++j)
        if (list[j] && !join(list[j], found, *place) && !crosses_devices(call))
          return mixed_devices(call, place->device, list[j]->dl.device, i);
    }
  }
  return __builtin_expect(found, 1) ? TW_OK : place_without_tensor(call, place);
}

namespace {

tw_status no_kernel(const tw_call* call, const Place& place, bool declined) {
  const char* name = display_name(*call->op->spec);
  if (place.backend == kBackendMeta)
    return set_error_text(TW_E_UNSUPPORTED, name, ": there is no kernel for ", place.device,
                          ": what it gives depends on values, which a meta tensor has not");
  return set_error_text(TW_E_UNSUPPORTED, name, ": ",
                        declined ? "every kernel declined these arguments on " : "there is no kernel for ",
                        place.device);
}

bool is_default(const tw_value& v, const ArgSpec& arg) {
  const tw_value& d = arg.default_value;
  if (!arg.has_default || v.tag != d.tag || v.aux != d.aux) return false;
  const bool is_list = v.tag == TW_STR || v.tag == TW_INTS || v.tag == TW_FLOATS;
  if (!is_list) return v.u.i == d.u.i;
  return v.aux == 0 || !std::memcmp(v.u.p, d.u.p, v.aux * (v.tag == TW_STR ? 1 : 8));
}

// A revision only appends keyword-only arguments. A kernel written for an older one may not know them, so it is asked
// only while all of them have their defaults.
bool suits_older_kernel(const tw_call* call) {
  const OpSpec& spec = *call->op->spec;
  for (uint32_t i = spec.npositional; i < call->nargs; ++i)
    if (!is_default(call->args[i], spec.args[i])) return false;
  return true;
}

}  // namespace

tw_status run_chain(const KernelRecord* kernel, tw_call* call, const Place& place) {
  if (__builtin_expect(!kernel, 0)) return no_kernel(call, place, false);
  for (; kernel; kernel = kernel->next) {
    if (__builtin_expect(kernel->revision != call->op->spec->revision, 0) && !suits_older_kernel(call)) continue;
    const tw_status status = kernel->fn(kernel->self, call);
    if (__builtin_expect(status != TW_DECLINE, 1)) return status;
  }
  return no_kernel(call, place, true);
}

namespace {

bool has_preset(const tw_call* call) {
  for (uint32_t i = 0; i < call->nrets; ++i)
    if (call->rets[i].tag != TW_NONE) return true;
  return false;
}

void drop_results(tw_value* rets, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    if (rets[i].tag == TW_TENSOR) tensor_release(rets[i].u.t);
    rets[i] = value_none();
  }
}

tw_status allocate_results(tw_call* call, const Place& place, const tw_meta* metas) {
  for (uint32_t i = 0; i < call->nrets; ++i) {
    const tw_meta& m = metas[i];
    tw_tensor* out;
    int64_t strides[TW_MAX_NDIM];
    bool strided = false;
    tw_status status = result_strides(call, m, strides, &strided);
    if (__builtin_expect(strided, 0))
      status = tensor_empty_strided_on(m.shape, strides, m.ndim, m.dtype, place.device, place.backend, &out);
    else if (status == TW_OK)
      status = tensor_empty_on(m.shape, m.ndim, m.dtype, place.device, place.backend, &out);
    if (__builtin_expect(status != TW_OK, 0)) {
      drop_results(call->rets, i);
      return status;
    }
    call->rets[i].tag = TW_TENSOR;
    call->rets[i].aux = 0;
    call->rets[i].u.t = out;
  }
  return TW_OK;
}

// Whether this call writes into arguments.
bool writes_arguments(const tw_call* call) {
  if (call->op->spec->mutated == 0) return false;
  if (!(call->op->traits & kTraitWritesIfTraining)) return true;
  for (uint32_t i = 0; i < call->nargs; ++i)
    if (call->args[i].tag == TW_BOOL) return call->args[i].u.i != 0;
  return false;
}

// f(tensor, argument) for each tensor that the op writes, also those of lists; until f is false.
template <class F>
bool each_mutated(const tw_call* call, F f) {
  for (uint32_t i = 0; i < call->nargs; ++i) {
    const tw_value& v = call->args[i];
    if (!(call->op->spec->mutated >> i & 1)) continue;
    if (v.tag == TW_TENSOR && !f(v.u.t, i)) return false;
    if (v.tag != TW_TENSORS) continue;
    for (tw_tensor* t : From<TensorList>::get(v))
      if (t && !f(t, i)) return false;
  }
  return true;
}

tw_status check_writable(const tw_call* call) {
  const OpSpec& spec = *call->op->spec;
  uint32_t refused = 0;
  const bool writable = each_mutated(call, [&](tw_tensor* t, uint32_t i) {
    refused = i;
    return !(t->flags & TW_F_READONLY);
  });
  if (writable) return TW_OK;
  return set_error_text(TW_E_VALUE, display_name(spec), ": ", spec.args[refused].name, " is read-only memory");
}

void bump_mutated(const tw_call* call) {
  each_mutated(call, [](tw_tensor* t, uint32_t) {
    bump_version(t);
    return true;
  });
}

tw_status run_structured(const KernelRecord* kernel, tw_call* call, const Place& place) {
  const OpSpec& spec = *call->op->spec;
  if (kernel && kernel->fn == cpu::pointwise_run) {
    const tw_status quick = cpu::pointwise_quick(kernel->self, call);
    if (quick != TW_DECLINE) return quick;
  }
  const bool writes = __builtin_expect(spec.mutated != 0, 0) && writes_arguments(call);
  if (__builtin_expect(writes, 0))
    if (const tw_status status = check_writable(call)) return status;
  tw_meta metas[kMaxReturns];
  tw_status status = spec.infer(spec.self, call, metas);
  if (__builtin_expect(status != TW_OK, 0)) return status;
  if (__builtin_expect(has_preset(call), 0)) return run_structured_into(kernel, call, place, metas);
  status = allocate_results(call, place, metas);
  if (__builtin_expect(status != TW_OK, 0) || place.backend == kBackendMeta) return status;
  status = run_chain(kernel, call, place);
  if (__builtin_expect(status != TW_OK, 0)) drop_results(call->rets, call->nrets);
  if (__builtin_expect(writes, 0) && status == TW_OK) bump_mutated(call);
  return status;
}

std::atomic<uint64_t> view_layers{0};
const tw_op* detach_op = nullptr;

// A layer that follows writes through views must see every view, and the base for as long as the view lives. What
// detach() gives is a base of its own.
void mark_views(const tw_call* call) {
  const uint64_t layers = view_layers.load(std::memory_order_relaxed) & ~call->tls->exclude;
  if (layers == 0 || call->op == detach_op || call->nargs == 0 || call->args[0].tag != TW_TENSOR) return;
  tw_tensor* source = call->args[0].u.t;
  for (uint32_t i = 0; i < call->nrets; ++i) {
    if (call->rets[i].tag != TW_TENSOR) continue;
    tw_tensor* view = call->rets[i].u.t;
    if (view == source || !(view->flags & TW_F_VIEW)) continue;
    view->layers |= layers;
    hold_base(view, source);
  }
}

bool is_in_place_view(const tw_call* call) {
  return (call->op->spec->flags & kOpView) && call->nargs > 0 && call->args[0].tag == TW_TENSOR &&
         call->rets[0].tag == TW_TENSOR && call->rets[0].u.t == call->args[0].u.t;
}

// x.transpose_(0, 1): the tensor takes the geometry that the view of it would have. That counts as a write, since what
// was kept of the tensor no longer describes it.
tw_status run_view_in_place(tw_call* call) {
  const OpSpec& spec = *call->op->spec;
  tw_tensor* self = call->rets[0].u.t;
  tw_value view = value_none();
  tw_call inner = *call;
  inner.rets = &view;
  tw_status status = spec.kernel(spec.self, &inner);
  if (status != TW_OK) return status;
  status = tensor_set_geometry(self, view.u.t);
  tensor_release(view.u.t);
  if (status != TW_OK) return status;
  bump_version(self);
  tensor_retain(self);
  return TW_OK;
}

tw_status run_plain(const KernelRecord* kernel, tw_call* call, const Place& place) {
  const OpSpec& spec = *call->op->spec;
  const bool from_spec = !kernel && (spec.flags & (kOpComposite | kOpView));
  const bool writes = __builtin_expect(spec.mutated != 0, 0) && writes_arguments(call);
  if (__builtin_expect(writes, 0))
    if (const tw_status status = check_writable(call)) return status;
  tw_status status;
  if (__builtin_expect(is_in_place_view(call) && from_spec, 0)) return run_view_in_place(call);
  if (__builtin_expect(has_preset(call), 0))
    status = run_plain_into(from_spec ? spec.kernel : nullptr, spec.self, kernel, call, place);
  else
    status = from_spec ? spec.kernel(spec.self, call) : run_chain(kernel, call, place);
  if (__builtin_expect(status == TW_DECLINE, 0)) return no_kernel(call, place, true);
  if ((spec.flags & kOpView) && status == TW_OK) mark_views(call);
  // A composite's writes go through ops that count them themselves.
  if (__builtin_expect(writes, 0) && status == TW_OK && !from_spec) bump_mutated(call);
  return status;
}

tw_status run_backend(tw_call* call) {
  Place place;
  const tw_status status = find_place(call, &place);
  if (__builtin_expect(status != TW_OK, 0)) return status;
  const KernelRecord* kernel = call->op->backend[place.backend].load(std::memory_order_acquire);
  const uint32_t flags = call->op->spec->flags;
  const bool composite = !kernel && (flags & kOpComposite) && place.backend != kBackendMeta;
  return __builtin_expect((flags & kOpStructured) && !composite, 1) ? run_structured(kernel, call, place)
                                                                    : run_plain(kernel, call, place);
}

tw_status run_layer(tw_call* call, uint64_t active) {
  const int top = 63 - __builtin_clzll(active);
  call->layers &= (uint64_t{1} << top) - 1;
  const KernelRecord* kernel = call->op->layer[top].load(std::memory_order_acquire);
  for (; kernel; kernel = kernel->next) {
    const tw_status status = kernel->fn(kernel->self, call);
    if (status != TW_DECLINE) return status;
  }
  return set_error_text(TW_E_UNSUPPORTED, display_name(*call->op->spec), ": the layer '", layer_name(top),
                        "' does not take this call");
}

}  // namespace

std::atomic<uint64_t> layers_everywhere{0};

void set_view_layers(uint64_t mask) {
  detach_op = find_op("tw::detach");
  view_layers.store(mask, std::memory_order_relaxed);
}

tw_status redispatch(tw_call* call) {
  const uint64_t active = call->layers & call->op->layer_mask.load(std::memory_order_relaxed);
  return __builtin_expect(active != 0, 0) ? run_layer(call, active) : run_backend(call);
}

namespace {

// A caller built against an older revision gives fewer arguments: the rest take their defaults.
tw_status call_with_defaults(const tw_op* op, const tw_value* args, uint32_t nargs, tw_value* rets, uint32_t nrets) {
  const OpSpec& spec = *op->spec;
  if (nrets != spec.nrets)
    return set_error_text(TW_E_TYPE, display_name(spec), ": called for ", nrets, " results, it has ", spec.nrets);
  if (nargs > spec.nargs)
    return set_error_text(TW_E_TYPE, display_name(spec), ": takes ", spec.nargs, " arguments, got ", nargs);
  tw_value full[64];
  for (uint32_t i = 0; i < spec.nargs; ++i) {
    if (i >= nargs && !spec.args[i].has_default)
      return set_error_text(TW_E_TYPE, display_name(spec), ": missing argument '", spec.args[i].name, "'");
    full[i] = i < nargs ? args[i] : spec.args[i].default_value;
  }
  return call_op(op, full, spec.nargs, rets, nrets);
}

}  // namespace

tw_status call_op(const tw_op* op, const tw_value* args, uint32_t nargs, tw_value* rets, uint32_t nrets) {
  const OpSpec& spec = *op->spec;
  if (__builtin_expect(nargs != spec.nargs || nrets != spec.nrets, 0))
    return call_with_defaults(op, args, nargs, rets, nrets);
  tw_tls* tls = thread_state();
  tw_call call;
  call.size = TW_CALL_SIZE_V1;
  call.flags = 0;
  call.op = op;
  call.tls = tls;
  call.args = args;
  call.rets = rets;
  call.nargs = nargs;
  call.nrets = nrets;
  const uint64_t included = tls->include | layers_everywhere.load(std::memory_order_relaxed);
  call.layers = (included | layers_of(args, nargs)) & ~tls->exclude;
  return redispatch(&call);
}

}  // namespace tw
