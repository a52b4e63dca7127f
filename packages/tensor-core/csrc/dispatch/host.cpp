#include "dispatch/host.h"

#include <tensorwright/tw.hpp>

#include <mutex>

#include "cpu/kernel_interface.h"
#include "dispatch/broker.h"
#include "dispatch/call.h"
#include "dispatch/layers.h"
#include "dispatch/op.h"
#include "dispatch/profile.h"
#include "dispatch/registry.h"
#include "runtime/error.h"
#include "runtime/generator.h"
#include "runtime/tensor.h"
#include "runtime/thread_state.h"
#include "runtime/value.h"
#include "threads/pool.h"

namespace tw {

namespace {

tw_status err_set(tw_status code, const char* message) {
  return set_error(code < 0 ? code : TW_E_UNKNOWN, message ? message : "");
}

tw_status err_message(const char** message) {
  *message = error_message().c_str();
  return TW_OK;
}

tw_status storage_key(const tw_tensor* t, uint64_t* out) {
  *out = reinterpret_cast<uint64_t>(storage_of(t));
  return TW_OK;
}

tw_status version(const tw_tensor* t, uint64_t* out) {
  *out = storage_version(t);
  return TW_OK;
}

tw_status bump(tw_tensor* t) {
  bump_version(t);
  return TW_OK;
}

tw_status set_layers(tw_tensor* t, uint64_t layers) {
  t->layers = layers;
  return TW_OK;
}

tw_status meta_get(const tw_tensor* t, uint32_t layer, void** out) {
  *out = tensor_meta(t, layer);
  return TW_OK;
}

tw_status op_find(const char* name, uint32_t min_revision, const tw_op** out) {
  *out = find_op(name);
  if (!*out) return set_error_text(TW_E_UNSUPPORTED, "there is no op '", name, "'");
  if ((*out)->spec->revision >= min_revision) return TW_OK;
  const uint32_t have = (*out)->spec->revision;
  *out = nullptr;
  return set_error_text(TW_E_ABI, "op '", name, "' has revision ", have, " here, but ", min_revision, " is needed");
}

tw_status op_info(const tw_op* op, tw_op_info* out) {
  if (out->size < TW_OP_INFO_SIZE_V1) return set_error(TW_E_ABI, "op_info: the struct is smaller than in version 1");
  const OpSpec& s = *op->spec;
  const tw_op_info info{TW_OP_INFO_SIZE_V1, op->id,  s.name,  s.schema, s.tags ? s.tags : "",
                        s.revision,         s.nargs, s.nrets, 0};
  *out = info;
  return TW_OK;
}

constexpr uint32_t bit(uint32_t tag) { return 1u << tag; }

// The value tags that each ArgType takes.
constexpr uint32_t kScalarTags = bit(TW_BOOL) | bit(TW_INT) | bit(TW_FLOAT) | bit(TW_COMPLEX) | bit(TW_UINT);
constexpr uint32_t kTagsOf[] = {
    bit(TW_TENSOR),
    bit(TW_TENSOR) | kScalarTags,
    kScalarTags,
    bit(TW_INT) | bit(TW_BOOL),
    bit(TW_FLOAT) | bit(TW_INT) | bit(TW_BOOL),
    bit(TW_BOOL),
    bit(TW_STR),
    bit(TW_DTYPE),
    bit(TW_DEVICE),
    bit(TW_INTS),
    bit(TW_FLOATS),
    bit(TW_TENSORS),
    bit(TW_OBJECT),
};

tw_status wrong_argument(const OpSpec& spec, uint32_t i, const tw_value& v) {
  static constexpr const char* kTypes[] = {"Tensor", "Tensor|Scalar", "Scalar", "int",     "float",    "bool",  "str",
                                           "dtype",  "device",        "int[]",  "float[]", "Tensor[]", "Object"};
  return set_error_text(TW_E_TYPE, display_name(spec), ": argument '", spec.args[i].name, "' must be ",
                        kTypes[static_cast<int>(spec.args[i].type)], spec.args[i].optional ? " or None" : "",
                        ", got a value with tag ", v.tag);
}

// A caller from another binary: what it hands over is checked before kernels trust it.
tw_status call(const tw_op* op, const tw_value* args, uint32_t nargs, tw_value* rets, uint32_t nrets) {
  const OpSpec& spec = *op->spec;
  for (uint32_t i = 0; i < nargs && i < spec.nargs; ++i) {
    const ArgSpec& arg = spec.args[i];
    const uint32_t allowed = kTagsOf[static_cast<int>(arg.type)] | (arg.optional ? bit(TW_NONE) : 0);
    if (__builtin_expect(args[i].tag > TW_UINT || !(allowed >> args[i].tag & 1), 0))
      return wrong_argument(spec, i, args[i]);
  }
  return call_op(op, args, nargs, rets, nrets);
}

tw_status layer_find(const char* name, uint32_t* out) {
  *out = find_layer(name);
  return *out == kNoSlot ? set_error_text(TW_E_VALUE, "there is no layer '", name, "'") : TW_OK;
}

tw_status tls_mask(tw_tls* tls, uint64_t include, uint64_t exclude, uint64_t prev[2]) {
  if (prev) prev[0] = tls->include, prev[1] = tls->exclude;
  tls->include = include;
  tls->exclude = exclude;
  return TW_OK;
}

tw_status tls_get_mask(tw_tls* tls, uint64_t mask[2]) {
  mask[0] = tls->include | layers_everywhere.load(std::memory_order_relaxed);
  mask[1] = tls->exclude;
  return TW_OK;
}

tw_status parallel(int64_t begin, int64_t end, int64_t grain, void (*f)(void*, int64_t, int64_t), void* context) {
  return threads::parallel_for(begin, end, grain, f, context);
}

tw_status reserve(uint64_t n, uint64_t* key, uint64_t* counter) {
  *counter = philox_reserve(n, key);
  return TW_OK;
}

tw_status change_view_layers(uint64_t mask) {
  set_view_layers(mask);
  return TW_OK;
}

tw_status view_base(const tw_tensor* t, tw_tensor** out) {
  *out = held_base(t);
  return TW_OK;
}

tw_status unique(const tw_tensor* t, int32_t* out) {
  *out = is_unique(t);
  return TW_OK;
}

tw_tls* tls() { return thread_state(); }

const tw_host kHost = {
    sizeof(tw_host),
    TW_ABI_MINOR,
    broker_query,
    broker_publish,
    err_set,
    err_message,
    error_take,
    error_restore,
    error_free,
    list_new,
    value_clear,
    object_new,
    object_retain,
    object_release,
    tensor_retain,
    tensor_release,
    tensor_empty,
    tensor_from_blob,
    tensor_as_strided,
    tensor_set_data,
    storage_key,
    version,
    bump,
    set_layers,
    meta_get,
    tensor_set_meta,
    op_find,
    op_info,
    call,
    redispatch,
    layer_find,
    tls,
    tls_mask,
    tls_get_mask,
    parallel,
    threads::poll,
    reserve,
    change_view_layers,
    view_base,
    unique,
};

}  // namespace

const tw_host* g_host = &kHost;
const tw_host* host_table() { return &kHost; }

void start_core() {
  static std::once_flag once;
  std::call_once(once, [] {
    register_builtin_ops();
    publish_profiler();
    cpu::publish_kernels();
  });
}

}  // namespace tw
