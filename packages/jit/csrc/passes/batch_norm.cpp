// Batch normalization by fixed statistics joins the convolution or linear layer before it. Rounding differs: the
// weights are scaled once, before the products.
#include "patterns.h"

namespace tw::jit {
namespace {

// The layer, with and without a bias; `k` is the factor of a channel.
#define TW_SCALE "mul(g, rsqrt(add(v, eps)))"
#define TW_WEIGHT "mul(w, reshape(" TW_SCALE ", $column(w)))"
#define TW_BIAS "add(o, mul(sub(b, m), " TW_SCALE "))"
#define TW_NO_BIAS "sub(o, mul(m, " TW_SCALE "))"
#define TW_NORM(layer) "batch_norm(" layer ", g, o, m, v, False, _, eps, _)"
#define TW_FOLDS "once() attribute(w, b, g, o, m, v) floating(g) floating(o)"
#define TW_FOLDS_NO_BIAS "once() attribute(w, g, o, m, v) floating(g) floating(o)"
#define TW_CONVOLUTION(op)                                                                                           \
  {TW_NORM(op "(x, w, None, s, p, d, n)"), op "(x, " TW_WEIGHT ", " TW_NO_BIAS ", s, p, d, n)", TW_FOLDS_NO_BIAS}, { \
    TW_NORM(op "(x, w, b, s, p, d, n)"), op "(x, " TW_WEIGHT ", " TW_BIAS ", s, p, d, n)", TW_FOLDS                  \
  }

constexpr Rule kRules[] = {
    TW_CONVOLUTION("conv1d"),
    TW_CONVOLUTION("conv2d"),
    TW_CONVOLUTION("conv3d"),
    {TW_NORM("linear(x, w, None)"), "linear(x, " TW_WEIGHT ", " TW_NO_BIAS ")", TW_FOLDS_NO_BIAS " matrix(x)"},
    {TW_NORM("linear(x, w, b)"), "linear(x, " TW_WEIGHT ", " TW_BIAS ")", TW_FOLDS " matrix(x)"},
};

}  // namespace

int64_t fold_batch_norm(Editor& edit, const PassOptions&) { return rewrite(edit, kRules); }

}  // namespace tw::jit
