// Driver of the generated pointwise kernels: first the call that needs nothing but the kernel, then the
// general case.
#include "cpu/pointwise/pointwise.h"

#include <algorithm>

#include "cpu/copies/copy.h"
#include "cpu/pointwise/streaming.h"
#include "dispatch/registry.h"
#include "runtime/error.h"
#include "runtime/layout.h"
#include "threads/pool.h"

namespace tw::cpu {

namespace {

constexpr int64_t kGrain = 32768;  // elements of one chunk of a parallel loop

tw_dtype kernel_dtype(ComputeType type) { return dtype_of(kComputeDtype[static_cast<int>(type)]); }

// A kernel call on data as it lies.
struct Streams {
  PointwiseKernel kernel;
  const PointwiseOp* op;
  int64_t item;
  void* out[kMaxResults];
  int64_t out_item[kMaxResults];
  const void* in[kMaxOperands];
  uint8_t step[kMaxOperands];

  void run(int64_t begin, int64_t end) const {
    void* outs[kMaxResults];
    const void* ins[kMaxOperands];
    for (int r = 0; r < op->result_count; ++r) outs[r] = static_cast<char*>(out[r]) + begin * out_item[r];
    for (int k = 0; k < op->operand_count; ++k)
      ins[k] = static_cast<const char*>(in[k]) + (step[k] ? begin * (op->bool_operands >> k & 1 ? 1 : item) : 0);
    kernel(end - begin, outs, ins, step);
  }

  // Whether a single result is worth writing past the caches: nothing of it will be left there, nor was it read.
  bool pays_streaming(int64_t numel) const {
    if (!kStreamingStores || op->result_count != 1 || reinterpret_cast<uintptr_t>(out[0]) % kLine) return false;
    int64_t moved = out_item[0];
    for (int k = 0; k < op->operand_count; ++k) {
      if (!step[k]) continue;
      if (in[k] == out[0] || (op->bool_operands >> k & 1) || item != out_item[0]) return false;
      moved += item;
    }
    return numel > kBeyondCaches / moved;
  }

  void run_streaming(int64_t begin, int64_t end) const {
    constexpr int64_t kBlockBytes = 4096;
    alignas(kLine) char block[kBlockBytes];
    void* const outs[] = {block};
    const void* ins[kMaxOperands];
    const char* next[kMaxOperands];
    for (int64_t n = kBlockBytes / item; begin < end; begin += n) {
      n = std::min(n, end - begin);
      int streams = 0;
      for (int k = 0; k < op->operand_count; ++k) {
        ins[k] = static_cast<const char*>(in[k]) + (step[k] ? begin * item : 0);
        if (step[k]) next[streams++] = static_cast<const char*>(ins[k]) + n * item;
      }
      kernel(n, outs, ins, step);
      stream_block(static_cast<char*>(out[0]) + begin * item, block, n * item, next, streams);
    }
    finish_streaming();
  }
};

tw_status run_streams(const Streams& s, int64_t numel) {
  if (__builtin_expect(numel <= kGrain, 1)) {
    s.kernel(numel, s.out, s.in, s.step);
    return TW_OK;
  }
  if (s.pays_streaming(numel))
    return threads::parallel_for(0, numel, kGrain, [&s](int64_t b, int64_t e) { s.run_streaming(b, e); });
  return threads::parallel_for(0, numel, kGrain, [&s](int64_t b, int64_t e) { s.run(b, e); });
}

// Takes calls whose operands are Python numbers, or contiguous tensors of the kernel's type and the result's
// size. Returns TW_DECLINE for any other.
tw_status run_simple(const BoundPointwise& bound, const tw_call* call, ComputeType type) {
  const PointwiseOp& op = *bound.op;
  const tw_dtype dtype = kernel_dtype(type);
  const int64_t numel = call->rets[0].u.t->numel;
  Streams s;
  for (int r = 0; r < op.result_count; ++r) {
    const tw_tensor* t = call->rets[r].u.t;
    const ComputeType as = result_type(op, type, r);
    if (!(t->flags & TW_F_CONTIGUOUS) || t->dl.dtype != kernel_dtype(as)) return TW_DECLINE;
    s.out[r] = t->dl.data;
    s.out_item[r] = kComputeSize[static_cast<int>(as)];
  }
  constexpr int kSplats = 4;
  Splat splats[kSplats];
  int used = 0;
  for (int k = 0; k < op.operand_count; ++k) {
    const tw_value& v = call->args[op.operand_args[k]];
    const bool is_bool = op.bool_operands >> k & 1;
    s.step[k] = v.tag == TW_TENSOR;
    if (v.tag == TW_TENSOR) {
      const tw_tensor* t = v.u.t;
      if (!(t->flags & TW_F_CONTIGUOUS) || t->numel != numel || t->dl.dtype != (is_bool ? kBool : dtype))
        return TW_DECLINE;
      s.in[k] = t->dl.data;
    } else {
      if (used == kSplats) return TW_DECLINE;
      const tw_status status = scalar_splat(*bound.spec, v, is_bool ? ComputeType::kB8 : type, &splats[used]);
      if (__builtin_expect(status != TW_OK, 0)) return status;
      s.in[k] = &splats[used++];
    }
  }
  s.kernel = bound.kernels[static_cast<int>(type)];
  s.op = &op;
  s.item = kComputeSize[static_cast<int>(type)];
  return run_streams(s, numel);
}

Space space_of(const PointwiseOp& op, const tw_call* call) {
  const tw_dl& shape = call->rets[0].u.t->dl;
  Space space(shape.shape, shape.ndim);
  for (int r = 0; r < op.result_count; ++r) space.add(call->rets[r].u.t);
  for (int k = 0; k < op.operand_count; ++k) space.add(call->args[op.operand_args[k]]);
  space.reorder_by_first();
  return space;
}

tw_status plan_operand(const BoundPointwise& bound, const tw_call* call, ComputeType type, int k, PointwisePlan& plan) {
  const tw_value& v = call->args[bound.op->operand_args[k]];
  const ComputeType as = bound.op->bool_operands >> k & 1 ? ComputeType::kB8 : type;
  PointwisePlan::Operand& operand = plan.operand[k];
  operand.data = nullptr;
  if (v.tag != TW_TENSOR) return scalar_splat(*bound.spec, v, as, &plan.constants[k]);
  const DtypeId to = kComputeDtype[static_cast<int>(as)], from = dtype_id(v.u.t->dl.dtype);
  operand.data = static_cast<const char*>(v.u.t->dl.data);
  operand.cast = cast_function(from, to);
  operand.plain = from == to;
  operand.item = kComputeSize[static_cast<int>(as)];
  return TW_OK;
}

void plan_result(const PointwiseOp& op, const tw_call* call, ComputeType type, int r, PointwisePlan& plan) {
  const ComputeType as = result_type(op, type, r);
  const tw_tensor* t = call->rets[r].u.t;
  const DtypeId from = kComputeDtype[static_cast<int>(as)], to = dtype_id(t->dl.dtype);
  plan.result[r] = {static_cast<char*>(t->dl.data), cast_function(from, to), from == to,
                    kComputeSize[static_cast<int>(as)], 0};
}

__attribute__((noinline)) tw_status run_general(const BoundPointwise& bound, const tw_call* call, ComputeType type) {
  const PointwiseOp& op = *bound.op;
  PointwisePlan plan;
  plan.kernel = bound.kernels[static_cast<int>(type)];
  plan.operands = op.operand_count;
  plan.results = op.result_count;
  for (int r = 0; r < plan.results; ++r) plan_result(op, call, type, r, plan);
  for (int k = 0; k < plan.operands; ++k)
    if (const tw_status status = plan_operand(bound, call, type, k, plan)) return status;
  const Space space = space_of(op, call);
  for (int r = 0; r < plan.results; ++r) plan.result[r].run_stride = space.run_stride(r);
  for (int k = 0; k < plan.operands; ++k) plan.operand[k].run_stride = space.run_stride(plan.results + k);
  return threads::parallel_for(0, space.numel, kGrain, [&](int64_t b, int64_t e) { run_pointwise(plan, space, b, e); });
}

// Whether the operand is dense along another dimension than the result. Reading it in the result's order touches a
// cache line per element; large ones are copied first, tile by tile.
bool is_transposed(const tw_tensor* t, const tw_tensor* out) {
  constexpr int64_t kWorthCopying = 4096;
  if (t->numel != out->numel || t->numel < kWorthCopying || t->dl.ndim != out->dl.ndim || !is_dense(out)) return false;
  bool dense_elsewhere = false;
  for (int d = 0; d < t->dl.ndim; ++d) {
    if (t->dl.shape[d] == 1) continue;
    if (out->dl.strides[d] == 1 && (t->dl.strides[d] == 1 || t->dl.strides[d] == 0)) return false;
    dense_elsewhere |= t->dl.strides[d] == 1;
  }
  return dense_elsewhere;
}

// Runs the call with its transposed operands laid as the result is.
tw_status run_straightened(const BoundPointwise& bound, const tw_call* call, ComputeType type) {
  const TensorRef out(call->rets[0].u.t);
  Tensor copies[kMaxOperands];
  tw_value args[64];
  std::copy_n(call->args, call->nargs, args);
  for (int k = 0; k < bound.op->operand_count; ++k) {
    tw_value& v = args[bound.op->operand_args[k]];
    if (v.tag != TW_TENSOR || !is_transposed(v.u.t, out.get())) continue;
    copies[k] = empty_strided(out.shape(), out.strides(), v.u.t->dl.dtype, out.device());
    copy_elements(copies[k], v.u.t);
    v = to_value(copies[k]);
  }
  tw_call straight = *call;
  straight.args = args;
  const tw_status status = run_simple(bound, &straight, type);
  return status == TW_DECLINE ? run_general(bound, &straight, type) : status;
}

bool any_transposed(const BoundPointwise& bound, const tw_call* call) {
  for (int k = 0; k < bound.op->operand_count; ++k) {
    const tw_value& v = call->args[bound.op->operand_args[k]];
    if (v.tag == TW_TENSOR && is_transposed(v.u.t, call->rets[0].u.t)) return true;
  }
  return false;
}

// The dtype to compute in: what the operands promote to, or what the op's own rule says.
tw_status computed_dtype(const BoundPointwise& bound, const tw_call* call, tw_dtype* dtype) {
  *dtype = operand_dtype(*bound.op, *bound.spec, call->args);
  if (bound.op->rule != DtypeRule::kRule || (bound.op->bool_results & 1)) return TW_OK;
  tw_meta metas[kMaxResults];
  if (const tw_status status = bound.spec->infer(bound.spec->self, call, metas)) return status;
  *dtype = metas[0].dtype;
  return TW_OK;
}

}  // namespace

tw_status pointwise_compute_type(const BoundPointwise& bound, const tw_call* call, ComputeType* type) {
  tw_dtype dtype;
  if (const tw_status status = computed_dtype(bound, call, &dtype)) return status;
  const int found = compute_type(dtype, bound.op->compute_types);
  if (__builtin_expect(found < 0 || !bound.kernels[found], 0))
    return set_error_text(TW_E_TYPE, display_name(*bound.spec), ": ", dtype, " is not supported");
  *type = static_cast<ComputeType>(found);
  return TW_OK;
}

tw_status pointwise_run(void* self, tw_call* call) {
  const BoundPointwise& bound = *static_cast<const BoundPointwise*>(self);
  if (__builtin_expect(call->rets[0].u.t->numel == 0, 0)) return TW_OK;
  ComputeType compute;
  if (const tw_status status = pointwise_compute_type(bound, call, &compute)) return status;
  const tw_status status = run_simple(bound, call, compute);
  if (status != TW_DECLINE) return status;
  if (!any_transposed(bound, call)) return run_general(bound, call, compute);
  return guard([&] { check(run_straightened(bound, call, compute)); });
}

}  // namespace tw::cpu
