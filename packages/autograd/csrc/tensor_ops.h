// Small tensor computations of the engine, made of ops.
#pragma once

#include <tensorwright/tw.hpp>

#include "text.h"

namespace tw::autograd {

Tensor ones(TensorRef like);
Tensor zeros(IntList shape, tw_dtype dtype, tw_device device);
// Zeros that values like `like` may be written into: inside of transforms they belong to its levels.
Tensor zeros_beside(TensorRef like, IntList shape, tw_dtype dtype);
Tensor cast(TensorRef t, tw_dtype dtype);  // the tensor itself if it has that dtype
// Undoes broadcasting and promotion: sums over the dimensions that `shape` lacks or has as 1.
Tensor sum_to(TensorRef grad, IntList shape, tw_dtype dtype);

Tensor conj(TensorRef t);  // the tensor itself if it is real
// Whether tensors of a dtype have gradients.
inline bool carries_gradient(tw_dtype dtype) { return is_floating(dtype) || is_complex(dtype); }
bool has_nan(TensorRef t);
// Whether nobody else holds the tensor or sees its memory.
bool is_unique(TensorRef t);

}  // namespace tw::autograd
