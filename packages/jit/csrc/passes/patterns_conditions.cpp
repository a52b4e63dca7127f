// The conditions of rules, and their functions of constants.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "patterns.h"

namespace tw::jit {
namespace {

using Variables = std::vector<std::string>;

const Type* tensor_type(Editor& edit, const ArgTree& arg) {
  if (arg.kind != ArgKind::kNode) return nullptr;
  const Type& type = edit.type(NodeId(arg.index));
  return type.kind == TypeKind::kTensor ? &type : nullptr;
}

const tw_dtype* dtype_of(Editor& edit, const ArgTree& arg) {
  const Type* type = tensor_type(edit, arg);
  return type && type->dtype ? &*type->dtype : nullptr;
}

// The value replaced and x have one type, all of it known.
bool same(Editor& edit, const Match& match, const Variables& names) {
  const ArgTree& x = match[names[0]];
  const Type* type = tensor_type(edit, x);
  return type && type->dtype && type->shape && edit.module[NodeId(x.index)].type == edit.module[match.nodes[0]].type;
}

bool floating(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* dtype = dtype_of(edit, match[names[0]]);
  return dtype && is_floating(*dtype);
}
// Of a dtype that ops compute in.
bool unrounded(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* dtype = dtype_of(edit, match[names[0]]);
  return dtype && (*dtype == kFloat32 || *dtype == kFloat64);
}
bool integral(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* dtype = dtype_of(edit, match[names[0]]);
  return dtype && is_integral(*dtype);
}
bool real(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* dtype = dtype_of(edit, match[names[0]]);
  return dtype && !is_complex(*dtype);
}
bool boolean(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* dtype = dtype_of(edit, match[names[0]]);
  return dtype && *dtype == kBool;
}

// Nothing but the pattern uses what the pattern matched inside.
bool once(Editor& edit, const Match& match, const Variables&) {
  return std::all_of(match.nodes.begin() + 1, match.nodes.end(),
                     [&](NodeId node) { return edit.module[node].users.size() == 1; });
}

// The same for what the pattern itself uses several times.
bool inside(Editor& edit, const Match& match, const Variables&) {
  const auto matched = [&](NodeId user) {
    return std::find(match.nodes.begin(), match.nodes.end(), user) != match.nodes.end();
  };
  return std::all_of(match.nodes.begin() + 1, match.nodes.end(), [&](NodeId node) {
    const auto& users = edit.module[node].users;
    return std::all_of(users.begin(), users.end(), matched);
  });
}

bool attribute(Editor& edit, const Match& match, const Variables& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const ArgTree& x = match[name];
    return x.kind == ArgKind::kNone || (x.kind == ArgKind::kNode && edit.is(NodeId(x.index), "get_attr"));
  });
}

bool constant(Editor& edit, const Match& match, const Variables& names) {
  return edit.number(match[names[0]]).has_value();
}

bool negative(Editor& edit, const Match& match, const Variables& names, int64_t wanted) {
  const ArgTree& dim = match[names[0]];
  const Type* type = names.size() > 1 ? tensor_type(edit, match[names[1]]) : nullptr;
  const auto value = edit.integer(dim);
  if (!value) return false;
  return *value == wanted || (type && type->shape && *value - static_cast<int64_t>(type->shape->size()) == wanted);
}
// The dimension d is the last, or the one before the last, of x.
bool last(Editor& edit, const Match& match, const Variables& names) { return negative(edit, match, names, -1); }
bool before_last(Editor& edit, const Match& match, const Variables& names) { return negative(edit, match, names, -2); }

bool rank(Editor& edit, const Match& match, const Variables& names, size_t least, size_t most) {
  const Type* type = tensor_type(edit, match[names[0]]);
  return type && type->shape && type->shape->size() >= least && type->shape->size() <= most;
}
bool matrix(Editor& edit, const Match& match, const Variables& names) { return rank(edit, match, names, 2, 2); }
bool vector(Editor& edit, const Match& match, const Variables& names) { return rank(edit, match, names, 1, 1); }
bool stacked(Editor& edit, const Match& match, const Variables& names) { return rank(edit, match, names, 3, 8); }

// The rows of two have the same size: what a linear layer and its bias share.
bool last_size(Editor& edit, const Match& match, const Variables& names) {
  const Type* a = tensor_type(edit, match[names[0]]);
  const Type* b = tensor_type(edit, match[names[1]]);
  return a && b && a->shape && b->shape && !a->shape->empty() && !b->shape->empty() &&
         a->shape->back() == b->shape->back();
}
// The first size of the second is the last of what is replaced.
bool gives_rows(Editor& edit, const Match& match, const Variables& names) {
  const Type* b = tensor_type(edit, match[names[0]]);
  const Type& whole = edit.type(match.nodes[0]);
  return b && b->shape && whole.shape && b->shape->size() == 1 && !whole.shape->empty() &&
         b->shape->front() == whole.shape->back();
}
bool static_last(Editor& edit, const Match& match, const Variables& names) {
  const Type* type = tensor_type(edit, match[names[0]]);
  return type && type->shape && !type->shape->empty() && edit.module.dims.value(type->shape->back()).has_value();
}

// The same numbers after a cast to `by` and back: every value of x's dtype is one of by's.
bool holds_all(Editor& edit, const Match& match, const Variables& names) {
  const tw_dtype* from = dtype_of(edit, match[names[0]]);
  const Constant* by = edit.constant(match[names[1]]);
  if (!from || !by || by->kind != ConstantKind::kDtype) return false;
  const tw_dtype to = by->dtype;
  const auto digits = [](tw_dtype d) {
    if (d == kBFloat16) return 8;
    if (d == kFloat16) return 11;
    if (d == kFloat32) return 24;
    if (d == kFloat64) return 53;
    return is_integral(d) ? int{d.bits} - (d.code == TW_DT_INT ? 1 : 0) : d == kBool ? 1 : 999;
  };
  if (*from == to) return true;
  if (is_float8(*from) || is_float8(to) || is_complex(*from) || is_complex(to) || to == kBool) return false;
  if (is_floating(*from)) return (to == kFloat32 && from->bits == 16) || (to == kFloat64 && from->bits <= 32);
  if (is_floating(to)) return to != kFloat16 && digits(*from) <= digits(to);
  const bool sign = from->code == TW_DT_INT;
  return digits(*from) <= digits(to) && (!sign || to.code == TW_DT_INT);
}

// Ops whose value depends on how their argument lies in memory.
constexpr std::string_view kReadLayout[] = {"tw::as_strided", "tw::view", "tw::view.dtype", "tw::view_as_complex"};

bool layout_unseen(Editor& edit, NodeId node) {
  const auto& users = edit.module[node].users;
  return std::all_of(users.begin(), users.end(), [&](NodeId user) {
    const OpFacts* op = edit.facts(user);
    if (!op) return edit.is(user, "return");
    if (std::find(std::begin(kReadLayout), std::end(kReadLayout), op->op->name) != std::end(kReadLayout)) return false;
    const bool passes_on = op->op->view || op->op->pointwise || op->op->composite;
    return !passes_on || layout_unseen(edit, user);
  });
}
// Nothing looks at how the value replaced lies in memory.
bool layout_free(Editor& edit, const Match& match, const Variables&) { return layout_unseen(edit, match.nodes[0]); }

struct Condition {
  const char* name;
  bool (*holds)(Editor&, const Match&, const Variables&);
};
constexpr Condition kConditions[] = {
    {"same", same},
    {"floating", floating},
    {"unrounded", unrounded},
    {"integral", integral},
    {"boolean", boolean},
    {"real", real},
    {"once", once},
    {"inside", inside},
    {"attribute", attribute},
    {"constant", constant},
    {"last", last},
    {"before_last", before_last},
    {"matrix", matrix},
    {"vector", vector},
    {"stacked", stacked},
    {"last_size", last_size},
    {"gives_rows", gives_rows},
    {"static_last", static_last},
    {"holds_all", holds_all},
    {"layout_free", layout_free},
};

// ---- functions ------------------------------------------------------------------------------------------------------

using Args = std::vector<ArgTree>;

// permute(permute(x, a), b)
std::optional<ArgTree> composed(Editor& edit, const Args& args) {
  const auto a = edit.integers(args[0]), b = edit.integers(args[1]);
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  const auto n = static_cast<int64_t>(a->size());
  std::vector<int64_t> c;
  for (const int64_t k : *b) c.push_back(((*a)[static_cast<size_t>(k < 0 ? k + n : k)] + n) % n);
  return edit.int_list(c);
}

std::optional<ArgTree> reciprocal(Editor& edit, const Args& args) {
  const auto value = edit.number(args[0]);
  return value && *value != 0 ? std::optional<ArgTree>(edit.module.constants.real(1 / *value)) : std::nullopt;
}

// [the last size of x]
std::optional<ArgTree> last_shape(Editor& edit, const Args& args) {
  const Type* type = tensor_type(edit, args[0]);
  if (!type || !type->shape || type->shape->empty()) return std::nullopt;
  const auto size = edit.module.dims.value(type->shape->back());
  return size ? std::optional<ArgTree>(edit.int_list({*size})) : std::nullopt;
}

// [-1, 1, 1, ...] with as many dimensions as x
std::optional<ArgTree> column(Editor& edit, const Args& args) {
  const Type* type = tensor_type(edit, args[0]);
  if (!type || !type->shape) return std::nullopt;
  std::vector<int64_t> sizes(type->shape->size(), 1);
  if (sizes.empty()) return std::nullopt;
  sizes[0] = -1;
  return edit.int_list(sizes);
}

struct ConstantFunction {
  const char* name;
  std::optional<ArgTree> (*value)(Editor&, const Args&);
};
constexpr ConstantFunction kFunctions[] = {
    {"composed", composed}, {"reciprocal", reciprocal}, {"last_shape", last_shape}, {"column", column}};

}  // namespace

bool condition_holds(Editor& edit, const Term& condition, const Match& match) {
  const std::string name =
      condition.kind == Term::Kind::kOp ? condition.text.substr(4) : condition.text;  // without `tw::`
  Variables names;
  for (const Term& item : condition.items) names.push_back(item.text);
  for (const Condition& known : kConditions)
    if (name == known.name) return known.holds(edit, match, names);
  throw Error(TW_E_VALUE, "a rule has the condition '" + name + "', which there is not");
}

std::optional<ArgTree> function_value(Editor& edit, const std::string& name, const Args& args) {
  for (const ConstantFunction& known : kFunctions)
    if (name == known.name) return known.value(edit, args);
  throw Error(TW_E_VALUE, "a rule calls $" + name + ", which there is not");
}

}  // namespace tw::jit
