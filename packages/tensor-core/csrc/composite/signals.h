// Signals [..., C, L] as images [..., C, 1, L]: how what is written for two dimensions does one.
#pragma once

#include <tensorwright/ops/views.hpp>

namespace tw::composite {

inline Tensor as_images(TensorRef t) { return ops::unsqueeze(t, -2); }
inline Tensor as_signals(TensorRef t) { return ops::squeeze(t, IntList({-2})); }

}  // namespace tw::composite
