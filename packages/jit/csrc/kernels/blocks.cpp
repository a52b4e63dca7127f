#include "blocks.h"

namespace tw::jit {
namespace {

const tw_kernels_if* interface() {
  static const tw_kernels_if* table = [] {
    const void* found = nullptr;
    check(g_host->query("tw.kernels", 1, 0, &found));
    return static_cast<const tw_kernels_if*>(found);
  }();
  return table;
}

}  // namespace

std::optional<tw_block_kernel> block_kernel(const tw_op* op, const tw_value* args, uint32_t nargs) {
  tw_block_kernel found{};
  found.size = sizeof found;
  const tw_status status = interface()->find(op, args, nargs, &found);
  if (status == TW_DECLINE) return std::nullopt;
  check(status);
  return found;
}

tw_convert_fn converter(tw_dtype from, tw_dtype to) {
  tw_convert_fn found = nullptr;
  return interface()->convert(from, to, &found) == TW_OK ? found : nullptr;
}

}  // namespace tw::jit
