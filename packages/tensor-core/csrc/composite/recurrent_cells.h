// Steps of recurrent networks. The input's affine map is done for all times at once before.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::composite {

enum class CellKind { kTanh, kRelu, kGru, kLstm };

struct CellWeights {
  Tensor input, hidden, input_bias, hidden_bias, projection;  // the last three perhaps null
};
struct State {
  Tensor hidden, cell;  // cell is null except in an LSTM
};

int64_t gates_of(CellKind kind);

// The affine map of the input [..., I] to [..., gates * H], with what else can be added to it before the steps.
Tensor project_input(CellKind kind, TensorRef input, const CellWeights& w);

// One step from what `project_input` gave for it, [N, gates * H].
State step(CellKind kind, TensorRef projected, const State& state, const CellWeights& w);

}  // namespace tw::composite
