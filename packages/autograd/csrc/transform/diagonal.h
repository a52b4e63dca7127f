// Batches of multiples of unit vectors: entry i is zero but for its element i in row-major order. Jacobians are made
// from such batches. A batch that is known to be one carries the elements that are not zero, its diagonal, beside the
// batch itself; products of matrices with it are then scaled matrices. What is zero by this knowledge stays so beside
// infinities, where a dense product would give NaN.
#pragma once

#include "batch_call.h"

namespace tw::autograd {

// Says that `t`, batched on its highest level, consists of the unit vectors.
void note_unit_vectors(TensorRef t);

// Gives the product with a diagonal batch; false if the call is none.
bool multiply_diagonal(BatchCall& batch);

// Hands on the diagonal of an argument to the result of a call that only scales elements, or changes their shape.
void keep_diagonal(BatchCall& batch);

}  // namespace tw::autograd
