// Shapes with a batch dimension in front, and what becomes of it.
#pragma once

#include <tensorwright/checked.hpp>

#include <tensorwright/tw.hpp>

#include <vector>

namespace tw::autograd {

// A dimension that an argument counts, when the batch stands in front.
inline int64_t behind_batch(int64_t dim) { return dim < 0 ? dim : checked::add(dim, 1); }
std::vector<int64_t> behind_batch(IntList dims);

// shape[dim] *= factor; throws where that is too large for a size.
void multiply(std::vector<int64_t>& shape, size_t dim, int64_t factor);

// Dimensions of size 1 behind the batch until `ndim` follow it.
Tensor padded(TensorRef physical, int ndim);
// [batch, a, b, ...] as [batch * a, b, ...].
Tensor folded(TensorRef physical);
// [batch, images, channels, ...] as [images, batch * channels, ...].
Tensor as_channels(TensorRef physical);
// Dimension `dim`, in which the batch is the slower part, as two.
Tensor unfolded(TensorRef t, int64_t dim, int64_t batch);

}  // namespace tw::autograd
