// A layer of LSTM over all times (Hochreiter and Schmidhuber 1997): the affine maps of all inputs are one product; the
// weight of the state is packed once, and the gates follow while a step's sums are in the cache.
#include "cpu/recurrent/recurrent_layer.h"
#include "declarations/recurrent_layer.h"

namespace tw::cpu {
namespace {

constexpr int64_t kGates = 4;

template <class T>
struct Lstm {
  const LayerSteps& steps;
  int64_t size;
  const T *hidden, *cell;
  T *output, *sums, *cells;
  InputSums<T> inputs;
  PackedPanels<T> panels;

  void step(int64_t i, const Groups& g) const {
    static const GateKernel<T, 2, 5> gates("lstm_gates");
    const int64_t rows = steps.rows(i), at = steps.first(i), row = kGates * size;
    inputs.prepare(i, g);
    const StatesBefore<T> hiddens(steps, i, output, hidden, size), states(steps, i, cells, cell, size);
    for (int64_t group = g.first; group < g.last; ++group)
      for (int64_t gate = 0; gate < kGates; ++gate) {
        T* const to = sums + at * row + gate * size + group * panels.width();
        hiddens.multiply(panels, gate, group, {nullptr, 0, 0, to, row, to, row}, rows);
      }
    for (int64_t n = 0; n < rows; ++n) {
      const T* const s = sums + (at + n) * row + g.unit;
      const int64_t place = (at + n) * size + g.unit;
      gates(g.units, {output + place, cells + place},
            {s, s + size, s + 2 * size, s + 3 * size, states.row(n) + g.unit});
    }
  }
};

template <class T>
struct LstmGradients {
  const LayerSteps& steps;
  int64_t size;
  const T *grad_output, *sums, *cells, *cell;
  T *to_sums, *to_hidden, *to_cell;
  PackedPanels<T> panels;

  // What a step hands back to the states before it.
  void carry(int64_t i, const Groups& g) const {
    const int64_t row = kGates * size;
    for (int64_t group = g.first; group < g.last; ++group)
      panels.multiply(
          0, group,
          {to_sums + steps.first(i) * row, row, steps.rows(i), nullptr, 0, to_hidden + group * panels.width(), size});
  }

  void step(int64_t i, const Groups& g) const {
    static const GateKernel<T, 5, 8> gates("lstm_gates_backward");
    const auto& add = isa_table<AdditionKernels<T>>().add_to;
    const int64_t rows = steps.rows(i), at = steps.first(i);
    const StatesBefore<T> states(steps, i, cells, cell, size);
    if (i + 1 < steps.count()) carry(i + 1, g);
    for (int64_t n = 0; n < rows; ++n) {
      T *const d = to_hidden + n * size + g.unit, *const c = to_cell + n * size + g.unit;
      const int64_t place = (at + n) * size + g.unit, gate = (at + n) * kGates * size + g.unit;
      const T* const s = sums + gate;
      T* const to = to_sums + gate;
      if (grad_output) add(g.units, grad_output + place, d);
      gates(g.units, {to, to + size, to + 2 * size, to + 3 * size, c},
            {d, c, s, s + size, s + 2 * size, s + 3 * size, states.row(n) + g.unit, cells + place});
    }
  }
};

}  // namespace

void lstm_layer(TensorRef self, TensorRef hidden, TensorRef cell, TensorRef input_weight, TensorRef hidden_weight,
                TensorRef bias, IntList batch_sizes, bool reverse, TensorRef output, TensorRef last_hidden,
                TensorRef last_cell, TensorRef sums, TensorRef cells) {
  const tw_dtype dtype = self.dtype();
  const Tensor h = dense(hidden, dtype), c = dense(cell, dtype), weight = dense(hidden_weight, dtype),
               from_input = dense(input_weight, dtype);
  const LayerSteps steps(self, batch_sizes, reverse);
  visit_floating("lstm_layer", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = h.size(1);
    const Lstm<T> layer{steps,
                        size,
                        h.data<T>(),
                        c.data<T>(),
                        output.data<T>(),
                        sums.data<T>(),
                        cells.data<T>(),
                        InputSums<T>(steps, self, from_input, bias, kGates, sums),
                        PackedPanels<T>({weight.data<T>(), 1, size}, size, size, kGates)};
    run_steps(steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); });
  });
  copy_last(steps, output, h, last_hidden);
  copy_last(steps, cells, c, last_cell);
}

void lstm_layer_backward(TensorRef grad_output, TensorRef grad_hidden, TensorRef grad_cell, TensorRef sums,
                         TensorRef cells, TensorRef cell, TensorRef hidden_weight, IntList batch_sizes, bool reverse,
                         TensorRef grad_sums, TensorRef to_hidden, TensorRef to_cell) {
  const tw_dtype dtype = sums.dtype();
  const Tensor grads = dense_optional(grad_output, dtype), s = dense(sums), all = dense(cells, dtype),
               c = dense(cell, dtype), weight = dense(hidden_weight, dtype);
  const LayerSteps steps(sums, batch_sizes, reverse);
  start_gradient(grad_hidden, to_hidden);
  start_gradient(grad_cell, to_cell);
  visit_floating("lstm_layer_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t size = c.size(1);
    const LstmGradients<T> layer{steps,
                                 size,
                                 grads ? grads.data<T>() : nullptr,
                                 s.data<T>(),
                                 all.data<T>(),
                                 c.data<T>(),
                                 grad_sums.data<T>(),
                                 to_hidden.data<T>(),
                                 to_cell.data<T>(),
                                 PackedPanels<T>({weight.data<T>(), size, 1}, kGates * size, size, 1)};
    run_steps_back(
        steps, layer.panels, [&](int64_t i, const Groups& g) { layer.step(i, g); },
        [&](int64_t i, const Groups& g) { layer.carry(i, g); });
  });
}

}  // namespace tw::cpu
