// The core's block kernels: what eager execution of pointwise ops and reductions is made of.
#pragma once

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <optional>

namespace tw::jit {

// How many threads a parallel loop may take.
int64_t threads();
// What a call of the op with these arguments computes, or nothing where no block kernel does. Throws what the op
// refuses.
std::optional<tw_block_kernel> block_kernel(const tw_op* op, const tw_value* args, uint32_t nargs);
// A layer's weight as its kernel reads it, while nobody writes into it; null where nothing is gained by that.
Tensor prepared_weight(const tw_op* op, const tw_value* args, uint32_t nargs);
// Runs a layer, calling `follow`, or null, on each part of its result; the result is the caller's afterwards. False,
// with nothing done, where the core runs no layers of this kind.
bool run_layer(const tw_op* op, const tw_value* args, uint32_t nargs, TensorRef prepared, tw_part_fn follow,
               void* context, tw_value* result);
// The same for tw::conv2d and the maxima of tw::max_pool2d_with_indices on images that lie in blocks; with a null op
// images are moved from one layout to the other.
Tensor prepared_for_images(const tw_op* op, const tw_value* args, uint32_t nargs);
bool run_images(const tw_op* op, const tw_value* args, uint32_t nargs, TensorRef prepared, const tw_images& input,
                const tw_images& result, tw_part_fn follow, void* context);
// Null where one of the dtypes is not known.
tw_convert_fn converter(tw_dtype from, tw_dtype to);

}  // namespace tw::jit
