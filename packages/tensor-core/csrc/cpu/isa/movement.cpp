#include "cpu/copies/movement.h"

#include <tensorwright/simd/vec.h>
#include "cpu/isa/narrowing.h"
#include "cpu/isa/transpose.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

// -- transposes

// One square block of as many rows as a vector has lanes.
template <class V>
TW_INLINE void transpose_block(const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  V rows[lanes_of<V>];
#pragma GCC unroll 16
  for (int i = 0; i < lanes_of<V>; ++i) load_into(rows[i], from + i * from_stride);
  transpose(rows);
#pragma GCC unroll 16
  for (int i = 0; i < lanes_of<V>; ++i) store(to + i * to_stride, rows[i]);
}

// The same with fewer columns.
template <class V>
TW_INLINE void transpose_part(int cols, const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  V rows[lanes_of<V>];
#pragma GCC unroll 16
  for (int i = 0; i < lanes_of<V>; ++i) rows[i] = load_first<V>(from + i * from_stride, cols);
  transpose(rows);
#pragma GCC unroll 16
  for (int i = 0; i < lanes_of<V>; ++i)
    if (i < cols) store(to + i * to_stride, rows[i]);
}

// The rest of a matrix, element by element.
template <class V>
TW_INLINE void transpose_elements(int64_t rows, int64_t cols, const char* from, int64_t from_stride, char* to,
                                  int64_t to_stride) {
  constexpr int64_t item = sizeof(Element<V>);
  for (int64_t c = 0; c < cols; ++c)
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(to + c * to_stride + r * item, from + r * from_stride + c * item, item);
}

template <class V>
void transpose_matrix(int64_t rows, int64_t cols, const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  constexpr int64_t n = lanes_of<V>, item = sizeof(Element<V>);
  const int64_t whole_rows = rows / n * n, whole_cols = cols / n * n;
  for (int64_t c = 0; c < whole_cols; c += n)
    for (int64_t r = 0; r < whole_rows; r += n)
      transpose_block<V>(from + r * from_stride + c * item, from_stride, to + c * to_stride + r * item, to_stride);
  transpose_elements<V>(rows - whole_rows, cols, from + whole_rows * from_stride, from_stride, to + whole_rows * item,
                        to_stride);
  if (whole_cols < cols)
    for (int64_t r = 0; r < whole_rows; r += n)
      transpose_part<V>(static_cast<int>(cols - whole_cols), from + r * from_stride + whole_cols * item, from_stride,
                        to + whole_cols * to_stride + r * item, to_stride);
}

// -- rows

void copy_row(int64_t bytes, const char* from, char* to) {
  constexpr int64_t step = 4 * TW_VBYTES;
  int64_t i = 0;
  for (; i + step <= bytes; i += step) {
    U32 part[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) part[k] = load<U32>(from + i + k * TW_VBYTES);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) std::memcpy(to + i + k * TW_VBYTES, &part[k], TW_VBYTES);
  }
  const auto copy_vector = [from, to](int64_t at) TW_INLINE_LAMBDA {
    const U32 part = load<U32>(from + at);
    std::memcpy(to + at, &part, sizeof part);
  };
  for (; i + TW_VBYTES <= bytes; i += TW_VBYTES) copy_vector(i);
  if (i < bytes && bytes >= TW_VBYTES)
    copy_vector(bytes - TW_VBYTES);  // some bytes once more
  else if (i < bytes)
    std::memcpy(to, from, static_cast<size_t>(bytes));
}

void copy_rows(int64_t rows, int64_t bytes, const char* from, int64_t from_stride, char* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r) copy_row(bytes, from + r * from_stride, to + r * to_stride);
}

// -- 16-bit floats

typedef uint16_t U16 __attribute__((vector_size(TW_VBYTES)));
template <int... i>
TW_INLINE U16 upper_halves(U32 a, U32 b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(U16(a), U16(b), (2 * i + 1)...);
}

void float_to_bfloat(int64_t n, const void* from, void* to) {
  const char* in = static_cast<const char*>(from);
  char* out = static_cast<char*>(to);
  const auto convert = [](const char* x, char* y) TW_INLINE_LAMBDA {
    const U32 a = rounded_to_bfloat(load<U32>(x)), b = rounded_to_bfloat(load<U32>(x + TW_VBYTES));
    const U16 halves = upper_halves(a, b, std::make_integer_sequence<int, 2 * kLanes32>());
    std::memcpy(y, &halves, sizeof halves);
  };
  for (; n >= 2 * kLanes32; n -= 2 * kLanes32, in += 2 * TW_VBYTES, out += TW_VBYTES) convert(in, out);
  char rest[2 * TW_VBYTES] = {}, converted[TW_VBYTES];
  std::memcpy(rest, in, n * sizeof(float));
  convert(rest, converted);
  std::memcpy(out, converted, n * sizeof(uint16_t));
}

// The last elements go through a vector of their own.
template <class Widen>
TW_INLINE void widen_run(int64_t n, const void* from, void* to, Widen widen) {
  const uint16_t* in = static_cast<const uint16_t*>(from);
  char* out = static_cast<char*>(to);
  for (; n >= 4 * kLanes32; n -= 4 * kLanes32, in += 4 * kLanes32, out += 4 * TW_VBYTES)
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) store(out + i * TW_VBYTES, as_float(widen(in + i * kLanes32)));
  for (; n >= kLanes32; n -= kLanes32, in += kLanes32, out += TW_VBYTES) store(out, as_float(widen(in)));
  uint16_t rest[kLanes32] = {};
  std::memcpy(rest, in, n * sizeof(uint16_t));
  const U32 bits = widen(rest);
  std::memcpy(out, &bits, n * sizeof(float));
}
void half_to_float(int64_t n, const void* from, void* to) { widen_run(n, from, to, widened_half); }
void bfloat_to_float(int64_t n, const void* from, void* to) { widen_run(n, from, to, widened_bfloat); }

void float_to_half(int64_t n, const void* from, void* to) {
  const char* in = static_cast<const char*>(from);
  uint16_t* out = static_cast<uint16_t*>(to);
  for (; n >= kLanes32; n -= kLanes32, in += TW_VBYTES, out += kLanes32) store_half(out, load<U32>(in));
  U32 bits{};
  std::memcpy(&bits, in, n * sizeof(float));
  uint16_t rest[kLanes32];
  store_half(rest, bits);
  std::memcpy(out, rest, n * sizeof(uint16_t));
}

}  // namespace

extern const cpu::MovementKernels kMovement;
const cpu::MovementKernels kMovement = {transpose_matrix<F32>, transpose_matrix<F64>, copy_rows,      half_to_float,
                                        float_to_half,         bfloat_to_float,       float_to_bfloat};

}  // namespace TW_ISA_NS
}  // namespace tw
