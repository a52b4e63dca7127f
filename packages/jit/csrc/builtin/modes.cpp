// What of the thread's state a script may switch: whether gradients are recorded. A run puts it back at its end.
#include "table.h"

namespace tw::jit {
namespace {

constexpr uint64_t kGradients = uint64_t{1} << TW_L_AUTOGRAD;

bool recorded(const uint64_t (&mask)[2]) { return !(mask[1] & kGradients); }

Shared grad_enabled(const Arguments&) {
  uint64_t mask[2];
  check(g_host->tls_get_mask(g_host->tls(), mask));
  return make_bool(recorded(mask));
}

// Gives what it was before.
Shared set_grad(const Arguments& a) {
  uint64_t mask[2];
  tw_tls* tls = g_host->tls();
  check(g_host->tls_get_mask(tls, mask));
  const uint64_t excluded = truth(a[0]->get()) ? mask[1] & ~kGradients : mask[1] | kGradients;
  check(g_host->tls_mask(tls, mask[0], excluded, nullptr));
  return make_bool(recorded(mask));
}

}  // namespace

// Both are effects: where they stand among other calls matters.
const Builtin kModeBuiltins[] = {
    {"grad_enabled", 0, 0, true, grad_enabled},
    {"set_grad", 1, 1, true, set_grad},
    {},
};

}  // namespace tw::jit
