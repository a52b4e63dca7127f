#include "text.h"

namespace tw::autograd {

void append(std::string& out, IntList shape) {
  out += '[';
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) out += ", ";
    out += std::to_string(shape[i]);
  }
  out += ']';
}

void append(std::string& out, tw_dtype dtype) {
  switch (dtype.code) {
    case TW_DT_BOOL:
      out += "bool";
      return;
    case TW_DT_INT:
      out += "int";
      break;
    case TW_DT_UINT:
      out += "uint";
      break;
    case TW_DT_FLOAT:
      out += "float";
      break;
    case TW_DT_BFLOAT:
      out += "bfloat";
      break;
    case TW_DT_FLOAT8_E4M3FN:
      out += "float8_e4m3fn";
      return;
    case TW_DT_FLOAT8_E5M2:
      out += "float8_e5m2";
      return;
    case TW_DT_COMPLEX:
      out += "complex";
      break;
    default:
      out += "dtype" + std::to_string(dtype.code) + "_";
      break;
  }
  out += std::to_string(dtype.bits);
}

std::string_view short_name(const char* op) {
  const std::string_view name(op);
  const size_t colons = name.rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

}  // namespace tw::autograd
