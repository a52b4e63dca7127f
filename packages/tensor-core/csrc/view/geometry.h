// Shape arithmetic of the view ops.
#pragma once

#include <tensorwright/tw.hpp>

#include <optional>
#include <vector>

namespace tw::view {

using Sizes = std::vector<int64_t>;

// A dimension counted from the front; IndexError if it is out of range. A 0-dimensional tensor counts as having one.
int normalize_dim(const char* op, int64_t dim, int ndim);

bool has_shape(TensorRef t, IntList shape);

// A requested shape with its -1 replaced.
Sizes complete_shape(const char* op, TensorRef self, IntList shape);

// Strides under which the elements of `self`, in order, have the given shape; nothing if only a copy can.
std::optional<Sizes> strides_for(TensorRef self, IntList shape);

// How many elements of its dtype the storage of `self` holds, and where in it `self` begins.
int64_t storage_numel(TensorRef self);
int64_t storage_offset(TensorRef self);

// A view with other sizes and strides, `offset` elements further on.
Tensor restrided(TensorRef self, IntList shape, IntList strides, int64_t offset = 0);
// As restrided, read as another dtype; the offset counts elements of the old one.
Tensor retyped(TensorRef self, IntList shape, IntList strides, tw_dtype dtype, int64_t offset = 0);

}  // namespace tw::view
