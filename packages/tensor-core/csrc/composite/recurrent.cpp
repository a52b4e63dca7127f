// Layers of recurrent cells over sequences, whole or packed.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/random.hpp>
#include <tensorwright/ops/recurrent_layer.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "composite/recurrent_cells.h"
#include "declarations/recurrent.h"
#include "runtime/text.h"
#include "runtime/thread_state.h"

namespace tw::composite {

namespace {

struct Options {
  const char* op;
  CellKind kind;
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train, bidirectional;
  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t cells() const { return checked::mul(num_layers, directions()); }
};

// The inputs of all times: [T, N, I], or rows of all times with how many belong to each.
struct Sequence {
  Tensor data;
  std::vector<int64_t> batch_sizes;  // empty if every time has all samples
};

Tensor joined(const std::vector<Tensor>& parts, bool stacked, int64_t dim) {
  std::vector<tw_tensor*> pointers;
  for (const Tensor& t : parts) pointers.push_back(t.get());
  const TensorList list(pointers.data(), pointers.size());
  return stacked ? ops::stack(list, dim) : ops::cat(list, dim);
}

// ---- weights ------------------------------------------------------------------------------------------------------

void check_weights(const Options& o, const CellWeights& w, int64_t inputs, int64_t outputs) {
  const int64_t rows = w.input.ndim() == 2 ? w.input.size(0) : -1, gates = gates_of(o.kind);
  const bool fits = rows >= 0 && rows % gates == 0 && w.input.size(1) == inputs && w.hidden.ndim() == 2 &&
                    w.hidden.size(0) == rows && w.hidden.size(1) == outputs;
  if (!fits)
    throw fail(TW_E_SHAPE, o.op, ": expected weights [", gates, " * H, ", inputs, "] and [", gates, " * H, ", outputs,
               "], got ", w.input.shape(), " and ", w.hidden.shape());
  const int64_t size = w.projection ? w.projection.size(-1) : outputs;
  if (w.projection && (w.projection.ndim() != 2 || w.projection.size(0) != outputs || rows != gates * size))
    throw fail(TW_E_SHAPE, o.op, ": expected a projection [", outputs, ", ", rows / gates, "], got ",
               w.projection.shape());
  if (!w.projection && rows != gates * outputs)
    throw fail(TW_E_SHAPE, o.op, ": states have ", outputs, " features, weights ", rows / gates);
}

// The weights of one layer and direction after another.
std::vector<CellWeights> split_params(const Options& o, TensorList params) {
  const size_t cells = static_cast<size_t>(o.cells()), least = o.has_biases ? 4 : 2;
  const size_t each = params.size() / cells;
  const bool projected = o.kind == CellKind::kLstm && each == least + 1;
  if (params.size() % cells != 0 || (each != least && !projected))
    throw fail(TW_E_VALUE, o.op, ": expected ", static_cast<int64_t>(least), " params for each of ",
               static_cast<int64_t>(cells), " layers and directions, got ", static_cast<int64_t>(params.size()));
  std::vector<CellWeights> all;
  for (size_t i = 0; i < params.size(); i += each) {
    const auto get = [&](size_t k) { return Tensor::retain(params[i + k]); };
    all.push_back({get(0), get(1), o.has_biases ? get(2) : Tensor(), o.has_biases ? get(3) : Tensor(),
                   projected ? get(each - 1) : Tensor()});
  }
  return all;
}

// ---- one direction of one layer -----------------------------------------------------------------------------------

State rows_of(const State& s, int64_t first, int64_t count) {
  return {ops::narrow(s.hidden, 0, first, count), s.cell ? ops::narrow(s.cell, 0, first, count) : Tensor()};
}

State below(const State& upper, const State& lower) {
  return {joined({Tensor::retain(upper.hidden), Tensor::retain(lower.hidden)}, false, 0),
          upper.cell ? joined({Tensor::retain(upper.cell), Tensor::retain(lower.cell)}, false, 0) : Tensor()};
}

struct Ran {
  Tensor output;
  State last;
};

Ran run_whole(const Options& o, TensorRef projected, State state, const CellWeights& w, bool reversed) {
  const std::vector<Tensor> inputs = ops::unbind(projected, 0);
  std::vector<Tensor> outputs(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t t = reversed ? inputs.size() - 1 - i : i;
    state = step(o.kind, inputs[t], state, w);
    outputs[t] = Tensor::retain(state.hidden);
  }
  return {joined(outputs, true, 0), std::move(state)};
}

// Samples end one after the other, the last ones first.
Ran run_packed(const Options& o, TensorRef projected, const State& start, const CellWeights& w,
               const std::vector<int64_t>& sizes) {
  const std::vector<Tensor> inputs = ops::split_sizes(projected, IntList(sizes), 0);
  std::vector<Tensor> outputs;
  State state = start, finished;
  for (size_t t = 0; t < sizes.size(); ++t) {
    const int64_t now = state.hidden.size(0);
    if (sizes[t] < now) {
      const State ended = rows_of(state, sizes[t], now - sizes[t]);
      finished = finished.hidden ? below(ended, finished) : ended;
      state = rows_of(state, 0, sizes[t]);
    }
    state = step(o.kind, inputs[t], state, w);
    outputs.push_back(Tensor::retain(state.hidden));
  }
  return {joined(outputs, false, 0), finished.hidden ? below(state, finished) : std::move(state)};
}

// From the end samples begin one after the other, the first ones first.
Ran run_packed_reversed(const Options& o, TensorRef projected, const State& start, const CellWeights& w,
                        const std::vector<int64_t>& sizes) {
  const std::vector<Tensor> inputs = ops::split_sizes(projected, IntList(sizes), 0);
  std::vector<Tensor> outputs(sizes.size());
  State state = rows_of(start, 0, sizes.back());
  for (size_t t = sizes.size(); t-- > 0;) {
    const int64_t now = state.hidden.size(0);
    if (sizes[t] > now) state = below(state, rows_of(start, now, sizes[t] - now));
    state = step(o.kind, inputs[t], state, w);
    outputs[t] = Tensor::retain(state.hidden);
  }
  return {joined(outputs, false, 0), std::move(state)};
}

// Whether a kernel runs all times at once (`lstm_layer` and its like): on the CPU, in float32 or float64 alone, without
// a projection of the state, and outside of autocast. Other layers are run step by step.
bool has_kernel(const Sequence& in, const State& start, const CellWeights& w) {
  const tw_dtype dtype = in.data.dtype();
  const auto device = in.data.device().type;
  const bool autocast = thread_state()->include >> TW_L_AUTOCAST & 1;
  if ((dtype != kFloat32 && dtype != kFloat64) || (device != TW_DEVICE_CPU && device != TW_DEVICE_META) || autocast)
    return false;
  const TensorRef others[] = {start.hidden, start.cell, w.input, w.hidden, w.input_bias, w.hidden_bias};
  return !w.projection && std::all_of(std::begin(others), std::end(others), [&](TensorRef t) {
    return !t || (t.dtype() == dtype && t.device().type == device);
  });
}

Ran run_kernel(const Options& o, const Sequence& in, const State& start, const CellWeights& w, bool reversed) {
  const IntList sizes(in.batch_sizes);
  if (o.kind == CellKind::kGru) {
    auto [output, hidden, input_sums, hidden_sums] =
        ops::gru_layer(in.data, start.hidden, w.input, w.hidden, w.input_bias, w.hidden_bias, sizes, reversed);
    return {std::move(output), {std::move(hidden), Tensor()}};
  }
  const Tensor bias = w.input_bias ? ops::add(w.input_bias, w.hidden_bias) : Tensor();
  if (o.kind == CellKind::kLstm) {
    auto [output, hidden, cell, sums, cells] =
        ops::lstm_layer(in.data, start.hidden, start.cell, w.input, w.hidden, bias, sizes, reversed);
    return {std::move(output), {std::move(hidden), std::move(cell)}};
  }
  auto [output, hidden] =
      ops::rnn_layer(in.data, start.hidden, w.input, w.hidden, bias, o.kind == CellKind::kRelu, sizes, reversed);
  return {std::move(output), {std::move(hidden), Tensor()}};
}

Ran run_direction(const Options& o, const Sequence& in, const State& start, const CellWeights& w, bool reversed) {
  check_weights(o, w, in.data.size(-1), start.hidden.size(-1));
  if (has_kernel(in, start, w)) return run_kernel(o, in, start, w, reversed);
  const Tensor projected = project_input(o.kind, in.data, w);
  if (in.batch_sizes.empty()) return run_whole(o, projected, start, w, reversed);
  return reversed ? run_packed_reversed(o, projected, start, w, in.batch_sizes)
                  : run_packed(o, projected, start, w, in.batch_sizes);
}

// ---- all layers ---------------------------------------------------------------------------------------------------

struct Result {
  Tensor output, hidden, cell;
};

Result run(const Options& o, Sequence in, TensorRef hidden, TensorRef cell, TensorList params) {
  const std::vector<CellWeights> weights = split_params(o, params);
  const std::vector<Tensor> hiddens = ops::unbind(hidden, 0),
                            cells = cell ? ops::unbind(cell, 0) : std::vector<Tensor>();
  std::vector<Tensor> last_hidden, last_cell;
  for (int64_t layer = 0; layer < o.num_layers; ++layer) {
    std::vector<Tensor> outputs;
    for (int64_t d = 0; d < o.directions(); ++d) {
      const size_t at = static_cast<size_t>(layer * o.directions() + d);
      const State start{Tensor::retain(hiddens[at]), cell ? Tensor::retain(cells[at]) : Tensor()};
      Ran ran = run_direction(o, in, start, weights[at], d == 1);
      outputs.push_back(std::move(ran.output));
      last_hidden.push_back(std::move(ran.last.hidden));
      if (cell) last_cell.push_back(std::move(ran.last.cell));
    }
    in.data = outputs.size() == 1 ? std::move(outputs[0]) : joined(outputs, false, -1);
    if (o.train && o.dropout > 0 && layer + 1 < o.num_layers) in.data = ops::dropout(in.data, o.dropout, true);
  }
  return {std::move(in.data), joined(last_hidden, true, 0), cell ? joined(last_cell, true, 0) : Tensor()};
}

void check_state(const Options& o, const char* name, TensorRef state, int64_t samples) {
  const int64_t cells = o.cells();
  if (state.ndim() != 3 || state.size(0) != cells || state.size(1) != samples)
    throw fail(TW_E_SHAPE, o.op, ": expected a ", name, " state [", cells, ", ", samples, ", H], got ", state.shape());
}

Result run_input(const Options& o, TensorRef input, TensorRef hidden, TensorRef cell, TensorList params,
                 bool batch_first) {
  const Tensor by_time = batch_first ? ops::transpose(input, 0, 1) : Tensor::retain(input);
  check_state(o, "hidden", hidden, by_time.size(1));
  if (cell) check_state(o, "cell", cell, by_time.size(1));
  if (by_time.size(0) == 0) throw fail(TW_E_SHAPE, o.op, ": sequences must not be empty, got ", input.shape());
  Result r = run(o, {Tensor::retain(by_time), {}}, hidden, cell, params);
  if (batch_first) r.output = ops::transpose(r.output, 0, 1);
  return r;
}

std::vector<int64_t> sizes_of(const Options& o, TensorRef data, TensorRef batch_sizes) {
  if (batch_sizes.device().type != TW_DEVICE_CPU)
    throw fail(TW_E_UNSUPPORTED, o.op,
               ": the number of steps depends on values of batch_sizes, which must be on the CPU");
  const Tensor on_cpu = ops::contiguous(batch_sizes);
  const int64_t* begin = on_cpu.data<int64_t>();
  std::vector<int64_t> sizes(begin, begin + on_cpu.numel());
  int64_t sum = 0, before = data.size(0);
  for (int64_t size : sizes) {
    if (size < 1 || size > before)
      throw fail(TW_E_VALUE, o.op, ": batch_sizes must be positive and not rise, got ", IntList(sizes));
    before = size, sum += size;
  }
  if (sizes.empty() || sum != data.size(0))
    throw fail(TW_E_VALUE, o.op, ": batch_sizes must add up to the ", data.size(0), " rows of data, got ",
               IntList(sizes));
  return sizes;
}

Result run_data(const Options& o, TensorRef data, TensorRef batch_sizes, TensorRef hidden, TensorRef cell,
                TensorList params) {
  std::vector<int64_t> sizes = sizes_of(o, data, batch_sizes);
  check_state(o, "hidden", hidden, sizes.front());
  if (cell) check_state(o, "cell", cell, sizes.front());
  return run(o, {Tensor::retain(data), std::move(sizes)}, hidden, cell, params);
}

std::tuple<Tensor, Tensor> two(Result r) { return {std::move(r.output), std::move(r.hidden)}; }
std::tuple<Tensor, Tensor, Tensor> three(Result r) {
  return {std::move(r.output), std::move(r.hidden), std::move(r.cell)};
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> lstm(TensorRef self, TensorList hx, TensorList params, bool has_biases,
                                        int64_t num_layers, double dropout, bool train, bool bidirectional,
                                        bool batch_first) {
  const Options o{"lstm", CellKind::kLstm, has_biases, num_layers, dropout, train, bidirectional};
  return three(run_input(o, self, hx[0], hx[1], params, batch_first));
}

std::tuple<Tensor, Tensor, Tensor> lstm_data(TensorRef data, TensorRef batch_sizes, TensorList hx, TensorList params,
                                             bool has_biases, int64_t num_layers, double dropout, bool train,
                                             bool bidirectional) {
  const Options o{"lstm", CellKind::kLstm, has_biases, num_layers, dropout, train, bidirectional};
  return three(run_data(o, data, batch_sizes, hx[0], hx[1], params));
}

#define TW_RECURRENT(name, cell_kind)                                                                            \
  std::tuple<Tensor, Tensor> name(TensorRef self, TensorRef hx, TensorList params, bool has_biases,              \
                                  int64_t num_layers, double dropout, bool train, bool bidirectional,            \
                                  bool batch_first) {                                                            \
    const Options o{#name, cell_kind, has_biases, num_layers, dropout, train, bidirectional};                    \
    return two(run_input(o, self, hx, TensorRef(), params, batch_first));                                        \
  }                                                                                                              \
  std::tuple<Tensor, Tensor> name##_data(TensorRef data, TensorRef batch_sizes, TensorRef hx, TensorList params, \
                                         bool has_biases, int64_t num_layers, double dropout, bool train,        \
                                         bool bidirectional) {                                                   \
    const Options o{#name, cell_kind, has_biases, num_layers, dropout, train, bidirectional};                    \
    return two(run_data(o, data, batch_sizes, hx, TensorRef(), params));                                         \
  }
TW_RECURRENT(gru, CellKind::kGru)
TW_RECURRENT(rnn_tanh, CellKind::kTanh)
TW_RECURRENT(rnn_relu, CellKind::kRelu)
#undef TW_RECURRENT

}  // namespace tw::composite
