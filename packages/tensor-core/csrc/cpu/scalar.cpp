// Python numbers as operands of kernels.
#include <complex>
#include <cstring>

#include "cpu/pointwise/pointwise.h"
#include "dispatch/registry.h"
#include "runtime/error.h"

namespace tw::cpu {

namespace {

tw_status does_not_fit(const OpSpec& spec, const tw_value& scalar, const char* type) {
  return set_error_text(TW_E_VALUE, display_name(spec), ": ", Scalar(scalar), " does not fit ", type);
}

template <class T>
tw_status splat(Splat* out, T value) {
  fill_splat(*out, &value, sizeof value);
  return TW_OK;
}

std::complex<double> number_of(Scalar scalar) { return {scalar.real(), scalar.imag()}; }

tw_status integer_splat(const OpSpec& spec, const tw_value& scalar, ComputeType type, Splat* out) {
  if (scalar.tag != TW_INT && scalar.tag != TW_BOOL && scalar.tag != TW_UINT)
    return does_not_fit(spec, scalar, "an integer type");
  const int64_t value = scalar.u.i;
  if (type == ComputeType::kU64)
    return value >= 0 || scalar.tag == TW_UINT ? splat(out, value) : does_not_fit(spec, scalar, "uint64");
  if (scalar.tag == TW_UINT) return does_not_fit(spec, scalar, type == ComputeType::kI32 ? "int32" : "int64");
  if (type == ComputeType::kI64) return splat(out, value);
  if (type == ComputeType::kB8) return splat(out, static_cast<uint8_t>(value != 0));
  return value == static_cast<int32_t>(value) ? splat(out, static_cast<int32_t>(value))
                                              : does_not_fit(spec, scalar, "int32");
}

}  // namespace

void fill_splat(Splat& splat, const void* value, int64_t size) {
  uint64_t word = 0;
  switch (size) {
    case 1: {
      uint8_t b;
      std::memcpy(&b, value, 1);
      word = b * uint64_t{0x0101010101010101};
      break;
    }
    case 4: {
      uint32_t w;
      std::memcpy(&w, value, 4);
      word = w * uint64_t{0x0000000100000001};
      break;
    }
    case 16:
      for (int i = 0; i < 64; i += 16) std::memcpy(splat.bytes + i, value, 16);
      return;
    default:
      std::memcpy(&word, value, 8);
  }
  for (int i = 0; i < 64; i += 8) std::memcpy(splat.bytes + i, &word, 8);
}

tw_status scalar_splat(const OpSpec& spec, const tw_value& scalar, ComputeType type, Splat* out) {
  if (scalar.tag == TW_NONE || (scalar.tag == TW_COMPLEX && !is_complex_type(type)))
    return does_not_fit(spec, scalar, "a real type");
  switch (type) {
    case ComputeType::kF32:
      return splat(out, static_cast<float>(Scalar(scalar).real()));
    case ComputeType::kF64:
      return splat(out, Scalar(scalar).real());
    case ComputeType::kC32: {
      const std::complex<double> z = number_of(scalar);
      return splat(out, std::complex<float>(float(z.real()), float(z.imag())));
    }
    case ComputeType::kC64:
      return splat(out, number_of(scalar));
    default:
      return integer_splat(spec, scalar, type, out);
  }
}

}  // namespace tw::cpu
