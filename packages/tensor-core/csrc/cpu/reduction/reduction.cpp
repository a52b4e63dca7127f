// Driver of the generated reduction kernels.
#include "cpu/reduction/reduction.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "cpu/copies/copy.h"
#include "cpu/isa_kernels.h"
#include "dispatch/registry.h"
#include "runtime/error.h"
#include "threads/pool.h"

namespace tw::cpu {

namespace {

constexpr int64_t kGrain = 32768;        // elements of one chunk of a parallel loop
constexpr int64_t kWideEnough = 8;       // columns from which on the vertical kernel pays
constexpr int64_t kShortRow = 32;        // elements of a row that the vertical kernel, after packing, takes faster
constexpr int64_t kTinyRow = 12;         // the same where there is a kernel for many rows as they lie
constexpr int64_t kFewestColumns = 256;  // of one unit of work: shorter rows waste memory bandwidth

// The operands' common space, of all dimensions.
Space operand_space(const tw_call* call, const ReductionOp& op) {
  const tw_dl& self = call->args[op.operand_args[0]].u.t->dl;
  Space space(self.shape, self.ndim);
  for (int k = 0; k < op.operand_count; ++k) space.add(call->args[op.operand_args[k]]);
  return space;
}

// The dimensions of `all` whose bit in `dims` equals `wanted`.
Space part_of(const Space& all, uint64_t dims, bool wanted) {
  Space part(nullptr, 0);
  part.streams = all.streams;
  for (int d = 0; d < all.ndim; ++d) {
    if (static_cast<bool>(dims >> d & 1) != wanted) continue;
    part.shape[part.ndim] = all.shape[d];
    part.numel *= all.shape[d];
    for (int s = 0; s < all.streams; ++s) part.strides[s][part.ndim] = all.strides[s][d];
    ++part.ndim;
  }
  return part;
}

tw_status plan_operands(const BoundReduction& bound, const tw_call* call, ComputeType type, ReductionPlan& plan) {
  const DtypeId to = kComputeDtype[static_cast<int>(type)];
  for (int k = 0; k < plan.operands; ++k) {
    const tw_value& v = call->args[bound.op->operand_args[k]];
    plan.operand[k].data = nullptr;
    if (v.tag != TW_TENSOR) {
      if (const tw_status status = scalar_splat(*bound.spec, v, type, &plan.constants[k])) return status;
      continue;
    }
    const DtypeId from = dtype_id(v.u.t->dl.dtype);
    plan.operand[k] = {static_cast<const char*>(v.u.t->dl.data), cast_function(from, to), from == to};
  }
  return TW_OK;
}

bool by_columns(const ReductionPlan& plan) {
  const int last = plan.kept.ndim - 1;
  if (last < 0 || plan.kept.shape[last] < kWideEnough || plan.reduced.ndim == 0) return false;
  const int64_t across = std::abs(plan.kept.strides[0][last]),
                along = std::abs(plan.reduced.strides[0][plan.reduced.ndim - 1]);
  // Rows of a few elements take longer to begin and end than to add up.
  const bool direct = plan.kernels.short_rows && plan.operand[0].plain && plan.reduced.run_stride(0) == plan.item;
  return across < along || plan.reduced.numel <= (direct ? kTinyRow : kShortRow);
}

// Long rows of 16-bit floats that are summed are widened on the way; short ones are packed many at a time.
void sum_halves_as_they_lie(const BoundReduction& bound, ComputeType type, tw_dtype from, ReductionPlan& plan) {
  constexpr int64_t kLong = 512, kHalf = 2;
  const DtypeId id = dtype_id(from);
  if (type != ComputeType::kF32 || (id != DtypeId::kFloat16 && id != DtypeId::kBFloat16)) return;
  const bool sums = std::string_view(bound.op->name) == "sum";
  if (!sums || plan.reduced.numel < kLong || plan.reduced.run_stride(0) != kHalf) return;
  const auto& kernels = isa_table<HalfSumKernels>();
  plan.kernels.row = id == DtypeId::kFloat16 ? kernels.float16 : kernels.bfloat16;
  plan.kernels.short_rows = nullptr;
  plan.item = kHalf;
  plan.operand[0].plain = true;
}

using Reduce = void (*)(const ReductionPlan&, int64_t, int64_t, int64_t, char*);

// Folds everything: results[i], for i in the order of the kept space, contiguous.
tw_status fold_all(const ReductionPlan& plan, char* results) {
  const bool columns = by_columns(plan);
  const Reduce reduce = columns ? reduce_columns : reduce_rows;
  const int64_t count = plan.kept.numel, groups = plan.groups(), item = plan.result_item;
  const int64_t share = std::max(columns ? kFewestColumns : 1, kGrain / std::min(plan.reduced.numel, kGroup));
  if (groups == 1)
    return threads::parallel_for(0, count, share,
                                 [&](int64_t b, int64_t e) { reduce(plan, b, e - b, 0, results + b * item); });
  // Every group leaves its own row of partial results; the rows then combine as the blocks of a group did.
  std::vector<char> partial(groups * count * item);
  const int64_t strips = (count - 1) / share + 1;
  tw_status status = threads::parallel_for(0, groups * strips, 1, [&](int64_t unit, int64_t) {
    const int64_t group = unit / strips, first = unit % strips * share;
    reduce(plan, first, std::min(share, count - first), group, partial.data() + (group * count + first) * item);
  });
  if (status != TW_OK) return status;
  std::vector<char> memory(counter_depth(groups) * count * item);
  PartialCounter counter(plan.kernels.combine, count, item, memory.data());
  for (int64_t g = 0; g < groups; ++g) {
    std::copy_n(partial.data() + g * count * item, count * item, counter.next());
    counter.push();
  }
  std::copy_n(counter.finish(), count * item, results);
  return TW_OK;
}

// The result with its folded dimensions left out, in the order of the operands' dimensions.
Space result_space(const tw_tensor* out, const Space& all, uint64_t dims) {
  Space kept = part_of(all, dims, false);
  const bool keepdim = out->dl.ndim == all.ndim;
  const int64_t item = item_size(out->dl.dtype);
  int64_t* steps = kept.strides[kept.streams++];
  for (int d = 0, i = 0; d < all.ndim; ++d) {
    const bool folded = dims >> d & 1;
    if (!folded) steps[i] = out->dl.strides[keepdim ? d : i] * item, ++i;
  }
  return kept;
}

// Stores results that lie in the kept space's order.
void store_results(const ReductionPlan& plan, const tw_tensor* out, DtypeId from, const char* results) {
  const CastFn cast = cast_function(from, dtype_id(out->dl.dtype));
  const int stream = plan.kept.streams - 1;
  char* to = static_cast<char*>(out->dl.data);
  const int64_t step = plan.kept.last_stride(stream);
  int64_t left = plan.kept.numel;
  for (Walker walk(plan.kept, 0); left > 0;) {
    const int64_t run = std::min(left, walk.left_in_run());
    cast(run, results, plan.result_item, to + walk.offset(stream), step);
    results += run * plan.result_item;
    left -= run;
    walk.advance(run);
  }
}

void fill_identity(const ReductionOp& op, tw_tensor* out) {
  alignas(16) char bytes[16];
  cast_function(DtypeId::kFloat64, dtype_id(out->dl.dtype))(1, reinterpret_cast<const char*>(&op.identity), 0, bytes,
                                                            16);
  fill_elements(out, bytes);
}

tw_status reduce(const BoundReduction& bound, tw_call* call, ComputeType type, uint64_t dims) {
  tw_tensor* out = call->rets[0].u.t;
  const Space all = operand_space(call, *bound.op);
  ReductionPlan plan{bound.kernels[static_cast<int>(type)],
                     bound.op->operand_count,
                     kComputeSize[static_cast<int>(type)],
                     0,
                     {},
                     {},
                     part_of(all, dims, true),
                     result_space(out, all, dims)};
  const bool is_truth = bound.op->dtype == ReductionDtype::kBool;
  const DtypeId result = is_truth ? DtypeId::kBool : kComputeDtype[static_cast<int>(type)];
  plan.result_item = is_truth ? 1 : plan.item;
  if (plan.reduced.numel == 0) {
    fill_identity(*bound.op, out);
    return TW_OK;
  }
  if (const tw_status status = plan_operands(bound, call, type, plan)) return status;
  plan.reduced.coalesce();
  plan.kept.reorder_by_first();
  const tw_value& self = call->args[bound.op->operand_args[0]];
  if (self.tag == TW_TENSOR && !by_columns(plan)) sum_halves_as_they_lie(bound, type, self.u.t->dl.dtype, plan);
  const int stream = plan.kept.streams - 1;
  const bool in_order = plan.kept.numel == 1 || plan.kept.run_stride(stream) == plan.result_item;
  if (in_order && dtype_id(out->dl.dtype) == result) return fold_all(plan, static_cast<char*>(out->dl.data));
  std::vector<char> results(plan.kept.numel * plan.result_item);
  if (const tw_status status = fold_all(plan, results.data())) return status;
  store_results(plan, out, result, results.data());
  return TW_OK;
}

// The most common small case: everything of one contiguous tensor of the kernel's type, in one block of the tree.
bool reduce_one_block(const BoundReduction& bound, const tw_call* call) {
  const tw_value& v = call->args[bound.op->operand_args[0]];
  const tw_tensor* out = call->rets[0].u.t;
  if (bound.op->operand_count != 1 || v.tag != TW_TENSOR || out->numel != 1) return false;
  const tw_tensor* t = v.u.t;
  const int type = compute_type(t->dl.dtype, bound.op->compute_types);
  if (type < 0 || kComputeDtype[type] != dtype_id(t->dl.dtype) || !bound.kernels[type].row) return false;
  const bool is_truth = bound.op->dtype == ReductionDtype::kBool;
  if (!is_truth && out->dl.dtype != t->dl.dtype) return false;
  if (!(t->flags & TW_F_CONTIGUOUS) || t->numel == 0 || t->numel > kReductionBlock) return false;
  const void* in[] = {t->dl.data};
  const uint8_t step[] = {1};
  bound.kernels[type].row(t->numel, in, step, out->dl.data);
  return true;
}

}  // namespace

tw_status reduction_run(void* self, tw_call* call) {
  const BoundReduction& bound = *static_cast<const BoundReduction*>(self);
  const ReductionOp& op = *bound.op;
  if (call->rets[0].u.t->numel == 0 || reduce_one_block(bound, call)) return TW_OK;
  tw_meta meta;
  if (const tw_status status = bound.spec->infer(bound.spec->self, call, &meta)) return status;
  const tw_dtype computed =
      op.dtype == ReductionDtype::kBool ? call->args[op.operand_args[0]].u.t->dl.dtype : meta.dtype;
  const int type = compute_type(computed, op.compute_types);
  if (type < 0 || !bound.kernels[type].row)
    return set_error_text(TW_E_TYPE, display_name(*bound.spec), ": ", computed, " is not supported");
  uint64_t dims;
  if (const tw_status status = reduced_dims(call, op, &dims)) return status;
  return guard([&] { check(reduce(bound, call, static_cast<ComputeType>(type), dims)); });
}

}  // namespace tw::cpu
