// Constants in arguments, interned: equal constants are one ConstantId. Floats are equal where their bits are.
#pragma once

#include <tensorwright/tw.hpp>

#include <string>

#include "interner.h"

namespace tw::jit {

enum class ConstantKind : uint8_t {
  kBool,
  kInt,
  kUInt,  // at least 2^63; the bits of `integer`
  kFloat,
  kComplex,
  kStr,
  kDtype,
  kDevice,
  kEllipsis,
  kObject,  // a Python object that the module keeps in its table: capture level only
};

struct Constant {
  ConstantKind kind;
  int64_t integer = 0;  // also of bool, and the number of a kept object
  double real = 0, imag = 0;
  std::string text{};
  tw_dtype dtype{};
  tw_device device{};
};

class Constants {
 public:
  ConstantId operator()(const Constant& constant);
  ConstantId boolean(bool b) { return (*this)({ConstantKind::kBool, b}); }
  ConstantId integer(int64_t i) { return (*this)({ConstantKind::kInt, i}); }
  ConstantId real(double f) { return (*this)({ConstantKind::kFloat, 0, f}); }
  ConstantId string(std::string_view s) { return (*this)({ConstantKind::kStr, 0, 0, 0, std::string(s)}); }
  const Constant& operator[](ConstantId id) const { return constants_[id]; }

  // As the text form writes it.
  std::string text(ConstantId id) const;

 private:
  Interner<Constant, ConstantId> constants_;
};

// A string in double quotes, escaped as in JSON.
std::string quoted(std::string_view text);
// The shortest decimal form that reads back to the same bits; always with a point, an exponent, `inf` or `nan`.
std::string float_text(double value);

}  // namespace tw::jit
