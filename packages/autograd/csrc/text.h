// Error messages: text("sum: expected ", shape, " of ", dtype).
#pragma once

#include <tensorwright/tw.hpp>

#include <string>

namespace tw::autograd {

inline void append(std::string& out, std::string_view s) { out += s; }
inline void append(std::string& out, const char* s) { out += s; }
template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
void append(std::string& out, T n) {
  out += std::to_string(n);
}
void append(std::string& out, IntList shape);
void append(std::string& out, tw_dtype dtype);

template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

inline bool same_shape(IntList a, IntList b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}
inline bool same_shape(TensorRef a, TensorRef b) { return same_shape(a.shape(), b.shape()); }

// "mul" of "tw::mul".
std::string_view short_name(const char* op);

}  // namespace tw::autograd
