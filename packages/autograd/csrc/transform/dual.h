// Tangents of the tensors of a forward level. A tensor without one has the tangent zero.
//
// Views share memory, so their tangents must: what is written into one is seen through the others. A dual is a base, or
// knows the base whose memory it shows. The tangent of a view is usually the same view of the base's tangent. Where
// that cannot be, because the tangent lies in memory otherwise than the value, or was not there when the view was made,
// the base gets a tangent that is laid out as its value, and those of its views are read from it by their strides.
#pragma once

#include "wrapped.h"

namespace tw::autograd {

// As it stands after writes through other views; null: zero.
Tensor current_tangent(Wrapped& dual);

// The base of a view, else the dual itself.
Wrapped& base_dual(Wrapped& dual);

// Gives the base a tangent of its own, laid out as its value; `like` says to which levels it must belong.
void lay_out(Wrapped& base, TensorRef like);

// Whether indices of the dual may mean the same element, as in an expanded tensor: then nothing can be written into it.
bool repeats_elements(const Wrapped& dual);

// The value was overwritten: so is the tangent, with `tangent` (null: zero).
void write_tangent(Wrapped& dual, Tensor tangent);

}  // namespace tw::autograd
