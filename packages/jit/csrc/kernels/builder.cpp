#include "builder.h"

#include <algorithm>

#include "../native/lanes.h"

namespace tw::jit {
namespace {

constexpr uint32_t number_of(tw_dtype d) { return uint32_t{d.code} << 8 | d.bits; }

}  // namespace

ValueId TileBuilder::add(TileValue value) {
  group_.values.push_back(std::move(value));
  return static_cast<ValueId>(group_.values.size() - 1);
}

ValueId TileBuilder::constant(tw_dtype dtype, const unsigned char (&repeated)[64]) {
  TileValue value{TileValue::kConstant, true, dtype, 0, 0, {}, {}, {}};
  std::copy_n(repeated, sizeof repeated, value.constant.begin());
  for (ValueId other = 0; other < group_.values.size(); ++other) {
    const TileValue& known = group_.values[other];
    if (known.kind == TileValue::kConstant && known.dtype == dtype && known.constant == value.constant) return other;
  }
  return add(std::move(value));
}

ValueId TileBuilder::computed(tw_dtype dtype, bool row, int phase) {
  return add({TileValue::kComputed, row, dtype, phase, 0, {}, {}, {}});
}

std::optional<ValueId> TileBuilder::converted(ValueId value, tw_dtype dtype) {
  const TileValue from = group_.values[value];
  if (from.dtype == dtype) return value;
  const auto known = conversions_.find({value, number_of(dtype)});
  if (known != conversions_.end()) return known->second;
  TileStep step;
  step.convert = converter(from.dtype, dtype);
  if (!step.convert) return std::nullopt;
  step.row = from.row, step.phase = from.phase;
  step.in = {value};
  step.out = {computed(dtype, from.row, from.phase)};
  group_.steps.push_back(step);
  return conversions_[{value, number_of(dtype)}] = step.out[0];
}

std::vector<ValueId> TileBuilder::step(std::string_view op, const tw_block_kernel& kernel,
                                       const std::vector<ValueId>& operands, bool row) {
  TileStep step;
  const ExpressionEntry* expression = kernel.compute == kFloat32 ? expression_named(op) : nullptr;
  if (kernel.block) step.expression = expression;
  if (kernel.fold && expression && expression->combine != Combine::kNone && kernel.result[0] == kFloat32)
    step.folded = expression;
  step.block = kernel.block, step.fold = kernel.fold, step.combine = kernel.combine;
  step.row = row, step.in = operands;
  for (const ValueId operand : operands) step.phase = std::max(step.phase, group_.values[operand].phase);
  const bool folds = kernel.fold != nullptr;
  for (uint32_t r = 0; r < kernel.nresults; ++r)
    step.out.push_back(computed(kernel.result[r], row || folds, step.phase + folds));
  group_.steps.push_back(step);
  return step.out;
}

ValueId TileBuilder::call(const char* op, const std::vector<Argument>& args) {
  const tw_op* found = nullptr;
  check(g_host->op_find(op, 0, &found));
  std::vector<Tensor> tensors;
  std::vector<tw_value> values;
  std::vector<ValueId> operands;
  bool row = true;
  for (const Argument& arg : args) {
    if (arg.is_number()) {
      values.push_back(to_value(arg.number()));
      continue;
    }
    tensors.push_back(empty({2}, group_.values[arg.value()].dtype, {TW_DEVICE_META, 0}));
    values.push_back(to_value(static_cast<TensorRef>(tensors.back())));
    row &= group_.values[arg.value()].row;
  }
  const auto kernel = block_kernel(found, values.data(), static_cast<uint32_t>(values.size()));
  if (!kernel) throw Error(TW_E_UNSUPPORTED, std::string(op) + " has no kernel of its own");
  for (uint32_t k = 0; k < kernel->noperands; ++k)
    operands.push_back(kernel->argument[k] < 0 ? constant(kernel->operand[k], kernel->constant[k])
                                               : args[static_cast<size_t>(kernel->argument[k])].value());
  return step(op, *kernel, operands, row && !kernel->fold)[0];
}

}  // namespace tw::jit
