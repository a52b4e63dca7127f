// Copies of elements between tensors.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::cpu {

// dst[...] = src[...] between CPU tensors, with a cast; src broadcasts to dst, strides are any.
void copy_elements(TensorRef dst, TensorRef src);

// The same between any devices.
void copy_across(TensorRef dst, TensorRef src, bool non_blocking);

// One value in a dtype; `out` has room for 16 bytes. Refuses numbers that an integer dtype cannot hold.
void scalar_bytes(const char* op, const Scalar& value, tw_dtype dtype, void* out);

// All elements of a CPU tensor set to one value, given in its dtype.
void fill_elements(TensorRef dst, const void* value);

}  // namespace tw::cpu
