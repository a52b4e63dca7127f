// Rewriting by rules that are data. A rule is three texts:
//
//   from  "mul(x, 1)"            ops of the registry without `tw::`, variables, numbers, None, True, "text", [lists], _
//   to    "x"                    the same, and $functions of constants
//   when  "same(x)"              conditions, all of which must hold
//
// A variable that stands twice must be the same both times. Arguments that a pattern leaves out must be at their
// defaults; those that a call leaves out are read as their defaults. Arguments of commuting ops match in either order.
#pragma once

#include "pass.h"

namespace tw::jit {

struct Rule {
  const char* from;
  const char* to;
  const char* when;
};

// Applies the rules wherever they match until none does; returns how often one did.
int64_t rewrite(Editor& edit, const Rule* rules, size_t count);
template <size_t N>
int64_t rewrite(Editor& edit, const Rule (&rules)[N]) {
  return rewrite(edit, rules, N);
}

// ---- within: a rule as read, and what it matched --------------------------------------------------------------------

struct Term {
  enum class Kind : uint8_t { kAny, kVariable, kNumber, kNone, kBool, kText, kList, kOp, kFunction };
  Kind kind = Kind::kAny;
  std::string text;   // of a variable, op or function its name
  double number = 0;  // also of a bool
  bool integral = false;
  std::vector<Term> items;
};

// The variables by name, and the nodes that the ops of the pattern matched.
struct Match {
  std::vector<std::pair<std::string, ArgTree>> variables;
  std::vector<NodeId> nodes;  // the first is the one that is replaced

  const ArgTree& operator[](const std::string& name) const;
};

Term parse_term(std::string_view text);
std::vector<Term> parse_terms(std::string_view text);

// Conditions and $functions, by name. Each throws TW_E_VALUE for one that there is not.
bool condition_holds(Editor& edit, const Term& condition, const Match& match);
std::optional<ArgTree> function_value(Editor& edit, const std::string& name, const std::vector<ArgTree>& args);

}  // namespace tw::jit
