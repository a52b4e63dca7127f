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

int64_t threads() { return interface()->minor < 3 ? 1 : interface()->threads(); }

std::optional<tw_block_kernel> block_kernel(const tw_op* op, const tw_value* args, uint32_t nargs) {
  tw_block_kernel found{};
  found.size = sizeof found;
  const tw_status status = interface()->find(op, args, nargs, &found);
  if (status == TW_DECLINE) return std::nullopt;
  check(status);
  return found;
}

Tensor prepared_weight(const tw_op* op, const tw_value* args, uint32_t nargs) {
  tw_tensor* prepared = nullptr;
  if (interface()->minor < 1) return {};
  const tw_status status = interface()->prepare_layer(op, args, nargs, &prepared);
  if (status != TW_DECLINE) check(status);
  return prepared ? Tensor::steal(prepared) : Tensor();
}

bool run_layer(const tw_op* op, const tw_value* args, uint32_t nargs, TensorRef prepared, tw_part_fn follow,
               void* context, tw_value* result) {
  if (interface()->minor < 1) return false;
  const tw_status status = interface()->run_layer(op, args, nargs, prepared.get(), follow, context, result);
  if (status != TW_DECLINE) check(status);
  return status == TW_OK;
}

Tensor prepared_for_images(const tw_op* op, const tw_value* args, uint32_t nargs) {
  tw_tensor* prepared = nullptr;
  if (interface()->minor < 2) return {};
  const tw_status status = interface()->prepare_images(op, args, nargs, &prepared);
  if (status != TW_DECLINE) check(status);
  return prepared ? Tensor::steal(prepared) : Tensor();
}

bool run_images(const tw_op* op, const tw_value* args, uint32_t nargs, TensorRef prepared, const tw_images& input,
                const tw_images& result, tw_part_fn follow, void* context) {
  if (interface()->minor < 2) return false;
  const tw_status status = interface()->run_images(op, args, nargs, prepared.get(), &input, &result, follow, context);
  if (status != TW_DECLINE) check(status);
  return status == TW_OK;
}

tw_convert_fn converter(tw_dtype from, tw_dtype to) {
  tw_convert_fn found = nullptr;
  return interface()->convert(from, to, &found) == TW_OK ? found : nullptr;
}

}  // namespace tw::jit
