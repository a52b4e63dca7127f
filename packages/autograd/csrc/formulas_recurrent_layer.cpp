// Gradients of layers of recurrent networks: by their kernels, or step by step out of smaller ops when they are to be
// differentiated again. Those of the weights are products over all times at once.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/activation_backward.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/recurrent.hpp>
#include <tensorwright/ops/recurrent_layer.hpp>
#include <tensorwright/ops/splitting.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "formulas.h"

namespace tw::autograd {

namespace {

Tensor joined(const std::vector<Tensor>& parts, int64_t dim = 0) {
  std::vector<tw_tensor*> pointers;
  for (const Tensor& t : parts) pointers.push_back(t.get());
  return parts.size() == 1 ? Tensor::retain(parts[0]) : ops::cat(pointers, dim);
}

// Samples of each time, and where their rows begin, in the order of time.
struct Times {
  std::vector<int64_t> sizes, firsts;
  bool reverse;

  Times(TensorRef sequence, IntList batch_sizes, bool backwards) : reverse(backwards) {
    if (batch_sizes.empty()) sizes.assign(static_cast<size_t>(sequence.size(0)), sequence.size(1));
    for (const int64_t size : batch_sizes) sizes.push_back(std::clamp<int64_t>(size, 0, sequence.size(0)));
    int64_t sum = 0;
    for (const int64_t size : sizes) firsts.push_back(sum), sum = checked::add(sum, size);
  }
  size_t count() const { return sizes.size(); }
  // The time of a step.
  size_t operator[](size_t step) const { return reverse ? count() - 1 - step : step; }
  Tensor rows_of(TensorRef matrix, size_t time) const { return ops::narrow(matrix, 0, firsts[time], sizes[time]); }
};

// The states before each time as the outputs lie: those of the time before, and the first ones.
Tensor states_before(const Times& times, TensorRef output, TensorRef hidden) {
  const Tensor outputs = rows(output);
  std::vector<Tensor> parts{ops::narrow(hidden, 0, 0, 0)};
  for (size_t t = 0; t < times.count(); ++t) {
    const bool first = t == times[0];
    const size_t before = times.reverse ? t + 1 : t - 1;
    const int64_t size = times.sizes[t], continued = first ? 0 : std::min(size, times.sizes[before]);
    if (continued > 0) parts.push_back(ops::narrow(outputs, 0, times.firsts[before], continued));
    if (continued < size) parts.push_back(ops::narrow(hidden, 0, continued, size - continued));
  }
  return joined(parts);
}

// A gradient that is carried from step to step backwards. Samples join with the gradient of their last state, and leave
// with that of their first one.
class Carried {
 public:
  Carried(TensorRef given, TensorRef like)
      : given_(given ? Tensor::retain(given) : zeros_like(like)), current_(ops::narrow(given_, 0, 0, 0)) {}
  Tensor of(int64_t count) {
    const int64_t now = current_.size(0);
    if (count > now) current_ = joined({current_, ops::narrow(given_, 0, now, count - now)});
    if (count < now) {
      ended_.push_back(ops::narrow(current_, 0, count, now - count));
      current_ = ops::narrow(current_, 0, 0, count);
    }
    return current_;
  }
  void set(Tensor gradient) { current_ = std::move(gradient); }
  Tensor result() const {
    const int64_t seen = current_.size(0) + (ended_.empty() ? 0 : given_.size(0) - current_.size(0));
    std::vector<Tensor> parts{current_};
    parts.insert(parts.end(), ended_.rbegin(), ended_.rend());
    if (seen < given_.size(0)) parts.push_back(ops::narrow(given_, 0, seen, given_.size(0) - seen));
    return joined(parts);
  }

 private:
  Tensor given_, current_;
  std::vector<Tensor> ended_;
};

// A state made to have as many samples as the next step: some have ended, or begin.
Tensor resized(TensorRef state, int64_t count, TensorRef first) {
  const int64_t now = state.size(0);
  if (count <= now) return ops::narrow(state, 0, 0, count);
  return joined({Tensor::retain(state), ops::narrow(first, 0, now, count - now)});
}

Tensor with_output(const Times& times, size_t time, Tensor carried, TensorRef grad_output) {
  return grad_output ? ops::add(carried, times.rows_of(rows(grad_output), time)) : carried;
}

Tensor like_sequence(const std::vector<Tensor>& by_time, TensorRef sequence) {
  std::vector<int64_t> shape = sequence.shape().vec();
  shape.back() = by_time[0].size(1);
  return ops::reshape(joined(by_time), shape);
}

// ---- step by step, differentiable ------------------------------------------------------------------------------

struct LstmStep {
  std::vector<Tensor> gates;
  Tensor before, after;  // cell states
};

std::tuple<Tensor, Tensor, Tensor> lstm_steps_backward(const Times& times, TensorRef grad_output, TensorRef grad_hidden,
                                                       TensorRef grad_cell, TensorRef self, TensorRef hidden,
                                                       TensorRef cell, TensorRef input_weight, TensorRef hidden_weight,
                                                       TensorRef bias) {
  const Tensor inputs = rows(ops::linear(self, input_weight, bias)), back = ops::t(hidden_weight);
  std::vector<LstmStep> steps;
  Tensor h = Tensor::retain(hidden), c = Tensor::retain(cell);
  for (size_t i = 0; i < times.count(); ++i) {
    const size_t t = times[i];
    h = resized(h, times.sizes[t], hidden), c = resized(c, times.sizes[t], cell);
    const Tensor sums = ops::addmm(times.rows_of(inputs, t), h, back);
    steps.push_back({ops::split(sums, hidden.size(1), -1), c, Tensor()});
    const std::vector<Tensor>& g = steps.back().gates;
    std::tie(h, c) = ops::lstm_gates(g[0], g[1], g[2], g[3], c);
    steps.back().after = c;
  }
  Carried to_h(grad_hidden, hidden), to_c(grad_cell, cell);
  std::vector<Tensor> by_time(times.count());
  for (size_t i = times.count(); i-- > 0;) {
    const size_t t = times[i];
    const LstmStep& s = steps[i];
    const Tensor dh = with_output(times, t, to_h.of(times.sizes[t]), grad_output);
    auto [input, forget, candidate, output, before] = lstm_gates_gradients(
        dh, to_c.of(times.sizes[t]), s.gates[0], s.gates[1], s.gates[2], s.gates[3], s.before, s.after);
    by_time[t] = joined({input, forget, candidate, output}, 1);
    to_h.set(ops::mm(by_time[t], hidden_weight)), to_c.set(std::move(before));
  }
  return {like_sequence(by_time, self), to_h.result(), to_c.result()};
}

struct GruStep {
  std::vector<Tensor> of_input, of_hidden;
  Tensor before;
};

std::tuple<Tensor, Tensor, Tensor> gru_steps_backward(const Times& times, TensorRef grad_output, TensorRef grad_hidden,
                                                      TensorRef self, TensorRef hidden, TensorRef input_weight,
                                                      TensorRef hidden_weight, TensorRef input_bias,
                                                      TensorRef hidden_bias) {
  const Tensor inputs = rows(ops::linear(self, input_weight, input_bias));
  const int64_t size = hidden.size(1);
  std::vector<GruStep> steps;
  Tensor h = Tensor::retain(hidden);
  for (size_t i = 0; i < times.count(); ++i) {
    const size_t t = times[i];
    h = resized(h, times.sizes[t], hidden);
    steps.push_back({ops::split(times.rows_of(inputs, t), size, -1),
                     ops::split(ops::linear(h, hidden_weight, hidden_bias), size, -1), h});
    const auto &x = steps.back().of_input, &y = steps.back().of_hidden;
    h = ops::gru_gates(x[0], x[1], x[2], y[0], y[1], y[2], h);
  }
  Carried to_h(grad_hidden, hidden);
  std::vector<Tensor> to_inputs(times.count()), to_hiddens(times.count());
  for (size_t i = times.count(); i-- > 0;) {
    const size_t t = times[i];
    const auto &x = steps[i].of_input, &y = steps[i].of_hidden;
    const Tensor dh = with_output(times, t, to_h.of(times.sizes[t]), grad_output);
    auto [xr, xz, xn, hr, hz, hn, before] =
        gru_gates_gradients(dh, x[0], x[1], x[2], y[0], y[1], y[2], steps[i].before);
    to_inputs[t] = joined({xr, xz, xn}, 1), to_hiddens[t] = joined({hr, hz, hn}, 1);
    to_h.set(ops::addmm(before, to_hiddens[t], hidden_weight));
  }
  return {like_sequence(to_inputs, self), like_sequence(to_hiddens, self), to_h.result()};
}

std::tuple<Tensor, Tensor> rnn_steps_backward(const Times& times, TensorRef grad_output, TensorRef grad_hidden,
                                              TensorRef self, TensorRef hidden, TensorRef input_weight,
                                              TensorRef hidden_weight, TensorRef bias, bool relu) {
  const Tensor inputs = rows(ops::linear(self, input_weight, bias)), back = ops::t(hidden_weight);
  std::vector<Tensor> after(times.count());
  Tensor h = Tensor::retain(hidden);
  for (size_t i = 0; i < times.count(); ++i) {
    const size_t t = times[i];
    const Tensor sums = ops::addmm(times.rows_of(inputs, t), resized(h, times.sizes[t], hidden), back);
    h = after[i] = relu ? ops::relu(sums) : ops::tanh(sums);
  }
  Carried to_h(grad_hidden, hidden);
  std::vector<Tensor> by_time(times.count());
  for (size_t i = times.count(); i-- > 0;) {
    const size_t t = times[i];
    const Tensor dh = with_output(times, t, to_h.of(times.sizes[t]), grad_output);
    by_time[t] = relu ? ops::relu_backward(dh, after[i]) : ops::tanh_backward(dh, after[i]);
    to_h.set(ops::mm(by_time[t], hidden_weight));
  }
  return {like_sequence(by_time, self), to_h.result()};
}

// ---- products over all times -----------------------------------------------------------------------------------

Tensor weight_gradient(TensorRef grad_sums, TensorRef by) { return ops::mm(ops::t(rows(grad_sums)), rows(by)); }

}  // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> lstm_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef grad_cell, TensorRef self, TensorRef hidden, TensorRef cell,
    TensorRef input_weight, TensorRef hidden_weight, TensorRef bias, TensorRef output, TensorRef sums, TensorRef cells,
    IntList batch_sizes, bool reverse, bool needs_self, bool needs_input_weight, bool needs_hidden_weight) {
  const Times times(self, batch_sizes, reverse);
  auto [to_sums, to_hidden, to_cell] = is_recording() && times.count() > 0
                                           ? lstm_steps_backward(times, grad_output, grad_hidden, grad_cell, self,
                                                                 hidden, cell, input_weight, hidden_weight, bias)
                                           : ops::lstm_layer_backward(grad_output, grad_hidden, grad_cell, sums, cells,
                                                                      cell, hidden_weight, batch_sizes, reverse);
  return {needs_self ? ops::matmul(to_sums, input_weight) : Tensor(),
          std::move(to_hidden),
          std::move(to_cell),
          needs_input_weight ? weight_gradient(to_sums, self) : Tensor(),
          needs_hidden_weight ? weight_gradient(to_sums, states_before(times, output, hidden)) : Tensor(),
          bias ? sum_over_all_but(to_sums, -1) : Tensor()};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gru_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef self, TensorRef hidden, TensorRef input_weight,
    TensorRef hidden_weight, TensorRef input_bias, TensorRef hidden_bias, TensorRef output, TensorRef input_sums,
    TensorRef hidden_sums, IntList batch_sizes, bool reverse, bool needs_self, bool needs_input_weight,
    bool needs_hidden_weight) {
  const Times times(self, batch_sizes, reverse);
  auto [to_inputs, to_hiddens, to_hidden] =
      is_recording() && times.count() > 0
          ? gru_steps_backward(times, grad_output, grad_hidden, self, hidden, input_weight, hidden_weight, input_bias,
                               hidden_bias)
          : ops::gru_layer_backward(grad_output, grad_hidden, input_sums, hidden_sums, output, hidden, hidden_weight,
                                    batch_sizes, reverse);
  return {needs_self ? ops::matmul(to_inputs, input_weight) : Tensor(),
          std::move(to_hidden),
          needs_input_weight ? weight_gradient(to_inputs, self) : Tensor(),
          needs_hidden_weight ? weight_gradient(to_hiddens, states_before(times, output, hidden)) : Tensor(),
          input_bias ? sum_over_all_but(to_inputs, -1) : Tensor(),
          hidden_bias ? sum_over_all_but(to_hiddens, -1) : Tensor()};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> rnn_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef self, TensorRef hidden, TensorRef input_weight,
    TensorRef hidden_weight, TensorRef bias, TensorRef output, bool relu, IntList batch_sizes, bool reverse,
    bool needs_self, bool needs_input_weight, bool needs_hidden_weight) {
  const Times times(self, batch_sizes, reverse);
  auto [to_sums, to_hidden] =
      is_recording() && times.count() > 0
          ? rnn_steps_backward(times, grad_output, grad_hidden, self, hidden, input_weight, hidden_weight, bias, relu)
          : ops::rnn_layer_backward(grad_output, grad_hidden, output, hidden_weight, relu, batch_sizes, reverse);
  return {needs_self ? ops::matmul(to_sums, input_weight) : Tensor(), std::move(to_hidden),
          needs_input_weight ? weight_gradient(to_sums, self) : Tensor(),
          needs_hidden_weight ? weight_gradient(to_sums, states_before(times, output, hidden)) : Tensor(),
          bias ? sum_over_all_but(to_sums, -1) : Tensor()};
}

}  // namespace tw::autograd
