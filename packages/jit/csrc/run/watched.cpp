#include "watched.h"

namespace tw::jit {

Watching watching(uint64_t layers) {
  uint64_t mask[2];
  check(g_host->tls_get_mask(g_host->tls(), mask));
  const uint64_t active = (layers | mask[0]) & ~mask[1];
  if (active == 0) return Watching::kNobody;
  const bool only_autograd = active == uint64_t{1} << TW_L_AUTOGRAD && !(mask[0] & active);
  return only_autograd ? Watching::kAutograd : Watching::kSomebody;
}

bool needs_gradient(const tw_tensor* tensor) {
  if (!(tensor->layers >> TW_L_AUTOGRAD & 1)) return false;
  static const OpHandle requires_grad("autograd::requires_grad");
  const tw_value asked = to_value(TensorRef(const_cast<tw_tensor*>(tensor)));
  tw_value answer = value_none();
  check(g_host->call(requires_grad.get(), &asked, 1, &answer, 1));
  return answer.u.i != 0;
}

}  // namespace tw::jit
