#include "json.h"

#include <tensorwright/tw.hpp>

#include <unordered_set>

#include "../ir/numbers.h"

namespace tw::jit {
namespace {

constexpr int kDeepest = 64;

}  // namespace

class JsonParser {
 public:
  JsonParser(std::string_view text, const char* what) : text_(text), what_(what) {}

  Json whole() {
    Json result = value(0);
    skip();
    if (at_ != text_.size()) fail("text after the end");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) {
    throw Error(TW_E_VALUE, std::string(what_) + ": " + reason + " at byte " + std::to_string(at_));
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(std::string_view sign) {
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }

  Json value(int depth) {
    if (depth > kDeepest) fail("JSON nests more than 64 levels deep");
    skip();
    Json result;
    if (take("{")) {
      object(result, depth);
    } else if (take("[")) {
      array(result, depth);
    } else if (take("\"")) {
      result.kind_ = Json::Kind::kString, result.string_ = string();
    } else if (take("true")) {
      result.kind_ = Json::Kind::kBool, result.integer_ = 1;
    } else if (take("false")) {
      result.kind_ = Json::Kind::kBool;
    } else if (!take("null")) {
      number(result);
    }
    return result;
  }

  void array(Json& result, int depth) {
    result.kind_ = Json::Kind::kArray;
    skip();
    if (take("]")) return;
    do {
      result.items_.push_back(value(depth + 1));
      skip();
    } while (take(","));
    if (!take("]")) fail("expected , or ]");
  }

  void object(Json& result, int depth) {
    result.kind_ = Json::Kind::kObject;
    std::unordered_set<std::string> names;
    skip();
    if (take("}")) return;
    do {
      skip();
      if (!take("\"")) fail("expected a name");
      std::string name = string();
      if (!names.insert(name).second) fail("the name '" + name + "' occurs twice");
      skip();
      if (!take(":")) fail("expected :");
      result.members_.emplace_back(std::move(name), value(depth + 1));
      skip();
    } while (take(","));
    if (!take("}")) fail("expected , or }");
  }

  std::string string() {
    std::string result;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      if (c != '\\')
        result += c;
      else
        escape(result);
    }
    if (!take("\"")) fail("a string has no end");
    return result;
  }

  void escape(std::string& result) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (const size_t k = kNames.find(c); k != std::string_view::npos && c) {
      result += kValues[k];
      return;
    }
    if (c != 'u') fail("an unknown escape");
    uint32_t point = hexadecimal();
    if (point >= 0xD800 && point < 0xDC00) {  // the first half of a pair
      if (!take("\\u")) fail("half of a surrogate pair");
      const uint32_t low = hexadecimal();
      if (low < 0xDC00 || low > 0xDFFF) fail("half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point <= 0xDFFF) {
      fail("half of a surrogate pair");
    }
    append_utf8(result, point);
  }

  uint32_t hexadecimal() {
    uint64_t value = 0;
    const std::string_view digits = text_.substr(at_, 4);
    if (digits.size() < 4 || !read_hexadecimal(digits, value)) fail("expected \\uXXXX");
    at_ += 4;
    return static_cast<uint32_t>(value);
  }

  static void append_utf8(std::string& out, uint32_t point) {
    if (point < 0x80) {
      out += static_cast<char>(point);
      return;
    }
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    constexpr unsigned kLead[] = {0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(kLead[more] | (point >> (6 * more)));
    for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80 | ((point >> (6 * k)) & 0x3F));
  }

  void number(Json& result) {
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view("+-.eE0123456789").find(text_[at_]) != std::string_view::npos) ++at_;
    const std::string_view digits = text_.substr(begin, at_ - begin);
    if (digits.empty()) fail("expected a value");
    if (read_number(digits, result.integer_)) {
      result.kind_ = Json::Kind::kInteger;
    } else if (read_number(digits, result.real_)) {
      result.kind_ = Json::Kind::kReal;
    } else {
      fail("expected a number");
    }
  }

  std::string_view text_;
  const char* what_;
  size_t at_ = 0;
};

Json Json::parse(std::string_view text, const char* what) { return JsonParser(text, what).whole(); }

namespace {

[[noreturn]] void wrong_kind(const char* wanted) { throw Error(TW_E_VALUE, std::string("JSON: expected ") + wanted); }

}  // namespace

int64_t Json::integer() const {
  if (kind_ != Kind::kInteger) wrong_kind("an integer");
  return integer_;
}
const std::string& Json::string() const {
  if (kind_ != Kind::kString) wrong_kind("a string");
  return string_;
}
const std::vector<Json>& Json::items() const {
  if (kind_ != Kind::kArray) wrong_kind("an array");
  return items_;
}
const std::vector<std::pair<std::string, Json>>& Json::members() const {
  if (kind_ != Kind::kObject) wrong_kind("an object");
  return members_;
}
const Json* Json::find(std::string_view name) const {
  for (const auto& [key, value] : members())
    if (key == name) return &value;
  return nullptr;
}
const Json& Json::operator[](std::string_view name) const {
  if (const Json* found = find(name)) return *found;
  throw Error(TW_E_VALUE, "JSON: there is no '" + std::string(name) + "'");
}

}  // namespace tw::jit
