// The core's block kernels: what eager execution of pointwise ops and reductions is made of.
#pragma once

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <optional>

namespace tw::jit {

// What a call of the op with these arguments computes, or nothing where no block kernel does. Throws what the op
// refuses.
std::optional<tw_block_kernel> block_kernel(const tw_op* op, const tw_value* args, uint32_t nargs);
// Null where one of the dtypes is not known.
tw_convert_fn converter(tw_dtype from, tw_dtype to);

}  // namespace tw::jit
