// Dropout that is off gives its input.
#include "patterns.h"

namespace tw::jit {
namespace {

constexpr Rule kRules[] = {
    {"dropout(x, _, False)", "x", ""},
    {"dropout(x, 0, _)", "x", ""},
    {"feature_dropout(x, _, False)", "x", ""},
    {"feature_dropout(x, 0, _)", "x", ""},
    {"alpha_dropout(x, _, False)", "x", ""},
    {"alpha_dropout(x, 0, _)", "x", ""},
    {"feature_alpha_dropout(x, _, False)", "x", ""},
};

}  // namespace

int64_t remove_dropout(Editor& edit, const PassOptions&) { return rewrite(edit, kRules); }

}  // namespace tw::jit
