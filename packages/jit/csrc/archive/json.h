// Reads JSON (RFC 8259) from files that are somebody else's: bounded in depth, no name twice, nothing after the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tw::jit {

class Json {
 public:
  enum class Kind : uint8_t { kNull, kBool, kInteger, kReal, kString, kArray, kObject };

  // Throws TW_E_VALUE naming `what` and the byte.
  static Json parse(std::string_view text, const char* what);

  Kind kind() const { return kind_; }
  // Each throws TW_E_VALUE if the value is of another kind, or has no such member.
  int64_t integer() const;
  const std::string& string() const;
  const std::vector<Json>& items() const;
  const std::vector<std::pair<std::string, Json>>& members() const;
  const Json& operator[](std::string_view name) const;
  const Json* find(std::string_view name) const;  // null if there is none

 private:
  friend class JsonParser;
  Kind kind_ = Kind::kNull;
  int64_t integer_ = 0;
  double real_ = 0;
  std::string string_;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace tw::jit
