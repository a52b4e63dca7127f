#include "cpu/kernel_interface.h"

#include <tensorwright/tw_abi_kernels.h>

#include <algorithm>
#include <cstring>

#include "cpu/convolution/blocked_images.h"
#include "cpu/isa.h"
#include "cpu/prepared_layer.h"
#include "cpu/reduction/reduction.h"
#include "dispatch/broker.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "threads/pool.h"

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

// ---- images in blocks -------------------------------------------------------------------------------------------

// Windows larger than this have nothing to gain, and their sizes would have to be watched.
constexpr int64_t kMostSteps = 1 << 10;

// Nothing where the tensor does not lie as is said, or the shape is not one of images.
std::optional<ImageMemory> image_memory(const tw_images& given, IntList shape) {
  if (shape.size() != 4 || !given.tensor) return std::nullopt;
  const TensorRef t(given.tensor);
  const int64_t by = given.blocked ? given.border[0] : 0, bx = given.blocked ? given.border[1] : 0;
  if (t.dtype() != kFloat32 || !t.is_contiguous() || t.device().type != TW_DEVICE_CPU) return std::nullopt;
  const IntList lies = t.shape();
  if (given.blocked) {
    if (shape[1] % kBlockChannels || by < 0 || bx < 0 || by > kMostSteps || bx > kMostSteps) return std::nullopt;
    const int64_t blocked[] = {shape[0], shape[1] / kBlockChannels, shape[2] + 2 * by, shape[3] + 2 * bx,
                               kBlockChannels};
    if (!std::equal(lies.begin(), lies.end(), std::begin(blocked), std::end(blocked))) return std::nullopt;
  } else if (!std::equal(lies.begin(), lies.end(), shape.begin(), shape.end())) {
    return std::nullopt;
  }
  return ImageMemory{t.data<float>(), given.blocked != 0, {shape[1], shape[2], shape[3], by, bx}};
}

// Whether an argument is two numbers, none of them large: products of such need no watching.
bool is_small_pair(const tw_value& value) {
  if (value.tag != TW_INTS) return false;
  const IntList numbers = From<IntList>::get(value);
  return numbers.size() == 2 && std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n <= kMostSteps; });
}

// Blocked input holds the padding in its border; groups begin with a block of channels, or are one, or are channels.
bool suits_blocks(const Question& question, const ImageMemory* input, const ImageMemory* result) {
  const tw_value* args = question.args;
  if (!is_small_pair(args[3]) || !is_small_pair(args[4]) || !is_small_pair(args[5])) return false;
  const ConvolutionArguments a = convolution_arguments(args);
  const int64_t out_channels = a.weight.size(0) / a.groups;
  const bool own = a.groups > 1 && a.weight.size(1) == 1 && out_channels == 1;  // each channel for itself
  if (own && (a.groups % kBlockChannels || (input && !input->blocked) || (result && !result->blocked))) return false;
  if (!own && a.groups > 1 && (a.weight.size(1) % kBlockChannels || out_channels % kBlockChannels)) return false;
  if (!own && result && result->blocked && out_channels % kBlockChannels) return false;
  return !input || !input->blocked ||
         (a.padding[0] <= input->images.border_y && a.padding[1] <= input->images.border_x);
}

[[noreturn]] void decline() { throw PendingError(TW_DECLINE); }

// A convolution of float32 images, after the op's own checks.
void check_convolution(const Question& question, tw_meta* meta) {
  Layer layer;
  check(layer_of(question, meta, &layer));
  if (layer != Layer::kConvolution || meta->dtype != kFloat32 || meta->ndim != 4) decline();
}

tw_status TW_CALL prepare_images(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor** prepared) {
  if (nargs > op->spec->nargs || op->spec->nargs > kMostArguments) return TW_DECLINE;
  return guard([&] {
    const Question question(op, args, nargs);
    tw_meta meta{};
    check_convolution(question, &meta);
    if (!suits_blocks(question, nullptr, nullptr)) decline();
    *prepared = prepare_blocked_convolution(convolution_arguments(question.args), IntList(meta.shape, 4)).release();
  });
}

void run_convolution(const Question& question, const PreparedCall& prepared, const tw_images& input,
                     const tw_images& result) {
  tw_meta meta{};
  check_convolution(question, &meta);
  const ConvolutionArguments a = convolution_arguments(question.args);
  const IntList out_shape(meta.shape, 4);
  const auto from = image_memory(input, a.self.shape()), to = image_memory(result, out_shape);
  if (!from || !to || !suits_blocks(question, &*from, &*to)) decline();
  blocked_convolution(a, out_shape, prepared, *from, *to);
}

void run_max_pool(const Question& question, const tw_images& input, const tw_images& result) {
  const OpSpec& spec = *question.call.op->spec;
  tw_meta metas[kMaxResults];
  check(spec.infer(spec.self, &question.call, metas));
  const tw_value* args = question.args;
  const bool stated = args[2].tag != TW_NONE;
  if (!is_small_pair(args[1]) || (stated && !is_small_pair(args[2])) || !is_small_pair(args[3]) ||
      !is_small_pair(args[4]) || metas[0].ndim != 4)
    decline();
  const auto from = image_memory(input, From<TensorRef>::get(args[0]).shape()),
             to = image_memory(result, IntList(metas[0].shape, 4));
  if (!from || !to || !from->blocked || !to->blocked) decline();
  const IntList kernel = From<IntList>::get(args[1]);
  blocked_max_pool(
      {kernel, stated ? From<IntList>::get(args[2]) : kernel, From<IntList>::get(args[3]), From<IntList>::get(args[4])},
      metas[0].shape[0], *from, *to);
}

void run_move(const tw_images& input, const tw_images& result) {
  const IntList shape = TensorRef((input.blocked ? result : input).tensor).shape();
  const auto from = image_memory(input, shape), to = image_memory(result, shape);
  if (!from || !to || from->blocked == to->blocked) decline();
  move_images(shape[0], *from, *to);
}

tw_status TW_CALL run_images(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor* weight,
                             const tw_images* input, const tw_images* result, tw_part_fn follow, void* context) {
  if (op && (nargs > op->spec->nargs || op->spec->nargs > kMostArguments)) return TW_DECLINE;
  return guard([&] {
    if (!op) return run_move(*input, *result);
    const Question question(op, args, nargs);
    if (std::string_view(op->spec->name) == "tw::max_pool2d_with_indices")
      return run_max_pool(question, *input, *result);
    run_convolution(question, {TensorRef(weight), follow, context}, *input, *result);
  });
}

int32_t TW_CALL thread_count() { return threads::num_threads(); }

const tw_kernels_if kInterface = {sizeof(tw_kernels_if), 3,         nullptr,        find,       convert,     isa_name,
                                  prepare_layer,         run_layer, prepare_images, run_images, thread_count};

}  // namespace

void publish_kernels() { broker_publish("tw.kernels", 1, 3, &kInterface); }

}  // namespace tw::cpu
