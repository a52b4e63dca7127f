#include "dims.h"

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <cctype>

namespace tw::jit {
namespace {

int64_t checked_add(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) throw Error(TW_E_VALUE, "a size leaves the range of int64");
  return sum;
}
int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) throw Error(TW_E_VALUE, "a size leaves the range of int64");
  return product;
}

int64_t floor_of(int64_t a, int64_t b) {
  if (b == 0) throw Error(TW_E_VALUE, "a size is divided by zero");
  if (a == INT64_MIN && b == -1) throw Error(TW_E_VALUE, "a size leaves the range of int64");
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

int64_t computed(DimOp op, int64_t a, int64_t b) {
  switch (op) {
    case DimOp::kFloorDiv:
      return floor_of(a, b);
    case DimOp::kMod:
      return b == -1 ? 0 : a - floor_of(a, b) * b;
    case DimOp::kMin:
      return std::min(a, b);
    case DimOp::kMax:
      return std::max(a, b);
    case DimOp::kAdd:
      return checked_add(a, b);
    default:
      return checked_multiply(a, b);
  }
}

void append_number(std::string& key, int64_t number) { key.append(reinterpret_cast<const char*>(&number), 8); }

}  // namespace

// ---- normal form ----------------------------------------------------------------------------------------------------

Dim Dims::intern(Polynomial polynomial) const {
  std::string key;
  for (auto item = polynomial.begin(); item != polynomial.end();) {
    if (item->second == 0) {
      item = polynomial.erase(item);
      continue;
    }
    append_number(key, static_cast<int64_t>(item->first.size()));
    for (const Factor& factor : item->first) append_number(key, factor.atom.index), append_number(key, factor.power);
    append_number(key, item->second);
    ++item;
  }
  return polynomials_.intern(key, [&] { return std::move(polynomial); });
}

Dim Dims::of_atom(AtomId atom) const { return intern({{{Factor{atom, 1}}, 1}}); }

Dim Dims::atom(DimOp op, Dim left, Dim right) {
  return of_atom(atoms_.intern(key_of(op, left, right), [&] { return Atom{op, {}, left, right}; }));
}

Dim Dims::constant(int64_t value) { return intern({{{}, value}}); }

Dim Dims::symbol(std::string_view name) {
  return of_atom(
      atoms_.intern("$" + std::string(name), [&] { return Atom{DimOp::kSymbol, std::string(name), Dim(), Dim()}; }));
}

std::optional<int64_t> Dims::value(Dim a) const {
  const Polynomial& terms = polynomials_[a];
  if (terms.empty()) return 0;
  if (terms.size() == 1 && terms.begin()->first.empty()) return terms.begin()->second;
  return std::nullopt;
}

Dim Dims::add(Dim a, Dim b) {
  Polynomial sum = polynomials_[a];
  for (const auto& [factors, coefficient] : polynomials_[b]) sum[factors] = checked_add(sum[factors], coefficient);
  return intern(std::move(sum));
}

Dim Dims::subtract(Dim a, Dim b) { return add(a, multiply(b, constant(-1))); }

Dim Dims::multiply(Dim a, Dim b) {
  Polynomial product;
  for (const auto& [left, x] : polynomials_[a])
    for (const auto& [right, y] : polynomials_[b]) {
      Monomial factors = left;
      for (const Factor& factor : right) {
        auto place =
            std::find_if(factors.begin(), factors.end(), [&](const Factor& f) { return f.atom == factor.atom; });
        if (place == factors.end())
          factors.push_back(factor);
        else
          place->power += factor.power;
      }
      std::sort(factors.begin(), factors.end());
      int64_t& coefficient = product[factors];
      coefficient = checked_add(coefficient, checked_multiply(x, y));
    }
  return intern(std::move(product));
}

// ---- division, minimum, maximum -------------------------------------------------------------------------------------

Dim Dims::combine(DimOp op, Dim a, Dim b) {
  const std::optional<int64_t> x = value(a), y = value(b);
  if (x && y) return constant(computed(op, *x, *y));
  return atom(op, a, b);
}

Dim Dims::floordiv(Dim a, Dim b) {
  const std::optional<int64_t> divisor = value(b);
  if (divisor == 0) throw Error(TW_E_VALUE, "a size is divided by zero");
  if (divisor == 1) return a;
  if (divisor && *divisor != 0) {  // terms that the divisor divides leave the quotient
    Polynomial whole, rest;
    for (const auto& [factors, coefficient] : polynomials_[a]) {
      const bool divides = *divisor != -1 && coefficient % *divisor == 0;
      (divides ? whole : rest)[factors] = divides ? coefficient / *divisor : coefficient;
    }
    if (!whole.empty()) return add(intern(std::move(whole)), combine(DimOp::kFloorDiv, intern(std::move(rest)), b));
  }
  if (a == b) return constant(1);  // where b is zero neither has a value
  return combine(DimOp::kFloorDiv, a, b);
}

Dim Dims::mod(Dim a, Dim b) {
  const std::optional<int64_t> divisor = value(b);
  if (divisor == 0) throw Error(TW_E_VALUE, "a size is divided by zero");
  if (divisor == 1 || divisor == -1 || a == b) return constant(0);
  if (divisor && *divisor > 1) {
    Polynomial rest;
    for (const auto& [factors, coefficient] : polynomials_[a])
      if (coefficient % *divisor != 0) rest[factors] = coefficient;
    return combine(DimOp::kMod, intern(std::move(rest)), b);
  }
  return combine(DimOp::kMod, a, b);
}

Dim Dims::min(Dim a, Dim b) { return a == b ? a : combine(DimOp::kMin, std::min(a, b), std::max(a, b)); }
Dim Dims::max(Dim a, Dim b) { return a == b ? a : combine(DimOp::kMax, std::min(a, b), std::max(a, b)); }

// ---- reading expressions --------------------------------------------------------------------------------------------

void Dims::collect(Dim a, std::map<Dim, bool>& found) const {
  for (const auto& [factors, coefficient] : polynomials_[a])
    for (const Factor& factor : factors) {
      const Atom& item = atoms_[factor.atom];
      if (item.op != DimOp::kSymbol) {
        collect(item.left, found), collect(item.right, found);
      } else {
        found[of_atom(factor.atom)] = true;
      }
    }
}

std::vector<Dim> Dims::symbols(Dim a) const {
  std::map<Dim, bool> found;
  collect(a, found);
  std::vector<Dim> list;
  for (const auto& entry : found) list.push_back(entry.first);
  return list;
}

Dim Dims::substitute(Dim a, const std::map<Dim, Dim>& values) {
  struct Expressions {
    Dims& dims;
    const std::map<Dim, Dim>& values;
    Dim number(int64_t i) const { return dims.constant(i); }
    Dim symbol(Dim s) const {
      const auto given = values.find(s);
      return given == values.end() ? s : given->second;
    }
    Dim combine(DimOp op, Dim left, Dim right) const { return dims.apply(op, left, right); }
  };
  return fold(a, Expressions{*this, values});
}

Dim Dims::apply(DimOp op, Dim left, Dim right) {
  switch (op) {
    case DimOp::kFloorDiv:
      return floordiv(left, right);
    case DimOp::kMod:
      return mod(left, right);
    case DimOp::kMin:
      return min(left, right);
    case DimOp::kMax:
      return max(left, right);
    case DimOp::kAdd:
      return add(left, right);
    default:
      return multiply(left, right);
  }
}

int64_t Dims::evaluate(Dim a, const std::map<Dim, int64_t>& values) const {
  struct Integers {
    const Dims& dims;
    const std::map<Dim, int64_t>& values;
    int64_t number(int64_t i) const { return i; }
    int64_t symbol(Dim s) const {
      const auto given = values.find(s);
      if (given == values.end()) throw Error(TW_E_VALUE, "the size " + dims.text(s) + " has no value");
      return given->second;
    }
    int64_t combine(DimOp op, int64_t left, int64_t right) const { return computed(op, left, right); }
  };
  return fold(a, Integers{*this, values});
}

// ---- text -----------------------------------------------------------------------------------------------------------

std::string Dims::atom_text(const Atom& item) const {
  const auto operand = [&](Dim a) {
    const std::string inner = text(a);
    return inner.find(' ') == std::string::npos && inner.find('*') == std::string::npos && inner[0] != '-'
               ? inner
               : "(" + inner + ")";
  };
  switch (item.op) {
    case DimOp::kSymbol:
      return item.name;
    case DimOp::kFloorDiv:
      return "(" + operand(item.left) + " // " + operand(item.right) + ")";
    case DimOp::kMod:
      return "(" + operand(item.left) + " % " + operand(item.right) + ")";
    default:
      const std::string left = text(item.left), right = text(item.right);
      return (item.op == DimOp::kMin ? "min(" : "max(") + std::min(left, right) + ", " + std::max(left, right) + ")";
  }
}

// Parts stand in the order of their text: that of their numbers depends on what was made first.
std::string Dims::factors_text(const Monomial& factors) const {
  std::vector<std::string> parts;
  for (const Factor& factor : factors)
    parts.push_back(atom_text(atoms_[factor.atom]) + (factor.power > 1 ? "**" + std::to_string(factor.power) : ""));
  std::sort(parts.begin(), parts.end());
  std::string written;
  for (const std::string& part : parts) written += (written.empty() ? "" : "*") + part;
  return written;
}

std::string Dims::text(Dim a) const {
  std::map<std::string, int64_t> terms;
  for (const auto& [factors, coefficient] : polynomials_[a]) terms[factors_text(factors)] = coefficient;
  std::string written;
  const auto append = [&](const std::string& factors, int64_t coefficient) {
    if (written.empty())
      written = coefficient < 0 ? "-" : "";
    else
      written += coefficient < 0 ? " - " : " + ";
    const std::string number = std::to_string(coefficient), size = number[0] == '-' ? number.substr(1) : number;
    written += factors.empty() ? size : size == "1" ? factors : size + "*" + factors;
  };
  for (const auto& [factors, coefficient] : terms)
    if (!factors.empty()) append(factors, coefficient);
  if (const auto constant = terms.find(""); constant != terms.end()) append("", constant->second);
  return written.empty() ? "0" : written;
}

namespace {

// A recursive descent over the text of one expression.
class DimParser {
 public:
  DimParser(Dims& dims, std::string_view text) : dims_(dims), text_(text) {}
  Dim whole() {
    const Dim result = sum();
    if (at_ != text_.size()) fail("an operator");
    return result;
  }

 private:
  static constexpr int kDeepest = 100;

  Dim sum() {
    if (++depth_ > kDeepest) fail("fewer parentheses");
    Dim left = take("-") ? dims_.multiply(product(), dims_.constant(-1)) : product();
    for (;;) {
      if (take("+"))
        left = dims_.add(left, product());
      else if (take("-"))
        left = dims_.subtract(left, product());
      else
        break;
    }
    --depth_;
    return left;
  }
  Dim product() {
    Dim left = power();
    for (;;) {
      if (take("//"))
        left = dims_.floordiv(left, power());
      else if (take("%"))
        left = dims_.mod(left, power());
      else if (take("*"))
        left = dims_.multiply(left, power());
      else
        return left;
    }
  }
  Dim power() {
    const Dim base = primary();
    if (!take("**")) return base;
    const int64_t exponent = number();
    if (exponent < 1 || exponent > 16) fail("an exponent from 1 to 16");
    Dim result = base;
    for (int64_t i = 1; i < exponent; ++i) result = dims_.multiply(result, base);
    return result;
  }
  Dim primary() {
    if (take("(")) {
      const Dim inner = sum();
      expect(")");
      return inner;
    }
    skip();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) return dims_.constant(number());
    const std::string name = word();
    if ((name == "min" || name == "max") && take("(")) {
      const Dim left = sum();
      expect(",");
      const Dim right = sum();
      expect(")");
      return name == "min" ? dims_.min(left, right) : dims_.max(left, right);
    }
    return dims_.symbol(name);
  }
  int64_t number() {
    skip();
    const size_t begin = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_)
      value = checked_add(checked_multiply(value, 10), text_[at_] - '0');
    if (at_ == begin) fail("a number");
    return value;
  }
  std::string word() {
    const size_t begin = at_;
    const auto letter = [&] {
      return at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_');
    };
    while (letter()) ++at_;
    if (at_ == begin || std::isdigit(static_cast<unsigned char>(text_[begin]))) fail("a size");
    return std::string(text_.substr(begin, at_ - begin));
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view sign) {
    skip();
    if (text_.substr(at_, sign.size()) != sign) return false;
    if (sign == "*" && text_.substr(at_, 2) == "**") return false;
    at_ += sign.size();
    return true;
  }
  void expect(std::string_view sign) {
    if (!take(sign)) fail("'" + std::string(sign) + "'");
  }
  [[noreturn]] void fail(const std::string& wanted) {
    throw Error(TW_E_VALUE, "size expression '" + std::string(text_) + "': expected " + wanted + " at character " +
                                std::to_string(at_ + 1));
  }

  Dims& dims_;
  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Dim Dims::parse(std::string_view text) { return DimParser(*this, text).whole(); }

}  // namespace tw::jit
