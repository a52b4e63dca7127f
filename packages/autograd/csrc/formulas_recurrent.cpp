// Gradients of the gates of recurrent cells: fused, or out of smaller ops when they are to be differentiated again.
#include <tensorwright/ops/activation_backward.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/recurrent.hpp>

#include "formulas.h"

namespace tw::autograd {

namespace {

Tensor or_zeros(TensorRef grad, TensorRef like) { return grad ? Tensor::retain(grad) : zeros_like(like); }

}  // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lstm_gates_gradients(TensorRef grad_hidden, TensorRef grad_cell,
                                                                        TensorRef input_gate, TensorRef forget_gate,
                                                                        TensorRef cell_gate, TensorRef output_gate,
                                                                        TensorRef cell, TensorRef next_cell) {
  const Tensor gh = or_zeros(grad_hidden, next_cell), gc = or_zeros(grad_cell, next_cell);
  if (!is_recording())
    return ops::lstm_gates_backward(gh, gc, input_gate, forget_gate, cell_gate, output_gate, cell, next_cell);
  const Tensor i = ops::sigmoid(input_gate), f = ops::sigmoid(forget_gate), g = ops::tanh(cell_gate),
               o = ops::sigmoid(output_gate);
  const Tensor t = ops::tanh(ops::add(ops::mul(f, cell), ops::mul(i, g)));
  const Tensor d = ops::add(gc, ops::tanh_backward(ops::mul(gh, o), t));
  return {ops::sigmoid_backward(ops::mul(d, g), i), ops::sigmoid_backward(ops::mul(d, cell), f),
          ops::tanh_backward(ops::mul(d, i), g), ops::sigmoid_backward(ops::mul(gh, t), o), ops::mul(d, f)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gru_gates_gradients(
    TensorRef grad, TensorRef input_reset, TensorRef input_update, TensorRef input_new, TensorRef hidden_reset,
    TensorRef hidden_update, TensorRef hidden_new, TensorRef hidden) {
  Tensor to_r, to_z, to_n, to_hn, to_h;
  if (!is_recording()) {
    std::tie(to_r, to_z, to_n, to_hn, to_h) = ops::gru_gates_backward(grad, input_reset, input_update, input_new,
                                                                      hidden_reset, hidden_update, hidden_new, hidden);
  } else {
    const Tensor r = ops::sigmoid(ops::add(input_reset, hidden_reset)),
                 z = ops::sigmoid(ops::add(input_update, hidden_update)),
                 n = ops::tanh(ops::add(input_new, ops::mul(r, hidden_new)));
    to_n = ops::tanh_backward(ops::sub(grad, ops::mul(grad, z)), n);
    to_hn = ops::mul(to_n, r);
    to_r = ops::sigmoid_backward(ops::mul(to_n, hidden_new), r);
    to_z = ops::sigmoid_backward(ops::mul(grad, ops::sub(hidden, n)), z);
    to_h = ops::mul(grad, z);
  }
  return {Tensor::retain(to_r), Tensor::retain(to_z), to_n, to_r, to_z, to_hn, to_h};
}

}  // namespace tw::autograd
