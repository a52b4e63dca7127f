#include "constants.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "types.h"

namespace tw::jit {

ConstantId Constants::operator()(const Constant& c) {
  return constants_.intern(key_of(c.kind, c.integer, c.real, c.imag, c.dtype, c.device) + c.text, [&] { return c; });
}

std::string quoted(std::string_view text) {
  std::string written = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      written += '\\', written += c;
    } else if (c == '\n') {
      written += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      written += "\\u00", written += kHex[(c >> 4) & 15], written += kHex[c & 15];
    } else {
      written += c;
    }
  }
  return written + "\"";
}

std::string float_text(double value) {
  if (std::isnan(value)) {  // the payload is kept: equal constants have equal bits
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    if (bits == 0x7ff8000000000000u) return "nan";
    char hex[24];
    const auto end = std::to_chars(hex, hex + sizeof hex, bits, 16).ptr;
    return "nan(0x" + std::string(hex, end) + ")";
  }
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  std::string written(digits, end);
  return written.find_first_of(".e") == std::string::npos ? written + ".0" : written;
}

std::string Constants::text(ConstantId id) const {
  const Constant& c = constants_[id];
  switch (c.kind) {
    case ConstantKind::kBool:
      return c.integer ? "True" : "False";
    case ConstantKind::kInt:
      return std::to_string(c.integer);
    case ConstantKind::kUInt:
      return std::to_string(static_cast<uint64_t>(c.integer));
    case ConstantKind::kFloat:
      return float_text(c.real);
    case ConstantKind::kComplex:
      return "complex(" + float_text(c.real) + ", " + float_text(c.imag) + ")";
    case ConstantKind::kStr:
      return quoted(c.text);
    case ConstantKind::kDtype:
      return dtype_name(c.dtype);
    case ConstantKind::kDevice:
      return "device(" + std::to_string(c.device.type) + ", " + std::to_string(c.device.index) + ")";
    case ConstantKind::kEllipsis:
      return "...";
    default:
      return "object(" + std::to_string(c.integer) + ")";
  }
}

}  // namespace tw::jit
