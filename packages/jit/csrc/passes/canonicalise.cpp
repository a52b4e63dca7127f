// Calls in one form (arguments by place, without trailing defaults), and what equals something simpler becomes it.
// Every rule gives the same bits: numbers with the sign of zero and NaN in mind.
#include "patterns.h"

namespace tw::jit {
namespace {

constexpr Rule kRules[] = {
    // arithmetic; x + 0.0 is not x where x is -0.0, x + -0.0 and x - 0.0 are; of a complex number each part sees a zero
    {"mul(x, 1)", "x", "same(x) real(x)"},
    {"div(x, 1)", "x", "same(x) real(x)"},
    {"add(x, 0)", "x", "same(x) integral(x)"},
    {"add(x, -0.0)", "x", "same(x) real(x)"},
    {"sub(x, 0)", "x", "same(x)"},
    {"neg(neg(x))", "x", "same(x)"},
    {"bitwise_not(bitwise_not(x))", "x", "same(x)"},
    {"logical_not(logical_not(x))", "x", "boolean(x)"},
    // what changes nothing the second time
    {"relu(relu(x))", "relu(x)", ""},
    {"abs(abs(x))", "abs(x)", "floating(x)"},
    {"abs(neg(x))", "abs(x)", "floating(x)"},
    {"floor(floor(x))", "floor(x)", ""},
    {"ceil(ceil(x))", "ceil(x)", ""},
    {"trunc(trunc(x))", "trunc(x)", ""},
    {"maximum(x, x)", "x", "same(x)"},
    {"minimum(x, x)", "x", "same(x)"},
    // shapes
    {"t(t(x))", "x", "same(x)"},
    {"transpose(transpose(x, a, b), a, b)", "x", "same(x)"},
    {"transpose(transpose(x, a, b), b, a)", "x", "same(x)"},
    {"transpose(x, a, a)", "x", "same(x)"},
    {"permute(permute(x, a), b)", "permute(x, $composed(a, b))", ""},
    {"permute(x, [0, 1])", "x", "same(x)"},
    {"permute(x, [0, 1, 2])", "x", "same(x)"},
    {"permute(x, [0, 1, 2, 3])", "x", "same(x)"},
    {"view(x, a)", "reshape(x, a)", ""},  // a value has no layout: reshape works whatever x's is
    {"reshape(reshape(x, a), b)", "reshape(x, b)", "layout_free()"},
    {"reshape(x, _)", "x", "same(x)"},
    {"expand(x, _)", "x", "same(x)"},
    {"flatten(x, _, _)", "x", "same(x)"},
    {"squeeze(unsqueeze(x, d), d)", "x", "same(x)"},
    {"squeeze(x, _)", "x", "same(x)"},
    {"cat([x], _)", "x", "same(x) layout_free()"},
    // copies and casts
    {"clone(x)", "x", "same(x) layout_free()"},
    {"contiguous(x)", "x", "same(x) layout_free()"},
    {"alias(x)", "x", "same(x)"},
    {"detach(x)", "x", "same(x)"},
    {"_to_copy(x, _, _)", "x", "same(x)"},
    {"to.dtype(x, _, _, _)", "x", "same(x)"},
    {"to_float32(x)", "x", "same(x)"},
    {"to_float64(x)", "x", "same(x)"},
    {"_to_copy(_to_copy(x, d, c), e, c)", "_to_copy(x, e, c)", "holds_all(x, d)"},
    {"to.dtype(to.dtype(x, d, _, _), e, _, _)", "to.dtype(x, e)", "holds_all(x, d)"},
};

}  // namespace

int64_t canonicalise(Editor& edit, const PassOptions&) {
  int64_t count = 0;
  edit.each_node([&](NodeId node) { count += edit.by_place(node); });
  return count + rewrite(edit, kRules);
}

}  // namespace tw::jit
