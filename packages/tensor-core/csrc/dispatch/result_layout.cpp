#include "dispatch/result_layout.h"

#include "dispatch/op.h"
#include "dispatch/registry.h"
#include "runtime/layout.h"
#include "runtime/tensor.h"

namespace tw {

namespace {

bool spans(const tw_tensor* t, const tw_meta& meta) {
  if (t->dl.ndim != meta.ndim) return false;
  for (int i = 0; i < meta.ndim; ++i)
    if (t->dl.shape[i] != meta.shape[i]) return false;
  return true;
}

// Elementwise ops: the first operand of the result's shape decides if it is contiguous, which nearly always it is.
bool pointwise_strides(const tw_call* call, const tw_meta& meta, int64_t* strides) {
  constexpr int kMost = 8;
  const tw_tensor* operands[kMost];
  int count = 0;
  for (uint32_t i = 0; i < call->nargs && count < kMost; ++i) {
    if (call->args[i].tag != TW_TENSOR) continue;
    const tw_tensor* t = call->args[i].u.t;
    if (count == 0 && (t->flags & TW_F_CONTIGUOUS) && spans(t, meta)) return false;
    if (t->numel != 1) operands[count++] = t;
  }
  if (count == 0 || meta.ndim < 2) return false;
  common_strides({meta.shape, static_cast<size_t>(meta.ndim)}, operands, count, strides);
  return !is_contiguous(meta.shape, strides, meta.ndim);
}

std::optional<std::string_view> format_argument(const tw_call* call) {
  const OpSpec& spec = *call->op->spec;
  for (uint32_t i = 0; i < call->nargs; ++i)
    if (call->args[i].tag == TW_STR && std::string_view(spec.args[i].name) == "memory_format")
      return From<std::string_view>::get(call->args[i]);
  return std::nullopt;
}

bool kept_strides(const tw_call* call, const tw_meta& meta, int64_t* strides) {
  const tw_tensor* like = call->args[0].u.t;
  const char* op = display_name(*call->op->spec);
  const MemoryFormat format = memory_format(op, format_argument(call), MemoryFormat::kPreserve);
  if (format == MemoryFormat::kContiguous) return false;
  if (format == MemoryFormat::kPreserve && (like->flags & TW_F_CONTIGUOUS)) return false;
  format_strides(op, format, {meta.shape, static_cast<size_t>(meta.ndim)}, like, strides);
  return true;
}

}  // namespace

tw_status result_strides(const tw_call* call, const tw_meta& meta, int64_t* strides, bool* strided) {
  const bool keeps = call->op->traits & kTraitKeepsLayout;
  if (!keeps && !(call->op->spec->flags & kOpPointwise)) return TW_OK;
  return guard([&] { *strided = keeps ? kept_strides(call, meta, strides) : pointwise_strides(call, meta, strides); });
}

}  // namespace tw
