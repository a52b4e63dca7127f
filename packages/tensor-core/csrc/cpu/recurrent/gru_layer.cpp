// A layer of GRU over all times (Cho et al. 2014), as that of LSTM. The new gate multiplies what comes from the state,
// so both affine maps are kept apart.
#include "cpu/recurrent/recurrent_layer.h"
#include "declarations/recurrent_layer.h"

namespace tw::cpu {
namespace {

constexpr int64_t kGates = 3;

template <class T>
struct Gru {
  const LayerSteps& steps;
  int64_t size;
  const T *hidden, *bias, *input_sums;
  T *hidden_sums, *output;
  InputSums<T> inputs;
  PackedPanels<T> panels;

  void step(int64_t i, const Groups& g) const {
    static const GateKernel<T, 1, 7> gates("gru_gates");
    const int64_t rows = steps.rows(i), at = steps.first(i), row = kGates * size;
    inputs.prepare(i, g);
    const StatesBefore<T> states(steps, i, output, hidden, size);
    for (int64_t group = g.first; group < g.last; ++group)
      for (int64_t gate = 0; gate < kGates; ++gate) {
        const int64_t column = gate * size + group * panels.width();
        states.multiply(panels, gate, group,
                        {nullptr, 0, 0, bias ? bias + column : nullptr, 0, hidden_sums + at * row + column, row}, rows);
      }
    for (int64_t n = 0; n < rows; ++n) {
      const int64_t place = (at + n) * row + g.unit;
      const T *const x = input_sums + place, *const h = hidden_sums + place;
      gates(g.units, {output + (at + n) * size + g.unit},
            {x, x + size, x + 2 * size, h, h + size, h + 2 * size, states.row(n) + g.unit});
    }
  }
};

template <class T>
struct GruGradients {
  const LayerSteps& steps;
  int64_t size;
  const T *grad_output, *input_sums, *hidden_sums, *output, *hidden;
  T *to_input_sums, *to_hidden_sums, *to_hidden;
  PackedPanels<T> panels;

  // What a step hands back to the states before it, beside what the update gate has let through.
  void carry(int64_t i, const Groups& g) const {
    const int64_t row = kGates * size;
    for (int64_t group = g.first; group < g.last; ++group) {
      T* const to = to_hidden + group * panels.width();
      panels.multiply(0, group, {to_hidden_sums + steps.first(i) * row, row, steps.rows(i), to, size, to, size});
    }
  }

  void step(int64_t i, const Groups& g) const {
    static const GateKernel<T, 5, 8> gates("gru_gates_backward");
    const auto& add = isa_table<AdditionKernels<T>>().add_to;
    const int64_t rows = steps.rows(i), at = steps.first(i);
    const StatesBefore<T> states(steps, i, output, hidden, size);
    if (i + 1 < steps.count()) carry(i + 1, g);
    for (int64_t n = 0; n < rows; ++n) {
      T* const d = to_hidden + n * size + g.unit;
      const int64_t place = (at + n) * kGates * size + g.unit;
      const T *const x = input_sums + place, *const h = hidden_sums + place;
      T *const to_x = to_input_sums + place, *const to_h = to_hidden_sums + place;
      if (grad_output) add(g.units, grad_output + (at + n) * size + g.unit, d);
      gates(g.units, {to_x, to_x + size, to_x + 2 * size, to_h + 2 * size, d},
            {d, x, x + size, x + 2 * size, h, h + size, h + 2 * size, states.row(n) + g.unit});
      std::copy_n(to_x, g.units, to_h);  // the reset and the update gate add both maps
      std::copy_n(to_x + size, g.units, to_h + size);
    }
  }
};

}  // namespace

void gru_layer(TensorRef self, TensorRef hidden, TensorRef input_weight, TensorRef hidden_weight, TensorRef input_bias,
               TensorRef hidden_bias, IntList batch_sizes, bool reverse, TensorRef output, TensorRef last_hidden,
               TensorRef input_sums, TensorRef hidden_sums) {
  const tw_dtype dtype = self.dtype();
  const Tensor h = dense(hidden, dtype), weight = dense(hidden_weight, dtype),
               bias = dense_optional(hidden_bias, dtype), from_input = dense(input_weight, dtype);
  const LayerSteps steps(self, batch_sizes, reverse);
  visit_floating("gru_layer", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = h.size(1);
    const Gru<T> layer{steps,
                       size,
                       h.data<T>(),
                       bias ? bias.data<T>() : nullptr,
                       input_sums.data<T>(),
                       hidden_sums.data<T>(),
                       output.data<T>(),
                       InputSums<T>(steps, self, from_input, input_bias, kGates, input_sums),
                       PackedPanels<T>({weight.data<T>(), 1, size}, size, size, kGates)};
    run_steps(steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); });
  });
  copy_last(steps, output, h, last_hidden);
}

void gru_layer_backward(TensorRef grad_output, TensorRef grad_hidden, TensorRef input_sums, TensorRef hidden_sums,
                        TensorRef output, TensorRef hidden, TensorRef hidden_weight, IntList batch_sizes, bool reverse,
                        TensorRef to_input_sums, TensorRef to_hidden_sums, TensorRef to_hidden) {
  const tw_dtype dtype = output.dtype();
  const Tensor grads = dense_optional(grad_output, dtype), x = dense(input_sums, dtype), y = dense(hidden_sums, dtype),
               all = dense(output), h = dense(hidden, dtype), weight = dense(hidden_weight, dtype);
  const LayerSteps steps(output, batch_sizes, reverse);
  start_gradient(grad_hidden, to_hidden);
  visit_floating("gru_layer_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = h.size(1);
    const GruGradients<T> layer{steps,
                                size,
                                grads ? grads.data<T>() : nullptr,
                                x.data<T>(),
                                y.data<T>(),
                                all.data<T>(),
                                h.data<T>(),
                                to_input_sums.data<T>(),
                                to_hidden_sums.data<T>(),
                                to_hidden.data<T>(),
                                PackedPanels<T>({weight.data<T>(), size, 1}, kGates * size, size, 1)};
    run_steps_back(
        steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); },
        [&](int64_t i, const Groups& g) { layer.carry(i, g); });
  });
}

}  // namespace tw::cpu
