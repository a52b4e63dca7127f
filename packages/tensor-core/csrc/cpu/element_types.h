// C++ types of tensor elements, and switches from a dtype to them.
#pragma once

#include <tensorwright/tw.hpp>

#include <complex>
#include <cstdint>

#include "runtime/dtype.h"

namespace tw::cpu {

// For switches: `f(Type<float>())`, and in f `using T = typename decltype(type)::type`.
template <class T>
struct Type {
  using type = T;
};

[[noreturn]] inline void unsupported_dtype(const char* op, tw_dtype dtype) {
  throw Error(TW_E_UNSUPPORTED, std::string(op) + ": dtype " + dtype_name(dtype) + " is not supported");
}

// float and double; half precision is staged in float32 before (staging.h).
template <class F>
void visit_floating(const char* op, tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kFloat32:
      return f(Type<float>());
    case DtypeId::kFloat64:
      return f(Type<double>());
    default:
      unsupported_dtype(op, dtype);
  }
}

// Types with an order: floating types and integers; bool counts as uint8.
template <class F>
void visit_ordered(const char* op, tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kBool:
    case DtypeId::kUInt8:
      return f(Type<uint8_t>());
    case DtypeId::kUInt16:
      return f(Type<uint16_t>());
    case DtypeId::kUInt32:
      return f(Type<uint32_t>());
    case DtypeId::kUInt64:
      return f(Type<uint64_t>());
    case DtypeId::kInt8:
      return f(Type<int8_t>());
    case DtypeId::kInt16:
      return f(Type<int16_t>());
    case DtypeId::kInt32:
      return f(Type<int32_t>());
    case DtypeId::kInt64:
      return f(Type<int64_t>());
    case DtypeId::kFloat32:
      return f(Type<float>());
    case DtypeId::kFloat64:
      return f(Type<double>());
    default:
      unsupported_dtype(op, dtype);
  }
}

// Types to calculate in. Integers are unsigned, so that they wrap around.
template <class F>
void visit_arithmetic(const char* op, tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kUInt8:
    case DtypeId::kInt8:
      return f(Type<uint8_t>());
    case DtypeId::kUInt16:
    case DtypeId::kInt16:
      return f(Type<uint16_t>());
    case DtypeId::kUInt32:
    case DtypeId::kInt32:
      return f(Type<uint32_t>());
    case DtypeId::kUInt64:
    case DtypeId::kInt64:
      return f(Type<uint64_t>());
    case DtypeId::kFloat32:
      return f(Type<float>());
    case DtypeId::kFloat64:
      return f(Type<double>());
    case DtypeId::kComplex64:
      return f(Type<std::complex<float>>());
    case DtypeId::kComplex128:
      return f(Type<std::complex<double>>());
    default:
      unsupported_dtype(op, dtype);
  }
}

// Elements that are only moved: by their size.
struct Bytes16 {
  uint64_t half[2];
};
template <class F>
void visit_item(tw_dtype dtype, F&& f) {
  switch (item_size(dtype)) {
    case 1:
      return f(Type<uint8_t>());
    case 2:
      return f(Type<uint16_t>());
    case 4:
      return f(Type<uint32_t>());
    case 8:
      return f(Type<uint64_t>());
    default:
      return f(Type<Bytes16>());
  }
}

}  // namespace tw::cpu
