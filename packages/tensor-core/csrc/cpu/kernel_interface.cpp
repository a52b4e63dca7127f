#include "cpu/kernel_interface.h"

#include <tensorwright/tw_abi_kernels.h>

#include <algorithm>
#include <cstring>

#include "cpu/isa.h"
#include "cpu/prepared_layer.h"
#include "cpu/reduction/reduction.h"
#include "dispatch/broker.h"
#include "runtime/device.h"
#include "runtime/error.h"

namespace tw::cpu {

namespace {

constexpr uint32_t kMostArguments = 64;

// A call for asking: no results, no layers.
struct Question {
  tw_value args[kMostArguments];
  tw_call call;

  Question(const tw_op* op, const tw_value* given, uint32_t count)
      : call{sizeof(tw_call), 0, op, nullptr, args, nullptr, op->spec->nargs, 0, 0} {
    for (uint32_t k = 0; k < op->spec->nargs; ++k) args[k] = k < count ? given[k] : op->spec->args[k].default_value;
  }
};

tw_dtype dtype_in(ComputeType type) { return dtype_of(kComputeDtype[static_cast<int>(type)]); }

tw_status set_operand(const OpSpec& spec, const tw_value* args, int k, int argument, ComputeType type,
                      tw_block_kernel* out) {
  const tw_value& value = args[argument];
  const bool tensor = value.tag == TW_TENSOR;
  out->argument[k] = tensor ? argument : -1;
  out->operand[k] = dtype_in(type);
  if (tensor) return TW_OK;
  Splat splat;
  const tw_status status = scalar_splat(spec, value, type, &splat);
  std::memcpy(out->constant[k], splat.bytes, sizeof splat.bytes);
  return status;
}

tw_status find_pointwise(const BoundPointwise& bound, const Question& question, tw_block_kernel* out) {
  const PointwiseOp& op = *bound.op;
  ComputeType type;
  if (const tw_status status = pointwise_compute_type(bound, &question.call, &type)) return status;
  out->noperands = op.operand_count, out->nresults = op.result_count;
  out->compute = dtype_in(type);
  out->block = bound.kernels[static_cast<int>(type)];
  for (int k = 0; k < op.operand_count; ++k) {
    const ComputeType as = op.bool_operands >> k & 1 ? ComputeType::kB8 : type;
    if (const tw_status status = set_operand(*bound.spec, question.args, k, op.operand_args[k], as, out)) return status;
  }
  for (int r = 0; r < op.result_count; ++r) out->result[r] = dtype_in(result_type(op, type, r));
  return TW_OK;
}

tw_status find_reduction(const BoundReduction& bound, const Question& question, const tw_meta& meta,
                         tw_block_kernel* out) {
  const ReductionOp& op = *bound.op;
  const bool truth = op.dtype == ReductionDtype::kBool;
  const tw_dtype computed = truth ? question.args[op.operand_args[0]].u.t->dl.dtype : meta.dtype;
  const int type = compute_type(computed, op.compute_types);
  if (type < 0 || !bound.kernels[type].row) return TW_DECLINE;
  if (const tw_status status = reduced_dims(&question.call, op, &out->dims)) return status;
  out->noperands = op.operand_count, out->nresults = 1;
  out->compute = dtype_in(static_cast<ComputeType>(type));
  out->fold = bound.kernels[type].row, out->combine = bound.kernels[type].combine;
  for (int k = 0; k < op.operand_count; ++k)
    if (const tw_status status =
            set_operand(*bound.spec, question.args, k, op.operand_args[k], static_cast<ComputeType>(type), out))
      return status;
  out->result[0] = truth ? kBool : out->compute;
  return TW_OK;
}

tw_status TW_CALL find(const tw_op* op, const tw_value* args, uint32_t nargs, tw_block_kernel* result) {
  const OpSpec& spec = *op->spec;
  if (result->size < TW_BLOCK_KERNEL_SIZE_V1 || nargs > spec.nargs || spec.nargs > kMostArguments || !spec.infer)
    return TW_DECLINE;
  const KernelRecord* record = op->backend[kBackendCpu].load(std::memory_order_acquire);
  if (!record || (record->fn != pointwise_run && record->fn != reduction_run)) return TW_DECLINE;
  const Question question(op, args, nargs);
  tw_meta metas[kMaxResults];
  if (const tw_status status = spec.infer(spec.self, &question.call, metas)) return status;
  tw_block_kernel found{};
  found.size = TW_BLOCK_KERNEL_SIZE_V1;
  const tw_status status =
      record->fn == pointwise_run
          ? find_pointwise(*static_cast<const BoundPointwise*>(record->self), question, &found)
          : find_reduction(*static_cast<const BoundReduction*>(record->self), question, metas[0], &found);
  if (status == TW_OK) std::memcpy(result, &found, sizeof found);
  return status;
}

tw_status TW_CALL convert(tw_dtype from, tw_dtype to, tw_convert_fn* out) {
  const int a = dtype_index(from), b = dtype_index(to);
  if (a == kNoDtype || b == kNoDtype) return TW_DECLINE;
  *out = cast_function(static_cast<DtypeId>(a), static_cast<DtypeId>(b));
  return TW_OK;
}

// ---- layers -----------------------------------------------------------------------------------------------------

enum class Layer { kNone, kLinear, kConvolution };

// Which layer a call with these arguments is, after the op's own checks.
tw_status layer_of(const Question& question, tw_meta* meta, Layer* layer) {
  const OpSpec& spec = *question.call.op->spec;
  const std::string_view name = spec.name;
  *layer = name == "tw::linear" ? Layer::kLinear : name == "tw::conv2d" ? Layer::kConvolution : Layer::kNone;
  if (*layer == Layer::kNone) return TW_DECLINE;
  if (const tw_status status = spec.infer(spec.self, &question.call, meta)) return status;
  return meta->dtype == kFloat32 || meta->dtype == kFloat64 ? TW_OK : TW_DECLINE;
}

ConvolutionArguments convolution_arguments(const tw_value* args) {
  return {From<TensorRef>::get(args[0]), From<TensorRef>::get(args[1]), From<TensorRef>::get(args[2]),
          From<IntList>::get(args[3]),   From<IntList>::get(args[4]),   From<IntList>::get(args[5]),
          From<int64_t>::get(args[6])};
}

tw_status TW_CALL prepare_layer(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor** prepared) {
  if (nargs > op->spec->nargs || op->spec->nargs > kMostArguments) return TW_DECLINE;
  return guard([&] {
    const Question question(op, args, nargs);
    tw_meta meta{};
    Layer layer;
    check(layer_of(question, &meta, &layer));
    Tensor weight = layer == Layer::kLinear ? prepare_linear(From<TensorRef>::get(question.args[1]))
                                            : prepare_convolution(convolution_arguments(question.args),
                                                                  IntList(meta.shape, static_cast<size_t>(meta.ndim)));
    *prepared = weight.release();
  });
}

Tensor result_like(const tw_value& given, const tw_meta& meta) {
  const IntList shape(meta.shape, static_cast<size_t>(meta.ndim));
  if (given.tag == TW_TENSOR) {
    const TensorRef t(given.u.t);
    if (t.is_contiguous() && t.dtype() == meta.dtype &&
        std::equal(shape.begin(), shape.end(), t.shape().begin(), t.shape().end()))
      return Tensor::retain(t);
  }
  return empty(shape, meta.dtype);
}

tw_status TW_CALL run_layer(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor* weight, tw_part_fn follow,
                            void* context, tw_value* result) {
  if (nargs > op->spec->nargs || op->spec->nargs > kMostArguments) return TW_DECLINE;
  return guard([&] {
    const Question question(op, args, nargs);
    tw_meta meta{};
    Layer layer;
    check(layer_of(question, &meta, &layer));
    Tensor out = result_like(*result, meta);
    const PreparedCall prepared{TensorRef(weight), follow, context};
    if (layer == Layer::kLinear)
      linear_prepared(From<TensorRef>::get(question.args[0]), From<TensorRef>::get(question.args[1]),
                      From<TensorRef>::get(question.args[2]), prepared, out);
    else
      convolution_prepared(convolution_arguments(question.args), prepared, out);
    *result = to_value(TensorRef(out.release()));
  });
}

const tw_kernels_if kInterface = {sizeof(tw_kernels_if), 1, nullptr, find, convert, isa_name, prepare_layer, run_layer};

}  // namespace

void publish_kernels() { broker_publish("tw.kernels", 1, 1, &kInterface); }

}  // namespace tw::cpu
