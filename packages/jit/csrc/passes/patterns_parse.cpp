#include <cctype>
#include <cstdlib>

#include "patterns.h"

namespace tw::jit {
namespace {

class TermParser {
 public:
  explicit TermParser(std::string_view text) : text_(text) {}

  Term term() {
    skip();
    const char c = peek();
    if (c == '[') return ++at_, group(Term::Kind::kList, "", ']');
    if (c == '"') return quoted();
    if (c == '-' || std::isdigit(static_cast<unsigned char>(c))) return number();
    const bool function = c == '$';
    if (function) ++at_;
    const std::string name = word();
    skip();
    if (peek() == '(') return ++at_, group(function ? Term::Kind::kFunction : Term::Kind::kOp, name, ')');
    return leaf(name);
  }
  bool at_end() { return skip(), at_ == text_.size(); }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  [[noreturn]] void fail() const { throw Error(TW_E_VALUE, "a rule is not well formed: " + std::string(text_)); }

  std::string word() {
    std::string name;
    while (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '_' || peek() == '.') name += text_[at_++];
    if (name.empty()) fail();
    return name;
  }
  Term leaf(const std::string& name) const {
    if (name == "_") return make(Term::Kind::kAny, name);
    if (name == "None") return make(Term::Kind::kNone, name);
    Term term = make(name == "True" || name == "False" ? Term::Kind::kBool : Term::Kind::kVariable, name);
    term.number = name == "True";
    return term;
  }
  static Term make(Term::Kind kind, std::string text) {
    Term term;
    term.kind = kind, term.text = std::move(text);
    return term;
  }
  Term quoted() {
    const size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) fail();
    Term term = make(Term::Kind::kText, std::string(text_.substr(at_ + 1, end - at_ - 1)));
    at_ = end + 1;
    return term;
  }
  Term number() {
    const std::string rest(text_.substr(at_));
    char* end = nullptr;
    Term term = make(Term::Kind::kNumber, "");
    term.number = std::strtod(rest.c_str(), &end);
    const auto length = static_cast<size_t>(end - rest.c_str());
    term.integral = rest.substr(0, length).find_first_of(".e") == std::string::npos;
    at_ += length;
    return term;
  }
  Term group(Term::Kind kind, const std::string& name, char close) {
    Term term = make(kind, kind == Term::Kind::kOp ? "tw::" + name : name);
    for (skip(); peek() != close; skip()) {
      term.items.push_back(this->term());
      skip();
      if (peek() == ',')
        ++at_;
      else if (peek() != close)
        fail();
    }
    ++at_;
    return term;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Term parse_term(std::string_view text) { return TermParser(text).term(); }

std::vector<Term> parse_terms(std::string_view text) {
  TermParser parser(text);
  std::vector<Term> terms;
  while (!parser.at_end()) terms.push_back(parser.term());
  return terms;
}

}  // namespace tw::jit
