#include "cpu/bind.h"

#include <algorithm>
#include <cstring>

#include "cpu/isa.h"
#include "runtime/text.h"

namespace tw::cpu {

namespace {

BoundPointwise* bind_pointwise(const OpSpec& spec, const KernelTable& table) {
  auto* bound = new BoundPointwise{static_cast<const PointwiseOp*>(spec.self), &spec, false, false, {}};
  const PointwiseOp& op = *bound->op;
  bound->quick = op.accepts_uniform && !op.bool_operands && op.rule != DtypeRule::kRule;
  bound->floats_only = bound->op->rule == DtypeRule::kFloat;
  for (int i = 0; i < table.pointwise_count; ++i) {
    const PointwiseEntry& entry = table.pointwise[i];
    if (!std::strcmp(entry.op, bound->op->name)) bound->kernels[static_cast<int>(entry.type)] = entry.kernel;
  }
  return bound;
}

BoundReduction* bind_reduction(const OpSpec& spec, const KernelTable& table) {
  auto* bound = new BoundReduction{static_cast<const ReductionOp*>(spec.self), &spec, {}};
  for (int i = 0; i < table.reduction_count; ++i) {
    const ReductionEntry& entry = table.reductions[i];
    if (!std::strcmp(entry.op, bound->op->name))
      bound->kernels[static_cast<int>(entry.type)] = {entry.row, entry.cols, entry.combine, entry.short_rows};
  }
  return bound;
}

}  // namespace

void bind_kernels(const OpSpec& spec, KernelRecord* record) {
  const KernelTable& table = kernel_table(isa());
  if (spec.kernel == pointwise_run) record->self = bind_pointwise(spec, table);
  if (spec.kernel == reduction_run) record->self = bind_reduction(spec, table);
}

PointwiseKernel pointwise_kernel(const char* op, ComputeType type) {
  const KernelTable& table = kernel_table(isa());
  const auto* const end = table.pointwise + table.pointwise_count;
  const auto* const found = std::find_if(table.pointwise, end, [&](const PointwiseEntry& entry) {
    return entry.type == type && !std::strcmp(entry.op, op);
  });
  if (found == end) throw fail(TW_E_ABI, "there is no kernel of ", op);
  return found->kernel;
}

int compute_type(tw_dtype dtype, uint32_t available) {
  const auto has = [&](ComputeType t) { return (available >> static_cast<int>(t) & 1) != 0; };
  const auto first = [&](std::initializer_list<ComputeType> candidates) {
    for (ComputeType t : candidates)
      if (has(t)) return static_cast<int>(t);
    return -1;
  };
  switch (dtype_id(dtype)) {
    case DtypeId::kBool:
      return first({ComputeType::kB8, ComputeType::kI32, ComputeType::kI64});
    case DtypeId::kUInt8:
    case DtypeId::kUInt16:
    case DtypeId::kInt8:
    case DtypeId::kInt16:
    case DtypeId::kInt32:
      return first({ComputeType::kI32, ComputeType::kI64});
    case DtypeId::kUInt32:
    case DtypeId::kInt64:
      return first({ComputeType::kI64});
    case DtypeId::kUInt64:
      return first({ComputeType::kU64});
    case DtypeId::kFloat16:
    case DtypeId::kBFloat16:
    case DtypeId::kFloat32:
      return first({ComputeType::kF32});
    case DtypeId::kFloat64:
      return first({ComputeType::kF64});
    case DtypeId::kComplex64:
      return first({ComputeType::kC32});
    case DtypeId::kComplex128:
      return first({ComputeType::kC64});
    default:
      return -1;
  }
}

}  // namespace tw::cpu
