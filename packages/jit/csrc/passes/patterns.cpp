#include "patterns.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace tw::jit {
namespace {

struct Parsed {
  Term from, to;
  std::vector<Term> when;
};

// The rules by the op that they replace, read once.
using Rules = std::unordered_map<std::string, std::vector<Parsed>>;

const Rules& parsed(const Rule* rules, size_t count) {
  static std::mutex mutex;
  static auto* known = new std::unordered_map<const Rule*, Rules>();
  std::lock_guard<std::mutex> lock(mutex);
  const auto [place, first] = known->try_emplace(rules);
  for (size_t i = 0; first && i < count; ++i) {
    Parsed rule{parse_term(rules[i].from), parse_term(rules[i].to), parse_terms(rules[i].when)};
    place->second[rule.from.text].push_back(std::move(rule));
  }
  return place->second;
}

// ---- matching -------------------------------------------------------------------------------------------------------

class Matcher {
 public:
  explicit Matcher(Editor& edit) : edit_(edit) {}

  bool op(const Term& pattern, NodeId node, Match& match) {
    if (!edit_.is(node, pattern.text)) return false;
    const OpFacts* facts = edit_.facts(node);
    if (!facts || edit_.writes(node)) return false;
    const Match before = match;
    match.nodes.push_back(node);
    if (arguments(pattern, node, *facts, false, match)) return true;
    match = before;
    if (!facts->commutes) return false;
    match.nodes.push_back(node);
    if (arguments(pattern, node, *facts, true, match)) return true;
    match = before;
    return false;
  }

 private:
  bool arguments(const Term& pattern, NodeId node, const OpFacts& facts, bool swapped, Match& match) {
    for (uint32_t k = 0; k < facts.op->nargs; ++k) {
      const uint32_t from = swapped && k < 2 ? 1 - k : k;
      if (k < pattern.items.size()) {
        const auto arg = edit_.argument(node, from);
        if (!arg || !term(pattern.items[k], *arg, match)) return false;
      } else if (!at_default(node, facts, k)) {
        return false;
      }
    }
    return true;
  }

  bool at_default(NodeId node, const OpFacts& facts, uint32_t k) {
    const auto arg = edit_.argument(node, k);
    if (!arg) return true;
    if (k >= facts.defaults.size() || facts.defaults[k].empty()) return false;
    const ArgTree wanted = default_argument(edit_.module, facts.defaults[k]);
    return same_argument(*arg, wanted) || (edit_.number(*arg) && edit_.number(*arg) == edit_.number(wanted));
  }

  bool term(const Term& pattern, const ArgTree& arg, Match& match) {
    switch (pattern.kind) {
      case Term::Kind::kAny:
        return true;
      case Term::Kind::kVariable:
        return variable(pattern.text, arg, match);
      case Term::Kind::kNone:
        return arg.kind == ArgKind::kNone;
      case Term::Kind::kNumber:
      case Term::Kind::kBool:
        return number(pattern, arg);
      case Term::Kind::kText:
        return edit_.constant(arg) && edit_.constant(arg)->kind == ConstantKind::kStr &&
               edit_.constant(arg)->text == pattern.text;
      case Term::Kind::kList:
        return list(pattern, arg, match);
      default:
        return arg.kind == ArgKind::kNode && op(pattern, NodeId(arg.index), match);
    }
  }

  // A float is meant with its sign: 0 is not -0.0. Of what is not exact in binary, float32's is as good.
  bool number(const Term& pattern, const ArgTree& arg) const {
    const Constant* c = edit_.constant(arg);
    const auto value = edit_.number(arg);
    if (!value || (c->kind == ConstantKind::kBool) != (pattern.kind == Term::Kind::kBool)) return false;
    if (std::signbit(*value) != std::signbit(pattern.number)) return false;
    return *value == pattern.number ||
           (!pattern.integral && std::abs(*value - pattern.number) <= 1e-7 * std::abs(*value));
  }

  bool list(const Term& pattern, const ArgTree& arg, Match& match) {
    if ((arg.kind != ArgKind::kList && arg.kind != ArgKind::kTuple) || arg.items.size() != pattern.items.size())
      return false;
    for (size_t i = 0; i < arg.items.size(); ++i)
      if (!term(pattern.items[i], arg.items[i], match)) return false;
    return true;
  }

  static bool variable(const std::string& name, const ArgTree& arg, Match& match) {
    for (const auto& [known, value] : match.variables)
      if (known == name) return same_argument(value, arg);
    match.variables.emplace_back(name, arg);
    return true;
  }

  Editor& edit_;
};

// ---- replacing ------------------------------------------------------------------------------------------------------

std::optional<ArgTree> build(Editor& edit, const Term& term, const Match& match, NodeId anchor) {
  Constants& constants = edit.module.constants;
  std::vector<ArgTree> items;
  for (const Term& item : term.items) {
    const auto built = build(edit, item, match, anchor);
    if (!built) return std::nullopt;
    items.push_back(*built);
  }
  switch (term.kind) {
    case Term::Kind::kVariable:
      return match[term.text];
    case Term::Kind::kNumber:
      return term.integral ? constants.integer(static_cast<int64_t>(term.number)) : constants.real(term.number);
    case Term::Kind::kBool:
      return constants.boolean(term.number != 0);
    case Term::Kind::kText:
      return constants.string(term.text);
    case Term::Kind::kList:
      return ArgTree(ArgKind::kList, std::move(items));
    case Term::Kind::kOp:
      return edit.create(anchor, term.text, std::move(items));
    case Term::Kind::kFunction:
      return function_value(edit, term.text, items);
    default:
      return ArgTree();
  }
}

// Whether the caller would see other memory than before: the input itself instead of a copy.
bool shares(Editor& edit, NodeId node, const ArgTree& by) {
  const OpFacts* facts = edit.facts(node);
  if (by.kind != ArgKind::kNode || (facts && facts->op->view) || !edit.escapes(node)) return false;
  return !edit.fresh(NodeId(by.index)) || edit.escapes(NodeId(by.index));
}

void erase_unused(Editor& edit, NodeId from, NodeId to) {
  for (NodeId node = from; node != to;) {
    const NodeId after = edit.module.next(node);
    if (edit.module[node].users.empty()) edit.module.erase(node);
    node = after;
  }
}

bool apply(Editor& edit, const Parsed& rule, NodeId node) {
  Match match;
  if (!Matcher(edit).op(rule.from, node, match)) return false;
  const auto holds = [&](const Term& condition) { return condition_holds(edit, condition, match); };
  if (!std::all_of(rule.when.begin(), rule.when.end(), holds)) return false;
  if (rule.to.kind == Term::Kind::kVariable && shares(edit, node, match[rule.to.text])) return false;
  const NodeId before = edit.module[node].prev;
  const auto by = build(edit, rule.to, match, node);
  if (!by || by->kind != ArgKind::kNode) {
    erase_unused(edit, before ? edit.module.next(before) : edit.module.first(edit.module[node].parent), node);
    return false;
  }
  const NodeId made(by->index);
  if (rule.to.kind == Term::Kind::kOp) {
    if (edit.type(made).kind == TypeKind::kObject) edit.module.set_type(made, edit.module[node].type);
    if (edit.module[node].label) edit.module.set_label(made, edit.module[node].label);
  }
  edit.replace(node, made);
  return true;
}

}  // namespace

const ArgTree& Match::operator[](const std::string& name) const {
  for (const auto& [known, value] : variables)
    if (known == name) return value;
  throw Error(TW_E_VALUE, "a rule uses '" + name + "', which its pattern does not bind");
}

int64_t rewrite(Editor& edit, const Rule* rules, size_t count) {
  constexpr int kMostRounds = 16;  // rules that undo each other end
  const Rules& table = parsed(rules, count);
  int64_t total = 0, round = 1;
  for (int i = 0; i < kMostRounds && round; ++i) {
    round = 0;
    edit.each_node([&](NodeId node) {
      const auto found = table.find(edit.module.names[edit.module[node].op]);
      if (found == table.end()) return;
      for (const Parsed& rule : found->second)
        if (apply(edit, rule, node)) return static_cast<void>(++round);
    });
    total += round;
  }
  return total;
}

}  // namespace tw::jit
