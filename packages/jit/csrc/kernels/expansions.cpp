#include "expansions.h"

#include <algorithm>

#include "../ir/registry.h"

namespace tw::jit {
namespace {

// float16 and bfloat16 rows are computed in float32.
tw_dtype computed_in(tw_dtype dtype) { return dtype == kFloat64 ? kFloat64 : kFloat32; }

// ---- softmax ----------------------------------------------------------------------------------------------------

uint64_t one_dim(const tw_value* args, uint32_t) {
  const int64_t ndim = std::max(args[0].u.t->dl.ndim, 1);
  const int64_t dim = args[1].u.i < 0 ? args[1].u.i + ndim : args[1].u.i;
  return uint64_t{1} << dim;
}

struct Exponentials {
  ValueId shifted, values, sum;
};

std::optional<Exponentials> exponentials(TileBuilder& build, const ExpansionCall& call) {
  const std::optional<ValueId> input = call.values[0];
  const auto x = input ? build.converted(*input, computed_in(call.dtypes[0])) : std::nullopt;
  if (!x) return std::nullopt;
  const ValueId shifted = build.call("tw::sub", {*x, build.call("tw::amax", {*x})});
  const ValueId values = build.call("tw::exp", {shifted});
  return Exponentials{shifted, values, build.call("tw::sum", {values})};
}

std::vector<ValueId> softmax(TileBuilder& build, const ExpansionCall& call) {
  const auto e = exponentials(build, call);
  if (!e) return {};
  return {build.call("tw::div", {e->values, e->sum})};
}

std::vector<ValueId> log_softmax(TileBuilder& build, const ExpansionCall& call) {
  const auto e = exponentials(build, call);
  if (!e) return {};
  return {build.call("tw::sub", {e->shifted, build.call("tw::log", {e->sum})})};
}

// ---- layer normalization ------------------------------------------------------------------------------------------

uint64_t last_dims(const tw_value* args, uint32_t) {
  const int32_t ndim = args[0].u.t->dl.ndim;
  const auto count = static_cast<int32_t>(args[1].aux);
  uint64_t dims = 0;
  for (int32_t d = std::max(ndim - count, 0); d < ndim; ++d) dims |= uint64_t{1} << d;
  return dims;
}

std::vector<ValueId> layer_norm(TileBuilder& build, const ExpansionCall& call) {
  const std::optional<ValueId> input = call.values[0];
  if (call.nargs < 5 || call.dtypes.size() != 3 || !input) return {};
  const tw_dtype dtype = computed_in(build[*input].dtype);
  const auto x = build.converted(*input, dtype);
  const auto n = static_cast<double>(call.length);
  if (!x) return {};
  const ValueId mean = build.call("tw::div", {build.call("tw::sum", {*x}), n});
  const ValueId centred = build.call("tw::sub", {*x, mean});
  const ValueId squares = build.call("tw::sum", {build.call("tw::mul", {centred, centred})});
  const ValueId variance = build.call("tw::add", {build.call("tw::div", {squares, n}), Scalar(call.args[4]).real()});
  const ValueId rstd = build.call("tw::reciprocal", {build.call("tw::sqrt", {variance})});
  ValueId y = build.call("tw::mul", {centred, rstd});
  for (const size_t k : {2, 3}) {  // weight, bias
    const std::optional<ValueId> given = call.values[k];
    if (!given) continue;
    const auto operand = build.converted(*given, dtype);
    if (!operand) return {};
    y = build.call(k == 2 ? "tw::mul" : "tw::add", {y, *operand});
  }
  return {y, mean, rstd};
}

constexpr Expansion kExpansions[] = {
    {"tw::softmax", one_dim, softmax},
    {"tw::log_softmax", one_dim, log_softmax},
    {"tw::native_layer_norm", last_dims, layer_norm},
};

}  // namespace

const Expansion* expansion_of(const tw_op* op) {
  const std::string& name = registry_op(op).name;
  for (const Expansion& expansion : kExpansions)
    if (name == expansion.op) return &expansion;
  return nullptr;
}

bool is_expanded(std::string_view op) {
  return std::any_of(std::begin(kExpansions), std::end(kExpansions), [&](const Expansion& e) { return op == e.op; });
}

bool is_cast(std::string_view op) { return op == "tw::_to_copy"; }
bool is_layer(std::string_view op) { return op == "tw::linear" || op == "tw::conv2d"; }
bool is_image_layer(std::string_view op) { return op == "tw::conv2d"; }
bool is_pool(std::string_view op) { return op == "tw::max_pool2d_with_indices"; }

}  // namespace tw::jit
