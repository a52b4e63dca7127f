// What is written out in primitive ops becomes the op that does it at once: linear layers, gelu, layer normalization,
// attention. Rounding may differ.
#include "patterns.h"

namespace tw::jit {
namespace {

#define TW_CENTRED "sub(x, mean(x, [d], True))"
#define TW_VARIANCE_OF(square) "mean(" square ", [d], True)"
#define TW_NORMED(square) "div(" TW_CENTRED ", sqrt(add(" TW_VARIANCE_OF(square) ", e)))"
#define TW_NORMED_R(square) "mul(" TW_CENTRED ", rsqrt(add(" TW_VARIANCE_OF(square) ", e)))"
#define TW_MUL_SQUARE "mul(" TW_CENTRED ", " TW_CENTRED ")"
#define TW_POW_SQUARE "pow(" TW_CENTRED ", 2)"
#define TW_WHEN_NORM "last(d, x) constant(e) static_last(x) floating(x)"

constexpr Rule kRules[] = {
    {"add(matmul(x, t(w)), b)", "linear(x, w, b)", "matrix(w) gives_rows(b) floating(x)"},
    {"add(matmul(x, transpose(w, 0, 1)), b)", "linear(x, w, b)", "matrix(w) gives_rows(b) floating(x)"},
    {"addmm(b, x, t(w))", "linear(x, w, b)", "matrix(w) gives_rows(b) floating(x)"},
    {"mul(mul(x, 0.5), add(erf(div(x, 1.4142135623730951)), 1))", "gelu(x)", "floating(x)"},
    {"mul(mul(x, 0.5), add(erf(mul(x, 0.7071067811865476)), 1))", "gelu(x)", "floating(x)"},
    {"mul(x, sigmoid(x))", "silu(x)", "floating(x)"},
    // layer normalization, of its factor and offset once it is there
    {TW_NORMED(TW_MUL_SQUARE), "layer_norm(x, $last_shape(x), None, None, e)", TW_WHEN_NORM},
    {TW_NORMED(TW_POW_SQUARE), "layer_norm(x, $last_shape(x), None, None, e)", TW_WHEN_NORM},
    {TW_NORMED_R(TW_MUL_SQUARE), "layer_norm(x, $last_shape(x), None, None, e)", TW_WHEN_NORM},
    {TW_NORMED_R(TW_POW_SQUARE), "layer_norm(x, $last_shape(x), None, None, e)", TW_WHEN_NORM},
    {"mul(layer_norm(x, n, None, None, e, _), w)", "layer_norm(x, n, w, None, e)", "vector(w) gives_rows(w) once()"},
    {"add(layer_norm(x, n, w, None, e, _), b)", "layer_norm(x, n, w, b, e)",
     "vector(w) vector(b) gives_rows(b) once()"},
    // attention: softmax(q k^T * s + mask) v
    {"matmul(softmax(div(matmul(q, transpose(k, a, b)), s), d), v)",
     "scaled_dot_product_attention(q, k, v, None, 0.0, False, $reciprocal(s))",
     "before_last(a, k) last(b, k) last(d, q) constant(s) stacked(q) stacked(k) stacked(v) floating(q)"},
    {"matmul(softmax(mul(matmul(q, transpose(k, a, b)), s), d), v)",
     "scaled_dot_product_attention(q, k, v, None, 0.0, False, s)",
     "before_last(a, k) last(b, k) last(d, q) constant(s) stacked(q) stacked(k) stacked(v) floating(q)"},
    {"matmul(softmax(add(div(matmul(q, transpose(k, a, b)), s), m), d), v)",
     "scaled_dot_product_attention(q, k, v, m, 0.0, False, $reciprocal(s))",
     "before_last(a, k) last(b, k) last(d, q) constant(s) stacked(q) stacked(k) stacked(v) floating(q) floating(m)"},
    {"matmul(softmax(add(mul(matmul(q, transpose(k, a, b)), s), m), d), v)",
     "scaled_dot_product_attention(q, k, v, m, 0.0, False, s)",
     "before_last(a, k) last(b, k) last(d, q) constant(s) stacked(q) stacked(k) stacked(v) floating(q) floating(m)"},
};

}  // namespace

int64_t lift(Editor& edit, const PassOptions&) { return rewrite(edit, kRules); }

}  // namespace tw::jit
