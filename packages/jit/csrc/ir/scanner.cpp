#include "scanner.h"

#include <tensorwright/tw.hpp>

#include <cctype>

#include "text.h"

namespace tw::jit {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool in_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void Scanner::skip() {
  while (at_ < text_.size()) {
    if (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r') {
      ++at_;
    } else if (text_[at_] == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      return;
    }
  }
}

void Scanner::fail(const std::string& message) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < at_ && i < text_.size(); ++i) {
    ++column;
    if (text_[i] == '\n') ++line, column = 1;
  }
  throw Error(TW_E_VALUE,
              "graph text, line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + message);
}

void Scanner::enter() {
  if (++depth_ > kDeepestText) fail("the text nests more than " + std::to_string(kDeepestText) + " levels deep");
}

bool Scanner::at_end() {
  skip();
  return at_ >= text_.size();
}

char Scanner::peek_char() {
  skip();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool Scanner::peek(std::string_view sign) {
  skip();
  if (text_.substr(at_, sign.size()) != sign) return false;
  const bool word = in_word(sign.back());
  return !word || at_ + sign.size() >= text_.size() || !in_word(text_[at_ + sign.size()]);
}

bool Scanner::take(std::string_view sign) {
  if (!peek(sign)) return false;
  at_ += sign.size();
  return true;
}

void Scanner::expect(std::string_view sign) {
  if (take(sign)) return;
  const std::string found = at_ < text_.size() ? "'" + std::string(text_.substr(at_, 1)) + "'" : "the end";
  fail("expected '" + std::string(sign) + "', got " + found);
}

std::string_view Scanner::peek_word() {
  skip();
  size_t end = at_;
  while (end < text_.size()) {
    if (in_word(text_[end]))
      ++end;
    else if (text_.substr(end, 2) == "::")
      end += 2;
    else
      break;
  }
  return text_.substr(at_, end - at_);
}

std::string Scanner::word(const char* wanted) {
  const std::string found(peek_word());
  if (found.empty()) fail(std::string("expected ") + wanted);
  at_ += found.size();
  return found;
}

std::string Scanner::string() {
  expect("\"");
  std::string value;
  for (;;) {
    if (at_ >= text_.size()) fail("a string has no closing quote");
    const char c = text_[at_++];
    if (c == '"') return value;
    if (c != '\\') {
      value += c;
      continue;
    }
    const char escaped = at_ < text_.size() ? text_[at_++] : '\0';
    if (escaped == '"' || escaped == '\\') {
      value += escaped;
    } else if (escaped == 'n') {
      value += '\n';
    } else if (escaped == 'u' && at_ + 4 <= text_.size() && text_.substr(at_, 2) == "00" &&
               hex_digit(text_[at_ + 2]) >= 0 && hex_digit(text_[at_ + 3]) >= 0) {
      value += static_cast<char>(hex_digit(text_[at_ + 2]) * 16 + hex_digit(text_[at_ + 3]));
      at_ += 4;
    } else {
      fail("expected \\\", \\\\, \\n or \\u00xx in a string");
    }
  }
}

std::string_view Scanner::number_text() {
  skip();
  size_t end = at_;
  const auto exponent_sign = [&] { return end > at_ && (text_[end - 1] == 'e' || text_[end - 1] == 'E'); };
  if (end < text_.size() && text_[end] == '-') ++end;
  while (end < text_.size() && (is_digit(text_[end]) || text_[end] == '.' || text_[end] == 'e' || text_[end] == 'E' ||
                                ((text_[end] == '-' || text_[end] == '+') && exponent_sign())))
    ++end;
  const std::string_view found = text_.substr(at_, end - at_);
  if (found.empty()) fail("expected a number");
  at_ = end;
  return found;
}

std::string Scanner::balanced(char close) {
  skip();
  const size_t begin = at_;
  int open = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (open == 0 && (c == close || c == ',')) return std::string(text_.substr(begin, at_ - begin));
    if (c == '(') ++open;
    if (c == ')' && --open < 0) break;
    if (c == '\n') break;
  }
  fail(std::string("expected '") + close + "'");
}

}  // namespace tw::jit
