// Moving data fast: transposes and half-precision conversions, compiled once per instruction set
// (csrc/cpu/isa/movement.cpp). Pointers need no alignment.
#pragma once

#include <cstdint>

namespace tw::cpu {

// to[c][r] = from[r][c]; the strides are bytes from one row to the next.
using TransposeKernel = void (*)(int64_t rows, int64_t cols, const char* from, int64_t from_stride, char* to,
                                 int64_t to_stride);
// Rows of bytes; the strides are bytes from one row to the next. For rows of some hundred bytes to some thousand, which
// cost as much to call memcpy for as a tenth of their copying.
using CopyRowsKernel = void (*)(int64_t rows, int64_t bytes, const char* from, int64_t from_stride, char* to,
                                int64_t to_stride);
using ConvertKernel = void (*)(int64_t n, const void* from, void* to);

struct MovementKernels {
  TransposeKernel transpose_32, transpose_64;  // elements of 32 and 64 bits
  CopyRowsKernel copy_rows;
  ConvertKernel half_to_float, float_to_half, bfloat_to_float, float_to_bfloat;
};
const MovementKernels& movement_kernels();  // of this machine

struct ConversionKernels {  // csrc/cpu/isa/conversion.cpp
  ConvertKernel float_to_int32, float_to_uint8, float_to_bool, uint8_to_float, int64_to_float, int32_to_float;
  ConvertKernel float_to_double, double_to_float;
  ConvertKernel every_second_32, every_second_64;                                    // to[i] = from[2 * i]
  ConvertKernel reverse_32, reverse_64;                                              // to[i] = from[-i]
  bool (*all_between)(int64_t n, const int64_t* values, int64_t low, int64_t high);  // low <= v < high
};
const ConversionKernels& conversion_kernels();

}  // namespace tw::cpu
