// From the plan of a fusion's region to the program over tiles, for tensors of given dtypes, sizes and strides.
#pragma once

#include "../run/plan.h"
#include "tile.h"

namespace tw::jit {

// `inputs` are the region's arguments, of which only the metadata is read. Nothing where some op has no block kernel,
// or the shapes do not make one sweep: then the region runs op by op. Throws what the ops refuse.
std::optional<TileGroup> describe(const Plan& region, Span<tw_tensor*> inputs);

// A tensor that lies in memory like `t`.
Tensor without_data(const tw_tensor* t);

}  // namespace tw::jit
