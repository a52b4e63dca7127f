// Shape and dtype of reductions.
#include "cpu/reduction/reduction.h"
#include "dispatch/registry.h"
#include "runtime/error.h"

namespace tw::cpu {

namespace {

tw_status named_dims(const tw_call* call, const ReductionOp& op, int ndim, uint64_t* dims) {
  const tw_value none = value_none();
  const tw_value& v = op.dim_arg >= 0 ? call->args[op.dim_arg] : none;
  const auto* list = v.tag == TW_INT ? &v.u.i : static_cast<const int64_t*>(v.u.p);
  const uint32_t count = v.tag == TW_NONE ? 0 : v.tag == TW_INT ? 1 : v.aux;
  *dims = count ? 0 : ~uint64_t{0};
  const int64_t range = ndim > 0 ? ndim : 1;
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t d = list[i] < 0 ? list[i] + range : list[i];
    const char* name = display_name(*call->op->spec);
    if (d < 0 || d >= range)
      return set_error_text(TW_E_INDEX, name, ": dimension ", list[i], " is out of range: expected ", -range, " to ",
                            range - 1);
    if (*dims >> d & 1) return set_error_text(TW_E_VALUE, name, ": dimension ", list[i], " is named twice");
    *dims |= uint64_t{1} << d;
  }
  return TW_OK;
}

tw_status result_dtype(const tw_call* call, const ReductionOp& op, tw_dtype* dtype) {
  const tw_dtype self = call->args[op.operand_args[0]].u.t->dl.dtype;
  const char* name = display_name(*call->op->spec);
  if (op.dtype_arg >= 0 && call->args[op.dtype_arg].tag == TW_DTYPE) {
    *dtype = call->args[op.dtype_arg].u.dt;
  } else if (op.dtype == ReductionDtype::kBool) {
    *dtype = kBool;
  } else if (op.dtype == ReductionDtype::kSum && !is_floating(self) && !is_complex(self)) {
    *dtype = kInt64;
  } else {
    *dtype = self;
  }
  if (op.dtype == ReductionDtype::kFloat && !is_floating(*dtype))
    return set_error_text(TW_E_TYPE, name, ": expected a floating-point dtype, got ", *dtype);
  const tw_dtype computed = op.dtype == ReductionDtype::kBool ? self : *dtype;
  if (compute_type(computed, op.compute_types) < 0)
    return set_error_text(TW_E_TYPE, name, ": ", computed, " is not supported");
  return TW_OK;
}

// The shape that the operands broadcast to.
tw_status operand_shape(const tw_call* call, const ReductionOp& op, tw_meta* m) {
  m->ndim = 0;
  for (int k = 0; k < op.operand_count; ++k) {
    const tw_value& v = call->args[op.operand_args[k]];
    if (v.tag != TW_TENSOR) continue;
    const tw_dl& dl = v.u.t->dl;
    if (k == 0) {
      m->ndim = dl.ndim;
      for (int i = 0; i < dl.ndim; ++i) m->shape[i] = dl.shape[i];
      continue;
    }
    for (int i = 1; i <= dl.ndim; ++i) {
      const int64_t size = dl.shape[dl.ndim - i];
      if (i > m->ndim || (size != 1 && size != m->shape[m->ndim - i]))
        return set_error_text(TW_E_SHAPE, display_name(*call->op->spec), ": ",
                              call->op->spec->args[op.operand_args[k]].name, " of shape ",
                              IntList{dl.shape, size_t(dl.ndim)}, " does not broadcast to ",
                              IntList{m->shape, size_t(m->ndim)});
    }
  }
  return TW_OK;
}

}  // namespace

tw_status reduced_dims(const tw_call* call, const ReductionOp& op, uint64_t* dims) {
  tw_meta all;
  if (const tw_status status = operand_shape(call, op, &all)) return status;
  return named_dims(call, op, all.ndim, dims);
}

tw_status reduction_infer(void* self, const tw_call* call, tw_meta* metas) {
  const ReductionOp& op = *static_cast<const ReductionOp*>(self);
  tw_meta& m = metas[0];
  uint64_t dims;
  if (const tw_status status = operand_shape(call, op, &m)) return status;
  if (const tw_status status = named_dims(call, op, m.ndim, &dims)) return status;
  if (const tw_status status = result_dtype(call, op, &m.dtype)) return status;
  const bool keepdim = op.keepdim_arg >= 0 && call->args[op.keepdim_arg].u.i;
  int kept = 0;
  int64_t reduced = 1, results = 1;
  for (int d = 0; d < m.ndim; ++d) {
    const int64_t size = m.shape[d];
    const bool folds = dims >> d & 1;
    (folds ? reduced : results) *= size;
    if (!folds || keepdim) m.shape[kept++] = folds ? 1 : size;
  }
  if (op.empty == Empty::kError && reduced == 0 && results != 0)
    return set_error_text(TW_E_VALUE, display_name(*call->op->spec), ": there is nothing to reduce: self has shape ",
                          TensorRef(call->args[op.operand_args[0]].u.t).shape());
  m.ndim = kept;
  m.device = call->args[op.operand_args[0]].u.t->dl.device;
  return TW_OK;
}

}  // namespace tw::cpu
