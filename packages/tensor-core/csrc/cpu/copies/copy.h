// Copies of elements between tensors.
#pragma once

#include <tensorwright/checked.hpp>
#include <tensorwright/tw.hpp>

namespace tw::cpu {

// dst[...] = src[...] between CPU tensors, with a cast; src broadcasts to dst, strides are any.
void copy_elements(TensorRef dst, TensorRef src);

// The same between any devices.
void copy_across(TensorRef dst, TensorRef src, bool non_blocking);

// One value in a dtype; `out` has room for 16 bytes. Refuses numbers that an integer dtype cannot hold.
void scalar_bytes(const char* op, const Scalar& value, tw_dtype dtype, void* out);

// Zeros, by all threads. Of a large result each piece has its pages found by the system, which cannot be interrupted.
void clear_bytes(void* data, int64_t bytes);
template <class T>
void clear(T* data, int64_t count) {
  clear_bytes(data, checked::mul(count, static_cast<int64_t>(sizeof(T))));
}

// All elements of a CPU tensor set to one value, given in its dtype.
void fill_elements(TensorRef dst, const void* value);

}  // namespace tw::cpu
