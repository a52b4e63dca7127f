// Numbers read from text, whole and in range, whatever the locale.
#pragma once

#include <charconv>
#include <string_view>

namespace tw::jit {

// Whether all of the text is a number of this type; `value` is then set.
template <class T>
bool read_number(std::string_view text, T& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

inline bool read_hexadecimal(std::string_view text, uint64_t& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace tw::jit
