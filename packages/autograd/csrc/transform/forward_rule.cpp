// Rules, from the cheapest: an op that is linear in its tensors is applied to their tangents, a product to the tangent
// of each factor; a pointwise op's formula for the backward pass is its diagonal Jacobian; every other derivative is
// transposed by differentiating the backward formula, which is linear in its gradient, once more (Townsend, "A new
// trick for calculating Jacobian vector products", 2017).
#include "forward_rule.h"

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "../engine.h"
#include "../meta.h"
#include "../op_node.h"
#include "../tensor_ops.h"
#include "../text.h"
#include "wrapped.h"

namespace tw::autograd {
namespace {

using Tangents = std::vector<std::vector<Tensor>>;

bool is_linear(const OpTraits& op) { return op.view || (op.derivative && (op.derivative->flags & kLinear)); }

Tensor plus(Tensor sum, Tensor term) {
  if (!sum) return term;
  return term ? ops::add(sum, term) : sum;
}

// ---- linear in all differentiable arguments together

bool is_differentiable_argument(const OpTraits& op, uint32_t arg) {
  if (!op.derivative) return true;
  const InputRule* inputs = op.derivative->inputs;
  return std::any_of(inputs, inputs + op.derivative->input_count,
                     [&](const InputRule& input) { return input.arg == arg; });
}

// The arguments to differentiate by, replaced by their tangents: zeros where they have none, also for numbers.
bool replace_by_tangents(const ForwardCall& call, Arguments& args) {
  bool any = false;
  std::vector<size_t> place(call.tangents.size());
  args.replace([&](TensorRef t, uint32_t i) {
    const Tensor& tangent = call.tangents[i][place[i]++];
    if (!is_differentiable_argument(call.op, i)) return Tensor::retain(t);
    any |= static_cast<bool>(tangent);
    return tangent ? tangent : zeros(t.shape(), t.dtype(), t.device());
  });
  for (uint32_t i = 0; call.op.derivative && i < args.size(); ++i) {
    const uint32_t tag = args[i].tag;
    const bool is_number = tag == TW_BOOL || tag == TW_INT || tag == TW_UINT || tag == TW_FLOAT || tag == TW_COMPLEX;
    if (is_number && is_differentiable_argument(call.op, i)) args.set(i, to_value(int64_t{0}));
  }
  return any;
}

bool apply_to_tangents(const ForwardCall& call, Tangents& out) {
  if (!is_linear(call.op)) return false;
  tw_call shape{};
  shape.args = call.args.data(), shape.nargs = call.args.size();
  Arguments args(shape);
  if (!replace_by_tangents(call, args)) return true;
  Results results(call.results.size());
  results.call(call.op.op, args);
  for (uint32_t i = 0; i < results.size(); ++i) {
    tw_value value = results.take(i);
    if (value.tag == TW_TENSORS)
      out[i] = take_tensors(&value);
    else if (value.tag == TW_TENSOR)
      out[i].push_back(Tensor::steal(value.u.t));
  }
  return true;
}

// ---- linear in each factor by itself

// The op with one factor replaced by its tangent. What is added to the product is replaced by its own tangent in the
// first term, and left out of the others.
Tensor product_term(const ForwardCall& call, uint32_t factor, bool is_first) {
  tw_call shape{};
  shape.args = call.args.data(), shape.nargs = call.args.size();
  Arguments args(shape);
  const Derivative& derivative = *call.op.derivative;
  for (uint32_t input = 0; input < derivative.input_count; ++input) {
    const uint32_t arg = derivative.inputs[input].arg;
    if (args[arg].tag != TW_TENSOR || (derivative.inputs[input].factor && arg != factor)) continue;
    const Tensor& tangent = call.tangents[arg][0];
    if (tangent && (arg == factor || is_first))
      args.set(arg, tangent);
    else if (call.op.arguments[arg].type == "Tensor?")
      args.set(arg, value_none());
    else
      args.set(arg, zeros(args.tensor(arg).shape(), args.tensor(arg).dtype(), args.tensor(arg).device()));
  }
  Results results(1);
  results.call(call.op.op, args);
  return results.take_tensor(0);
}

// A pointwise op may depend on its other arguments in any way.
bool is_sum_of_products(const OpTraits& op) {
  const InputRule* inputs = op.derivative->inputs;
  return !op.pointwise ||
         std::all_of(inputs, inputs + op.derivative->input_count, [](const InputRule& input) { return input.factor; });
}

bool apply_product(const ForwardCall& call, Tangents& out) {
  const Derivative* derivative = call.op.derivative;
  if (!derivative || !is_sum_of_products(call.op)) return false;
  int32_t first = -1;
  bool is_first = true;
  Tensor sum;
  for (uint32_t input = 0; input < derivative->input_count; ++input) {
    if (!derivative->inputs[input].factor) continue;
    const uint32_t arg = derivative->inputs[input].arg;
    if (first < 0) first = static_cast<int32_t>(arg);
    if (call.tangents[arg].empty() || !call.tangents[arg][0]) continue;
    sum = plus(std::move(sum), product_term(call, arg, is_first));
    is_first = false;
  }
  if (first < 0) return false;
  if (!sum) sum = product_term(call, static_cast<uint32_t>(first), true);  // only what is added has a tangent
  out[0].push_back(std::move(sum));
  return true;
}

// ---- pointwise

// A node whose formula is run by hand; it asks for the gradient of one input.
class Probe final : public Node {
 public:
  Probe() : Node(0) {}
  const char* name() const override { return "Probe"; }
  void apply(Tensor*, Tensor*, const PassOptions&) override {}
};

Tensor expanded(TensorRef t, IntList shape) {
  return same_shape(t.shape(), shape) ? Tensor::retain(t) : ops::expand(t, shape);
}

// The formula for input `input`, on arguments of the result's shape, with the tangent for its gradient.
Tensor diagonal_product(const Derivative& derivative, tw_call& call, uint32_t input, Tensor tangent) {
  OpNode* node = OpNode::make(derivative, call);
  const NodeRef owned = NodeRef::steal(node);
  node->set_edge(input, {NodeRef::steal(make_node<Probe>(0, 0)), 0});
  const uint64_t needed = uint64_t{1} << input;
  node->save_arguments(call, needed, nullptr);
  node->save_results(call, needed, false);
  std::vector<Tensor> gradients(node->edge_count());
  PassOptions options;
  options.keep_graph = options.create_graph = true;
  node->apply(&tangent, gradients.data(), options);
  return std::move(gradients[input]);
}

bool apply_pointwise(const ForwardCall& call, Tangents& out) {
  const Derivative* derivative = call.op.derivative;
  if (!call.op.pointwise || !derivative || call.results.size() != 1 || call.results[0].tag != TW_TENSOR) return false;
  const TensorRef result = call.results[0].u.t;
  if (!is_floating(result.dtype())) return is_complex(result.dtype()) ? false : true;
  tw_call expanded_call{};
  expanded_call.args = call.args.data(), expanded_call.nargs = call.args.size();
  Arguments args(expanded_call);
  bool is_real = true;
  args.replace([&](TensorRef t, uint32_t) {
    is_real = is_real && !is_complex(t.dtype());
    return expanded(t, result.shape());
  });
  if (!is_real) return false;
  expanded_call.args = args.data();
  tw_value ret = call.results[0];
  expanded_call.rets = &ret, expanded_call.nrets = 1;
  expanded_call.op = call.op.op;
  Tensor sum;
  for (uint32_t input = 0; input < derivative->input_count; ++input) {
    const uint32_t arg = derivative->inputs[input].arg;
    if (call.tangents[arg].empty() || !call.tangents[arg][0]) continue;
    Tensor tangent = cast(expanded(call.tangents[arg][0], result.shape()), result.dtype());
    sum = plus(std::move(sum), diagonal_product(*derivative, expanded_call, input, std::move(tangent)));
  }
  if (sum) out[0].push_back(cast(sum, result.dtype()));
  return true;
}

// ---- every other op

bool is_differentiable(TensorRef t) { return is_floating(t.dtype()) || is_complex(t.dtype()); }

// All tensors of a result, in order.
std::vector<Tensor> tensors_in(const tw_value& value) {
  std::vector<Tensor> found;
  if (value.tag == TW_TENSOR) found.push_back(Tensor::retain(value.u.t));
  if (value.tag == TW_TENSORS)
    for (tw_tensor* t : From<TensorList>::get(value)) found.push_back(t ? Tensor::retain(t) : Tensor());
  return found;
}

Tensor value_at(const LevelRef& level, Tensor t) {
  const Wrapped* wrapped = t ? wrapped_for(t.get(), *level) : nullptr;
  return wrapped ? Tensor(wrapped->value) : t;
}

Tensor recorded(const LevelRef& level, Tensor value) {
  Tensor wrapper = wrap(level, std::move(value));
  set_requires_grad(wrapper.get(), true);
  return wrapper;
}

// The inputs with tangents and the results, recorded for a level of their own.
struct Recording {
  std::vector<Tensor> inputs, tangents;
  std::vector<std::pair<uint32_t, uint32_t>> places;  // of the outputs: result, place in it
  std::vector<Tensor> outputs, seeds;
};

void record_inputs(const LevelRef& level, const ForwardCall& call, Arguments& args, Recording& recording) {
  std::vector<size_t> place(call.tangents.size());
  args.replace([&](TensorRef t, uint32_t i) {
    const Tensor& tangent = call.tangents[i][place[i]++];
    if (!tangent || !is_differentiable(t)) return Tensor::retain(t);
    recording.inputs.push_back(recorded(level, Tensor::retain(t)));
    recording.tangents.push_back(tangent);
    return recording.inputs.back();
  });
}

void record_outputs(const LevelRef& level, Results& results, Recording& recording) {
  for (uint32_t i = 0; i < results.size(); ++i) {
    uint32_t place = 0;
    for (Tensor& t : tensors_in(results[i])) {
      if (t && is_differentiable(t) && requires_grad(t.get())) {
        recording.places.push_back({i, place});
        recording.seeds.push_back(recorded(level, zeros(t.shape(), t.dtype(), t.device())));
        recording.outputs.push_back(std::move(t));
      }
      ++place;
    }
  }
}

std::vector<TensorRef> refs(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }

std::vector<Tensor> gradients(const std::vector<Tensor>& roots, const std::vector<Tensor>& seeds,
                              const std::vector<Tensor>& inputs, bool create_graph) {
  PassRequest request;
  request.caller = "jvp";
  request.roots = refs(roots), request.seeds = refs(seeds), request.inputs = refs(inputs);
  request.options.keep_graph = request.options.create_graph = create_graph;
  return run_grad(request);
}

void transpose_backward(const ForwardCall& call, Tangents& out) {
  const LevelScope scope(LevelKind::kGrad);
  const LevelRef& level = scope.level();
  tw_call shape{};
  shape.args = call.args.data(), shape.nargs = call.args.size();
  Arguments args(shape);
  Recording recording;
  record_inputs(level, call, args, recording);
  Results results(call.results.size());
  results.call(call.op.op, args);
  record_outputs(level, results, recording);
  if (recording.outputs.empty()) return;
  std::vector<Tensor> found = gradients(recording.outputs, recording.seeds, recording.inputs, true);
  std::vector<Tensor> backward, tangents;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i] || !requires_grad(found[i].get())) continue;
    backward.push_back(std::move(found[i]));
    tangents.push_back(cast(recording.tangents[i], backward.back().dtype()));
  }
  if (backward.empty()) return;
  const bool recorded_outside = !(level->outside[1] & kLayerBit);
  std::vector<Tensor> products = gradients(backward, tangents, recording.seeds, recorded_outside);
  for (size_t i = 0; i < products.size(); ++i) {
    auto& slot = out[recording.places[i].first];
    slot.resize(std::max<size_t>(slot.size(), recording.places[i].second + 1));
    slot[recording.places[i].second] = value_at(level, std::move(products[i]));
  }
}

bool shares_memory(const Tangents& tangents, TensorRef t) {
  for (const auto& list : tangents)
    for (const Tensor& other : list)
      if (other && (other.get() == t.get() || share_storage(other.get(), t.get()))) return true;
  return false;
}

// A formula may give its gradient back as it is. But a write into the result must not reach the tangents of others.
void part(const ForwardCall& call, Tangents& out) {
  if (call.op.view) return;
  for (auto& list : out)
    for (Tensor& t : list) {
      if (!t) continue;
      Tensor found = std::exchange(t, Tensor());
      const bool shared = shares_memory(call.tangents, found) || shares_memory(out, found);
      t = shared ? ops::clone(found) : std::move(found);
    }
}

}  // namespace

Tangents forward_tangents(const ForwardCall& call) {
  Tangents out(call.results.size());
  if (call.op.derivative && (call.op.derivative->flags & (kNoDerivative | kDetaches))) return out;
  if (!apply_to_tangents(call, out) && !apply_product(call, out) && !apply_pointwise(call, out))
    transpose_backward(call, out);
  part(call, out);
  return out;
}

}  // namespace tw::autograd
