// Splits the text form into words, numbers, strings and signs, and knows where it stands.
#pragma once

#include <string>
#include <string_view>

namespace tw::jit {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end();
  // Whether the next sign or word is this one; it is then consumed.
  bool take(std::string_view sign);
  bool peek(std::string_view sign);
  void expect(std::string_view sign);
  // Letters, digits, `_`, `.` and `::`; empty if there is none.
  std::string_view peek_word();
  std::string word(const char* wanted);
  std::string string();              // in double quotes
  std::string_view number_text();    // a number with its sign, point and exponent
  std::string balanced(char close);  // up to a sign of this kind, or a comma, outside of parentheses
  char peek_char();

  [[noreturn]] void fail(const std::string& message);
  void enter();  // one level deeper; throws where the text nests too deeply
  void leave() { --depth_; }

 private:
  void skip();

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace tw::jit
