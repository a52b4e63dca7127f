// A layer of an Elman network over all times (Elman 1990): sums become outputs where they lie.
#include "cpu/recurrent/recurrent_layer.h"
#include "declarations/recurrent_layer.h"

namespace tw::cpu {
namespace {

template <class T>
struct Rnn {
  const LayerSteps& steps;
  int64_t size;
  const T* hidden;
  T* output;
  InputSums<T> inputs;
  PackedPanels<T> panels;
  GateKernel<T, 1, 1> activation;

  void step(int64_t i, const Groups& g) const {
    const int64_t rows = steps.rows(i), at = steps.first(i);
    inputs.prepare(i, g);
    const StatesBefore<T> states(steps, i, output, hidden, size);
    for (int64_t group = g.first; group < g.last; ++group) {
      T* const to = output + at * size + group * panels.width();
      states.multiply(panels, 0, group, {nullptr, 0, 0, to, size, to, size}, rows);
    }
    for (int64_t n = 0; n < rows; ++n) {
      T* const to = output + (at + n) * size + g.unit;
      activation(g.units, {to}, {to});
    }
  }
};

template <class T>
struct RnnGradients {
  const LayerSteps& steps;
  int64_t size;
  const T *grad_output, *output;
  T *to_sums, *to_hidden;
  PackedPanels<T> panels;
  GateKernel<T, 1, 2> gradient;

  // What a step hands back to the states before it.
  void carry(int64_t i, const Groups& g) const {
    for (int64_t group = g.first; group < g.last; ++group)
      panels.multiply(
          0, group,
          {to_sums + steps.first(i) * size, size, steps.rows(i), nullptr, 0, to_hidden + group * panels.width(), size});
  }

  void step(int64_t i, const Groups& g) const {
    const auto& add = isa_table<AdditionKernels<T>>().add_to;
    const int64_t rows = steps.rows(i), at = steps.first(i);
    if (i + 1 < steps.count()) carry(i + 1, g);
    for (int64_t n = 0; n < rows; ++n) {
      T* const d = to_hidden + n * size + g.unit;
      const int64_t place = (at + n) * size + g.unit;
      if (grad_output) add(g.units, grad_output + place, d);
      gradient(g.units, {to_sums + place}, {d, output + place});
    }
  }
};

}  // namespace

void rnn_layer(TensorRef self, TensorRef hidden, TensorRef input_weight, TensorRef hidden_weight, TensorRef bias,
               bool relu, IntList batch_sizes, bool reverse, TensorRef output, TensorRef last_hidden) {
  const tw_dtype dtype = self.dtype();
  const Tensor h = dense(hidden, dtype), weight = dense(hidden_weight, dtype), from_input = dense(input_weight, dtype);
  const LayerSteps steps(self, batch_sizes, reverse);
  visit_floating("rnn_layer", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = h.size(1);
    const Rnn<T> layer{steps,
                       size,
                       h.data<T>(),
                       output.data<T>(),
                       InputSums<T>(steps, self, from_input, bias, 1, output),
                       PackedPanels<T>({weight.data<T>(), 1, size}, size, size, 1),
                       GateKernel<T, 1, 1>(relu ? "relu" : "tanh")};
    run_steps(steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); });
  });
  copy_last(steps, output, h, last_hidden);
}

void rnn_layer_backward(TensorRef grad_output, TensorRef grad_hidden, TensorRef output, TensorRef hidden_weight,
                        bool relu, IntList batch_sizes, bool reverse, TensorRef grad_sums, TensorRef to_hidden) {
  const tw_dtype dtype = output.dtype();
  const Tensor grads = dense_optional(grad_output, dtype), all = dense(output), weight = dense(hidden_weight, dtype);
  const LayerSteps steps(output, batch_sizes, reverse);
  start_gradient(grad_hidden, to_hidden);
  visit_floating("rnn_layer_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = all.size(-1);
    const RnnGradients<T> layer{steps,
                                size,
                                grads ? grads.data<T>() : nullptr,
                                all.data<T>(),
                                grad_sums.data<T>(),
                                to_hidden.data<T>(),
                                PackedPanels<T>({weight.data<T>(), size, 1}, size, size, 1),
                                GateKernel<T, 1, 2>(relu ? "relu_backward" : "tanh_backward")};
    run_steps_back(
        steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); },
        [&](int64_t i, const Groups& g) { layer.carry(i, g); });
  });
}

}  // namespace tw::cpu
