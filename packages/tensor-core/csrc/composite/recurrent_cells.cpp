#include "composite/recurrent_cells.h"

#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/recurrent.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/recurrent.h"
#include "runtime/text.h"

namespace tw::composite {

int64_t gates_of(CellKind kind) { return kind == CellKind::kLstm ? 4 : kind == CellKind::kGru ? 3 : 1; }

Tensor project_input(CellKind kind, TensorRef input, const CellWeights& w) {
  // A GRU multiplies what comes from the state by a gate, its bias included: there the biases stay apart.
  const bool joined = kind != CellKind::kGru && w.input_bias && w.hidden_bias;
  return ops::linear(input, w.input, joined ? ops::add(w.input_bias, w.hidden_bias) : Tensor::retain(w.input_bias));
}

namespace {

// What comes from the state, added to the projected input.
Tensor both_maps(TensorRef projected, TensorRef hidden, const CellWeights& w) {
  const Tensor sum = ops::addmm(projected, hidden, ops::t(w.hidden));
  return w.hidden_bias && !w.input_bias ? ops::add(sum, w.hidden_bias) : Tensor::retain(sum);
}

State lstm_step(TensorRef projected, const State& state, const CellWeights& w) {
  const Tensor sums = both_maps(projected, state.hidden, w);
  const std::vector<Tensor> g = ops::split(sums, w.hidden.size(0) / 4, -1);
  auto [hidden, cell] = ops::lstm_gates(g[0], g[1], g[2], g[3], state.cell);
  if (w.projection) hidden = ops::linear(hidden, w.projection);
  return {std::move(hidden), std::move(cell)};
}

State gru_step(TensorRef projected, const State& state, const CellWeights& w) {
  const int64_t size = w.hidden.size(0) / 3;
  const Tensor of_state = ops::linear(state.hidden, w.hidden, w.hidden_bias);
  const std::vector<Tensor> x = ops::split(projected, size, -1), h = ops::split(of_state, size, -1);
  return {ops::gru_gates(x[0], x[1], x[2], h[0], h[1], h[2], state.hidden), Tensor()};
}

// One step from an input [N, I] or [I], with the checks that the layers have made already.
State single_step(const char* op, CellKind kind, TensorRef input, State state, CellWeights w) {
  const int64_t gates = gates_of(kind), rows = w.input.ndim() == 2 ? w.input.size(0) : -1;
  const int64_t size = rows / gates;
  if (rows < 0 || rows % gates != 0 || w.hidden.ndim() != 2 || w.hidden.size(0) != rows || w.hidden.size(1) != size)
    throw fail(TW_E_SHAPE, op, ": expected weights [", gates, " * H, I] and [", gates, " * H, H], got ",
               w.input.shape(), " and ", w.hidden.shape());
  if (input.ndim() < 1 || input.ndim() > 2 || state.hidden.ndim() != input.ndim() ||
      input.size(-1) != w.input.size(1) || state.hidden.size(-1) != size)
    throw fail(TW_E_SHAPE, op, ": expected an input [N, ", w.input.size(1), "] and a state [N, ", size, "], got ",
               input.shape(), " and ", state.hidden.shape());
  if (state.cell && state.cell.shape().vec() != state.hidden.shape().vec())
    throw fail(TW_E_SHAPE, op, ": hidden and cell state differ in shape: ", state.hidden.shape(), " and ",
               state.cell.shape());
  const bool single = input.ndim() == 1;
  if (single) {
    state.hidden = ops::unsqueeze(state.hidden, 0);
    if (state.cell) state.cell = ops::unsqueeze(state.cell, 0);
  }
  const Tensor rows_in = single ? ops::unsqueeze(input, 0) : Tensor::retain(input);
  State next = step(kind, project_input(kind, rows_in, w), state, w);
  if (!single) return next;
  const int64_t first[] = {0};
  return {ops::squeeze(next.hidden, IntList(first, 1)),
          next.cell ? ops::squeeze(next.cell, IntList(first, 1)) : Tensor()};
}

CellWeights weights_of(TensorRef w_ih, TensorRef w_hh, TensorRef b_ih, TensorRef b_hh) {
  return {Tensor::retain(w_ih), Tensor::retain(w_hh), Tensor::retain(b_ih), Tensor::retain(b_hh), Tensor()};
}

}  // namespace

State step(CellKind kind, TensorRef projected, const State& state, const CellWeights& w) {
  if (kind == CellKind::kLstm) return lstm_step(projected, state, w);
  if (kind == CellKind::kGru) return gru_step(projected, state, w);
  const Tensor sum = both_maps(projected, state.hidden, w);
  return {kind == CellKind::kTanh ? ops::tanh(sum) : ops::relu(sum), Tensor()};
}

std::tuple<Tensor, Tensor> lstm_cell(TensorRef self, TensorList hx, TensorRef w_ih, TensorRef w_hh, TensorRef b_ih,
                                     TensorRef b_hh) {
  State next = single_step("lstm_cell", CellKind::kLstm, self, {Tensor::retain(hx[0]), Tensor::retain(hx[1])},
                           weights_of(w_ih, w_hh, b_ih, b_hh));
  return {std::move(next.hidden), std::move(next.cell)};
}

Tensor gru_cell(TensorRef self, TensorRef hx, TensorRef w_ih, TensorRef w_hh, TensorRef b_ih, TensorRef b_hh) {
  const CellWeights w = weights_of(w_ih, w_hh, b_ih, b_hh);
  return single_step("gru_cell", CellKind::kGru, self, {Tensor::retain(hx), Tensor()}, w).hidden;
}

Tensor rnn_tanh_cell(TensorRef self, TensorRef hx, TensorRef w_ih, TensorRef w_hh, TensorRef b_ih, TensorRef b_hh) {
  const CellWeights w = weights_of(w_ih, w_hh, b_ih, b_hh);
  return single_step("rnn_tanh_cell", CellKind::kTanh, self, {Tensor::retain(hx), Tensor()}, w).hidden;
}

Tensor rnn_relu_cell(TensorRef self, TensorRef hx, TensorRef w_ih, TensorRef w_hh, TensorRef b_ih, TensorRef b_hh) {
  const CellWeights w = weights_of(w_ih, w_hh, b_ih, b_hh);
  return single_step("rnn_relu_cell", CellKind::kRelu, self, {Tensor::retain(hx), Tensor()}, w).hidden;
}

}  // namespace tw::composite
