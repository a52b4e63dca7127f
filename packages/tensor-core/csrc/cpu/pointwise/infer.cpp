// Shape and dtype of pointwise results.
#include <cstring>

#include "cpu/pointwise/pointwise.h"
#include "dispatch/registry.h"
#include "runtime/error.h"

namespace tw::cpu {

namespace {

bool is_bool_operand(const PointwiseOp& op, int k) { return op.bool_operands >> k & 1; }

bool same_shape(const tw_dl& a, const tw_dl& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != b.shape[i]) return false;
  return true;
}

tw_status shapes_differ(const tw_call* call, const PointwiseOp& op, int dim_from_end) {
  std::string list;
  for (int k = 0; k < op.operand_count; ++k) {
    const tw_value& v = call->args[op.operand_args[k]];
    if (v.tag != TW_TENSOR) continue;
    list +=
        text(list.empty() ? "" : ", ", call->op->spec->args[op.operand_args[k]].name, " is ", TensorRef(v.u.t).shape());
  }
  return set_error_text(TW_E_SHAPE, display_name(*call->op->spec), ": shapes do not broadcast: ", list, " (dimension -",
                        dim_from_end, " differs)");
}

// Joins one more shape to the broadcast shape of those before it.
tw_status broadcast(const tw_call* call, const PointwiseOp& op, const tw_dl& dl, tw_meta& m) {
  if (dl.ndim > m.ndim) {
    const int grow = dl.ndim - m.ndim;
    std::memmove(m.shape + grow, m.shape, m.ndim * sizeof(int64_t));
    for (int i = 0; i < grow; ++i) m.shape[i] = 1;
    m.ndim = dl.ndim;
  }
  for (int i = 1; i <= dl.ndim; ++i) {
    int64_t& size = m.shape[m.ndim - i];
    const int64_t other = dl.shape[dl.ndim - i];
    if (size == 1)
      size = other;
    else if (other != size && other != 1)
      return shapes_differ(call, op, i);
  }
  return TW_OK;
}

tw_status infer_shape(const tw_call* call, const PointwiseOp& op, tw_meta& m) {
  m.ndim = 0;
  m.device = {TW_DEVICE_CPU, 0};
  const tw_dl* first = nullptr;
  bool same = true;
  for (int k = 0; k < op.operand_count; ++k) {
    const tw_value& v = call->args[op.operand_args[k]];
    if (v.tag != TW_TENSOR) continue;
    const tw_dl& dl = v.u.t->dl;
    if (!first) {
      first = &dl;
      m.ndim = dl.ndim;
      m.device = dl.device;
      for (int i = 0; i < dl.ndim; ++i) m.shape[i] = dl.shape[i];
    } else if (!same || !same_shape(*first, dl)) {
      same = false;
      if (const tw_status status = broadcast(call, op, dl, m)) return status;
    }
  }
  return TW_OK;
}

std::string computable(uint32_t types) {
  static constexpr const char* kNames[kComputeTypes] = {"float32", "float64", "int32",     "int64",
                                                        "bool",    "uint64",  "complex64", "complex128"};
  std::string names;
  for (int i = 0; i < kComputeTypes; ++i)
    if (types >> i & 1) names += (names.empty() ? "" : ", ") + std::string(kNames[i]);
  return names;
}

}  // namespace

tw_dtype operand_dtype(const PointwiseOp& op, const OpSpec& spec, const tw_value* args) {
  Promotion promotion;
  for (int k = 0; k < op.operand_count; ++k) {
    const tw_value& v = args[op.operand_args[k]];
    if (is_bool_operand(op, k)) continue;
    if (v.tag == TW_TENSOR)
      promotion.add(v.u.t->dl.dtype);
    else if (spec.args[op.operand_args[k]].type == ArgType::kOperand || v.tag == TW_FLOAT || v.tag == TW_COMPLEX)
      promotion.add_scalar(v);
  }
  return op.rule == DtypeRule::kFloat ? promotion.float_result() : promotion.result();
}

tw_status pointwise_infer(void* self, const tw_call* call, tw_meta* metas) {
  const PointwiseOp& op = *static_cast<const PointwiseOp*>(self);
  if (const tw_status status = infer_shape(call, op, metas[0])) return status;
  const tw_dtype dtype = operand_dtype(op, *call->op->spec, call->args);
  if (__builtin_expect(compute_type(dtype, op.compute_types) < 0 && op.rule != DtypeRule::kRule, 0))
    return set_error_text(TW_E_TYPE, display_name(*call->op->spec), ": ", dtype, " is not supported; it computes in ",
                          computable(op.compute_types));
  for (int r = 0; r < op.result_count; ++r) {
    if (r > 0) {
      metas[r].ndim = metas[0].ndim;
      metas[r].device = metas[0].device;
      std::memcpy(metas[r].shape, metas[0].shape, metas[0].ndim * sizeof(int64_t));
    }
    metas[r].dtype = result_dtype(op, dtype, r);
  }
  return TW_OK;
}

}  // namespace tw::cpu
