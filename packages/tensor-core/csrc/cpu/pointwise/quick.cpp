// The most common pointwise calls in one pass over the arguments: tensors that are contiguous and agree in shape and
// dtype, and Python numbers. Everything else is declined and takes the ordinary way, with the same result.
#include "cpu/pointwise/pointwise.h"
#include "runtime/device.h"
#include "runtime/tensor.h"
#include "threads/pool.h"

namespace tw::cpu {

namespace {

constexpr int64_t kMostElements = 32768;  // above, time goes into the work
constexpr int kMostScalars = 3;

// The compute type of dtypes that kernels take as they are; -1 for others.
int native_type(tw_dtype d) {
  if (d.code == TW_DT_FLOAT) return d.bits == 32 ? int(ComputeType::kF32) : d.bits == 64 ? int(ComputeType::kF64) : -1;
  if (d.code == TW_DT_COMPLEX)
    return d.bits == 64 ? int(ComputeType::kC32) : d.bits == 128 ? int(ComputeType::kC64) : -1;
  if (d.code == TW_DT_INT) return d.bits == 32 ? int(ComputeType::kI32) : d.bits == 64 ? int(ComputeType::kI64) : -1;
  return d == kUInt64 ? int(ComputeType::kU64) : -1;
}

bool same_shape(const tw_tensor* a, const tw_tensor* b) {
  if (a->dl.ndim != b->dl.ndim) return false;
  for (int i = 0; i < a->dl.ndim; ++i)
    if (a->dl.shape[i] != b->dl.shape[i]) return false;
  return true;
}

bool holds_fractions(ComputeType type) {
  return type == ComputeType::kF32 || type == ComputeType::kF64 || is_complex_type(type);
}

// A number that leaves the tensors' dtype as it is, as a splat.
bool quick_splat(const tw_value& v, int type, Splat& out) {
  double real;
  int64_t integer;
  if (v.tag == TW_INT || v.tag == TW_BOOL)
    real = double(v.u.i), integer = v.u.i;
  else if (v.tag == TW_FLOAT && holds_fractions(static_cast<ComputeType>(type)))
    real = v.u.f, integer = 0;
  else
    return false;
  switch (static_cast<ComputeType>(type)) {
    case ComputeType::kF32: {
      const float f = float(real);
      return fill_splat(out, &f, 4), true;
    }
    case ComputeType::kF64:
      return fill_splat(out, &real, 8), true;
    case ComputeType::kI64:
      return fill_splat(out, &integer, 8), true;
    case ComputeType::kC32: {
      const float z[] = {float(real), 0};
      return fill_splat(out, z, 8), true;
    }
    case ComputeType::kC64: {
      const double z[] = {real, 0};
      return fill_splat(out, z, 16), true;
    }
    default:
      return false;
  }
}

// The results' memory: new tensors, or, in place, the first operand.
tw_status prepare_results(const PointwiseOp& op, tw_call* call, const tw_tensor* like, void** out) {
  for (int r = 0; r < op.result_count; ++r) {
    tw_tensor* result;
    const tw_dtype dtype = result_dtype(op, like->dl.dtype, r);
    if (const tw_status status =
            tensor_empty_on(like->dl.shape, like->dl.ndim, dtype, like->dl.device, kBackendCpu, &result)) {
      while (r-- > 0) tensor_release(call->rets[r].u.t), call->rets[r] = value_none();
      return status;
    }
    call->rets[r] = to_value(TensorRef(result));
    out[r] = result->dl.data;
  }
  return TW_OK;
}

// The operands of a call, if all of them suit a quick one.
struct QuickCall {
  const tw_tensor* like = nullptr;  // the tensor operands' shape and dtype
  int type = -1;
  const void* in[kMaxOperands];
  uint8_t step[kMaxOperands];
  Splat splats[kMostScalars];

  bool gather(const BoundPointwise& bound, const tw_call* call, const tw_tensor* written) {
    const PointwiseOp& op = *bound.op;
    uint32_t scalars = 0;
    for (int k = 0; k < op.operand_count; ++k) {
      const tw_value& v = call->args[op.operand_args[k]];
      step[k] = v.tag == TW_TENSOR;
      if (v.tag != TW_TENSOR)
        scalars |= 1u << k;
      else if (!(like ? joins(v.u.t, written) : starts(bound, v.u.t, written)))
        return false;
      else
        in[k] = v.u.t->dl.data;
    }
    return like && gather_scalars(op, call, scalars);
  }

 private:
  bool starts(const BoundPointwise& bound, const tw_tensor* t, const tw_tensor* written) {
    like = t;
    type = native_type(t->dl.dtype);
    return (t->flags & TW_F_CONTIGUOUS) && type >= 0 && bound.kernels[type] && t->numel <= kMostElements &&
           (!bound.floats_only || holds_fractions(static_cast<ComputeType>(type))) &&
           (!written || (t == written && !(t->flags & TW_F_READONLY)));
  }
  bool joins(const tw_tensor* t, const tw_tensor* written) const {
    if (!(t->flags & TW_F_CONTIGUOUS) || t->dl.dtype != like->dl.dtype || !same_shape(t, like)) return false;
    return !written || t->dl.data == written->dl.data || overlap_of(t, written) == Overlap::kNone;
  }
  bool gather_scalars(const PointwiseOp& op, const tw_call* call, uint32_t scalars) {
    int used = 0;
    for (int k = 0; scalars >> k; ++k) {
      if (!(scalars >> k & 1)) continue;
      if (used == kMostScalars || !quick_splat(call->args[op.operand_args[k]], type, splats[used])) return false;
      in[k] = &splats[used++];
    }
    return true;
  }
};

}  // namespace

tw_status pointwise_quick(void* self, tw_call* call) {
  const BoundPointwise& bound = *static_cast<const BoundPointwise*>(self);
  const bool in_place = call->rets[0].tag == TW_TENSOR;
  if (!bound.quick ||
      (in_place && (call->nrets != 1 || bound.op->bool_results || bound.op->real_results || bound.op->complex_results)))
    return TW_DECLINE;
  QuickCall quick;
  if (!quick.gather(bound, call, in_place ? call->rets[0].u.t : nullptr)) return TW_DECLINE;
  void* out[kMaxResults];
  if (in_place) {
    out[0] = quick.like->dl.data;
    tensor_retain(call->rets[0].u.t);
    bump_version(call->rets[0].u.t);
  } else if (const tw_status status = prepare_results(*bound.op, call, quick.like, out)) {
    return status;
  }
  bound.kernels[quick.type](quick.like->numel, out, quick.in, quick.step);
  return TW_OK;
}

}  // namespace tw::cpu
