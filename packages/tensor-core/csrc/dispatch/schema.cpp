#include "dispatch/schema.h"

#include <cctype>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "dispatch/call.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw {

namespace {

constexpr size_t kMaxArgs = 64;

struct TypeName {
  const char* text;
  ArgType arg;
};
// Longer names before those they begin with.
constexpr TypeName kTypes[] = {
    {"Tensor|Scalar", ArgType::kOperand},
    {"Tensor[]", ArgType::kTensors},
    {"Tensor?[]", ArgType::kTensors},
    {"Tensor", ArgType::kTensor},
    {"Scalar", ArgType::kScalar},
    {"int[", ArgType::kInts},
    {"int", ArgType::kInt},
    {"float[]", ArgType::kFloats},
    {"float", ArgType::kFloat},
    {"bool", ArgType::kBool},
    {"str", ArgType::kStr},
    {"dtype", ArgType::kDtype},
    {"device", ArgType::kDevice},
    {"Object", ArgType::kObject},
};

struct BadSchema {
  std::string message;
};

// What the parser collects; moved into memory that lives for ever once the whole text was read.
struct Parts {
  std::string name;
  std::vector<ArgSpec> args;
  std::vector<RetSpec> rets;
  std::vector<std::string> arg_aliases;
  uint32_t positional = 0;
  uint64_t mutated = 0;
};

char* keep(std::string_view text) {
  char* copy = new char[text.size() + 1];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  return copy;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Parts parse() {
    parts_.name = qualified_name();
    expect("(");
    if (!take(")")) {
      do argument();
      while (take(","));
      expect(")");
    }
    expect("->");
    results();
    skip_space();
    if (at_ != text_.size()) refuse("nothing more");
    return std::move(parts_);
  }

 private:
  [[noreturn]] void refuse(const char* expected) const {
    throw BadSchema{text("schema '", text_, "': expected ", expected, " at '", text_.substr(at_, 20), "'")};
  }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(const char* token) {
    if (!take(token)) refuse(text("'", token, "'").c_str());
  }

  std::string_view word() {
    skip_space();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    if (begin == at_ || std::isdigit(static_cast<unsigned char>(text_[begin]))) {
      at_ = begin;
      refuse("a name");
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string qualified_name() {
    std::string name(word());
    expect("::");
    name += "::" + std::string(word());
    if (take(".")) name += "." + std::string(word());
    return name;
  }

  // "(a)" and "(a!)" after Tensor; says whether the argument is written.
  bool alias(std::string* name) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != '(') return false;
    ++at_;
    *name = word();
    const bool written = take("!");
    expect(")");
    return written;
  }

  ArgType type(int8_t* list_length, std::string* alias_name, bool* written) {
    skip_space();
    for (const TypeName& candidate : kTypes) {
      if (text_.substr(at_, std::strlen(candidate.text)) != candidate.text) continue;
      at_ += std::strlen(candidate.text);
      if (candidate.arg == ArgType::kInts) *list_length = length();
      if (candidate.arg == ArgType::kTensors && candidate.text[6] == '?') *list_length = kMayLackTensors;
      if (candidate.arg == ArgType::kTensor) {
        *written = alias(alias_name);
        if (take("[]")) return ArgType::kTensors;
      }
      return candidate.arg;
    }
    refuse(
        "a type (Tensor, Tensor|Scalar, Scalar, int, float, bool, str, dtype, device, int[], float[], Tensor[], "
        "Object)");
  }

  int8_t length() {
    if (take("]")) return 0;
    const int64_t n = integer();
    expect("]");
    if (n < 1 || n > 127) refuse("a list length from 1 to 127");
    return static_cast<int8_t>(n);
  }

  void argument() {
    if (take("*")) {
      if (keyword_only_) refuse("one '*' only");
      keyword_only_ = true;
      return;
    }
    if (parts_.args.size() == kMaxArgs) refuse("at most 64 arguments");
    ArgSpec arg{};
    std::string alias_name;
    bool written = false;
    arg.type = type(&arg.list_length, &alias_name, &written);
    arg.optional = take("?");
    const std::string_view name = word();
    for (const ArgSpec& other : parts_.args)
      if (name == other.name) refuse("another name: this one was used");
    arg.name = keep(name);
    arg.keyword_only = keyword_only_;
    arg.has_default = take("=");
    if (arg.has_default)
      arg.default_value = default_value(arg);
    else if (!keyword_only_ && !parts_.args.empty() && parts_.args.back().has_default)
      refuse("a default, as the argument before has one");
    if (written) parts_.mutated |= uint64_t{1} << parts_.args.size();
    parts_.args.push_back(arg);
    parts_.arg_aliases.push_back(alias_name);
    parts_.positional += !keyword_only_;
  }

  tw_value default_value(const ArgSpec& arg) {
    if (take("None"))
      return arg.optional ? value_none() : (refuse("a value: None is only for optional types"), value_none());
    switch (arg.type) {
      case ArgType::kBool:
        return boolean();
      case ArgType::kInt:
        return to_value(integer());
      case ArgType::kFloat:
        return to_value(real());
      case ArgType::kScalar:
      case ArgType::kOperand:
        return number();
      case ArgType::kStr:
        return string();
      case ArgType::kInts:
        return integers(arg);
      case ArgType::kDtype:
        return dtype();
      default:
        refuse("no default: this type has none but None");
    }
  }

  tw_value boolean() {
    if (take("True")) return to_value(true);
    if (take("False")) return to_value(false);
    refuse("True or False");
  }
  tw_value number() {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    if (rest.substr(0, 4) == "True" || rest.substr(0, 5) == "False") return boolean();
    const size_t end = rest.find_first_of(",) ");
    const bool is_real = rest.substr(0, end).find_first_of(".en") != std::string_view::npos;
    return is_real ? to_value(real()) : to_value(integer());
  }
  template <class T>
  T parsed(const char* expected) {
    skip_space();
    T value{};
    const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (result.ec != std::errc()) refuse(expected);
    at_ = static_cast<size_t>(result.ptr - text_.data());
    return value;
  }
  int64_t integer() { return parsed<int64_t>("an integer"); }
  double real() { return parsed<double>("a number"); }
  tw_value string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : 0;
    const size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) refuse("a quoted string");
    const std::string_view content = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return to_value(std::string_view(keep(content), content.size()));
  }
  tw_value integers(const ArgSpec& arg) {
    std::vector<int64_t> list;
    if (!take("[")) {
      if (arg.list_length == 0) refuse("a list");
      list.assign(arg.list_length, integer());
    } else if (!take("]")) {
      do list.push_back(integer());
      while (take(","));
      expect("]");
    }
    auto* kept = new int64_t[list.size() + 1]();
    std::copy(list.begin(), list.end(), kept);
    return to_value(IntList(kept, list.size()));
  }
  tw_value dtype() {
    tw_dtype found;
    if (!dtype_by_name(word(), &found)) refuse("the name of a dtype");
    return to_value(found);
  }

  void results() {
    if (!take("(")) return result(false);
    if (take(")")) return;
    do result(true);
    while (take(","));
    expect(")");
  }

  void result(bool may_have_name) {
    if (parts_.rets.size() == kMaxReturns) refuse("at most 16 results");
    int8_t list_length = 0;
    std::string alias_name;
    bool written = false;
    RetSpec ret{nullptr, RetType::kTensor, -1};
    switch (type(&list_length, &alias_name, &written)) {
      case ArgType::kTensor:
        ret.type = RetType::kTensor;
        break;
      case ArgType::kTensors:
        ret.type = RetType::kTensors;
        break;
      case ArgType::kScalar:
        ret.type = RetType::kScalar;
        break;
      case ArgType::kInt:
        ret.type = RetType::kInt;
        break;
      case ArgType::kFloat:
        ret.type = RetType::kFloat;
        break;
      case ArgType::kBool:
        ret.type = RetType::kBool;
        break;
      case ArgType::kStr:
        ret.type = RetType::kStr;
        break;
      case ArgType::kInts:
        ret.type = RetType::kInts;
        break;
      case ArgType::kDtype:
        ret.type = RetType::kDtype;
        break;
      case ArgType::kObject:
        ret.type = RetType::kObject;
        break;
      default:
        refuse("a type that an op can return");
    }
    for (size_t i = 0; i < parts_.arg_aliases.size() && !alias_name.empty(); ++i)
      if (parts_.arg_aliases[i] == alias_name) ret.alias = static_cast<int8_t>(i);
    if (!alias_name.empty() && ret.alias < 0) refuse("an alias that an argument has");
    skip_space();
    if (may_have_name && at_ < text_.size() && text_[at_] != ',' && text_[at_] != ')') ret.name = keep(word());
    parts_.rets.push_back(ret);
  }

  std::string_view text_;
  size_t at_ = 0;
  bool keyword_only_ = false;
  Parts parts_;
};

template <class T>
const T* keep(const std::vector<T>& list) {
  T* kept = new T[list.size() + 1]();
  std::copy(list.begin(), list.end(), kept);
  return kept;
}

}  // namespace

OpSpec* parse_schema(std::string_view text, std::string* error) {
  try {
    const Parts parts = Parser(text).parse();
    auto* spec = new OpSpec{};
    spec->name = keep(std::string_view(parts.name));
    spec->schema = keep(text);
    spec->nargs = static_cast<uint32_t>(parts.args.size());
    spec->npositional = parts.positional;
    spec->nrets = static_cast<uint32_t>(parts.rets.size());
    spec->args = keep(parts.args);
    spec->rets = keep(parts.rets);
    spec->mutated = parts.mutated;
    return spec;
  } catch (const BadSchema& bad) {
    *error = bad.message;
    return nullptr;
  }
}

}  // namespace tw
