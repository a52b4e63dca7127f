// Softmax and its logarithm written out in smaller ops become the ops, whose kernels take a row at a time: the steps
// are the same, and so are the bits. Where dtypes are rounded between steps (float16, bfloat16) they are not.
#include "patterns.h"

namespace tw::jit {
namespace {

#define TW_BELOW_LARGEST "sub(x, amax(x, [d], True))"
#define TW_SUM "sum(exp(" TW_BELOW_LARGEST "), [d], True)"
#define TW_WHEN "last(d, x) unrounded(x) inside() layout_free()"

constexpr Rule kRules[] = {
    {"div(exp(" TW_BELOW_LARGEST "), " TW_SUM ")", "softmax(x, d)", TW_WHEN},
    {"sub(" TW_BELOW_LARGEST ", log(" TW_SUM "))", "log_softmax(x, d)", TW_WHEN},
};

}  // namespace

int64_t lift_softmax(Editor& edit, const PassOptions&) { return rewrite(edit, kRules); }

}  // namespace tw::jit
