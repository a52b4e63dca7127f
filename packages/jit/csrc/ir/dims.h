// Sizes of tensors whose value may be unknown until a program runs: integer expressions over symbols.
//
// An expression is kept in one normal form, a polynomial with integer coefficients over atoms; an atom is a symbol or a
// floordiv, mod, min or max of two expressions. Equal polynomials are one Dim, so equality of handles is proof of
// equality; the converse is not claimed for expressions with such atoms.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interner.h"

namespace tw::jit {

enum class DimOp : uint8_t { kSymbol, kFloorDiv, kMod, kMin, kMax, kAdd, kMultiply };

// The values that a symbol may have: from `low` on, to `high` if there is one.
struct DimRange {
  int64_t low = 0;
  std::optional<int64_t> high{};
};

class Dims {
 public:
  Dim constant(int64_t value);
  // A name of letters, digits and underscores that begins with a letter.
  Dim symbol(std::string_view name);

  // Throw TW_E_VALUE where a coefficient leaves int64, or where a divisor is known to be zero.
  Dim add(Dim a, Dim b);
  Dim subtract(Dim a, Dim b);
  Dim multiply(Dim a, Dim b);
  Dim floordiv(Dim a, Dim b);  // rounds towards minus infinity
  Dim mod(Dim a, Dim b);       // has the sign of b
  Dim min(Dim a, Dim b);
  Dim max(Dim a, Dim b);

  std::optional<int64_t> value(Dim a) const;
  // The symbols in it, each once, in the order in which they were made.
  std::vector<Dim> symbols(Dim a) const;
  // The expression with symbols replaced by other expressions.
  Dim substitute(Dim a, const std::map<Dim, Dim>& values);
  // What it is where the symbols have these values; throws TW_E_VALUE for a symbol without one and on overflow.
  int64_t evaluate(Dim a, const std::map<Dim, int64_t>& values) const;

  // What an algebra makes of the expression, from the leaves up: `algebra.number(int64_t)`, `algebra.symbol(Dim)` and
  // `algebra.combine(DimOp, left, right)` give values of one type.
  template <class A>
  auto fold(Dim a, A&& algebra) const -> decltype(algebra.number(0)) {
    using T = decltype(algebra.number(0));
    T sum = algebra.number(0);
    bool first = true;
    const Polynomial terms = polynomials_[a];  // a copy: the algebra may make new expressions
    for (const auto& [factors, coefficient] : terms) {
      T product = algebra.number(coefficient);
      bool one = coefficient == 1;
      for (const Factor& factor : factors) {
        const Atom item = atoms_[factor.atom];
        const T base = item.op == DimOp::kSymbol
                           ? algebra.symbol(of_atom(factor.atom))
                           : algebra.combine(item.op, fold(item.left, algebra), fold(item.right, algebra));
        for (uint32_t i = 0; i < factor.power; ++i, one = false)
          product = one ? base : algebra.combine(DimOp::kMultiply, product, base);
      }
      sum = first ? product : algebra.combine(DimOp::kAdd, sum, product);
      first = false;
    }
    return sum;
  }

  // What is known of a symbol; nothing unless it was told.
  void restrict_to(Dim symbol, DimRange range) { ranges_[symbol] = range; }
  const std::map<Dim, DimRange>& ranges() const { return ranges_; }

  // As in Python: `2*s0**2 + s1 - 1`, `s0 // 2`, `s0 % 4`, `min(s0, 8)`; parse() reads what text() writes.
  std::string text(Dim a) const;
  Dim parse(std::string_view text);

 private:
  using AtomId = Id<struct AtomTag>;
  struct Atom {
    DimOp op;
    std::string name;
    Dim left, right;
  };
  struct Factor {
    AtomId atom;
    uint32_t power;
    bool operator<(const Factor& o) const { return atom != o.atom ? atom < o.atom : power < o.power; }
    bool operator==(const Factor& o) const { return atom == o.atom && power == o.power; }
  };
  using Monomial = std::vector<Factor>;  // by rising atom; empty: the constant term
  using Polynomial = std::map<Monomial, int64_t>;

  Dim intern(Polynomial polynomial) const;
  Dim atom(DimOp op, Dim left, Dim right);
  Dim of_atom(AtomId atom) const;
  std::string factors_text(const Monomial& factors) const;
  std::string atom_text(const Atom& atom) const;
  void collect(Dim a, std::map<Dim, bool>& found) const;
  Dim combine(DimOp op, Dim left, Dim right);
  Dim apply(DimOp op, Dim left, Dim right);

  Interner<Atom, AtomId> atoms_;
  mutable Interner<Polynomial, Dim> polynomials_;  // asking for the Dim of an atom may note it
  std::map<Dim, DimRange> ranges_;
};

}  // namespace tw::jit
