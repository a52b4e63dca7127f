#include "wrapped.h"

namespace tw::autograd {
namespace {

// A tensor over the value's memory, without the dimension `left_out` (-1: none).
Tensor shell(TensorRef value, int64_t left_out) {
  int64_t shape[TW_MAX_NDIM], strides[TW_MAX_NDIM];
  int32_t ndim = 0;
  for (int d = 0; d < value.ndim(); ++d) {
    if (d == left_out) continue;
    shape[ndim] = value.size(d), strides[ndim] = value.stride(d);
    ++ndim;
  }
  if (value.numel() == 0) return empty({shape, size_t(ndim)}, value.dtype(), value.device());  // no memory to share
  return as_strided(value, {shape, size_t(ndim)}, {strides, size_t(ndim)}, 0);
}

Tensor hang(Tensor shell, std::unique_ptr<Wrapped> wrapped, uint64_t layers) {
  check(g_host->meta_set(shell.get(), TW_L_TRANSFORM, wrapped.get()));
  static_cast<void>(wrapped.release());
  check(g_host->set_layers(shell.get(), layers));
  return shell;
}

}  // namespace

Wrapped* wrapped_of(const tw_tensor* t) {
  if (!(t->layers & kTransformBit)) return nullptr;
  void* meta = nullptr;
  check(g_host->meta_get(t, TW_L_TRANSFORM, &meta));
  return static_cast<Wrapped*>(meta);
}

void TW_CALL destroy_wrapped(void* wrapped) { delete static_cast<Wrapped*>(wrapped); }

Tensor wrap(const LevelRef& level, Tensor value) {
  auto wrapped = std::make_unique<Wrapped>();
  wrapped->level = level, wrapped->value = value;
  return hang(shell(value, -1), std::move(wrapped), kTransformBit | unwrap_bit());
}

Tensor wrap_dual(const LevelRef& level, Tensor value, Tensor tangent, Tensor base) {
  auto wrapped = std::make_unique<Wrapped>();
  wrapped->level = level, wrapped->value = value;
  wrapped->tangent = std::move(tangent), wrapped->base = std::move(base);
  return hang(shell(value, -1), std::move(wrapped), kTransformBit);
}

Tensor wrap_batch(const LevelRef& level, Tensor value, int64_t batch_dim) {
  auto wrapped = std::make_unique<Wrapped>();
  wrapped->level = level, wrapped->value = value, wrapped->batch_dim = batch_dim;
  return hang(shell(value, batch_dim), std::move(wrapped), kTransformBit);
}

Tensor alias_of(TensorRef t) {
  const Wrapped* wrapped = wrapped_of(t.get());
  if (!wrapped) return as_strided(t, t.shape(), t.strides(), 0);
  if (wrapped->level->kind == LevelKind::kGrad) return wrap(wrapped->level, wrapped->value);
  if (wrapped->level->kind == LevelKind::kForward)
    return wrap_dual(wrapped->level, wrapped->value, wrapped->tangent, wrapped->base);
  return wrap_batch(wrapped->level, wrapped->value, wrapped->batch_dim);
}

Tensor resolved(TensorRef t) {
  Tensor found = Tensor::retain(t);
  for (Wrapped* w = wrapped_of(found.get()); w && !w->level->alive; w = wrapped_of(found.get()))
    found = Tensor(w->value);
  return found;
}

Tensor readable(TensorRef self) {
  Tensor found = Tensor::retain(self);
  for (const Wrapped* w = wrapped_of(found.get()); w; w = wrapped_of(found.get())) {
    if (w->level->kind == LevelKind::kBatch && w->level->alive)
      throw Error(
          TW_E_UNKNOWN,
          "vmap: the elements of a tensor inside of vmap cannot be read (item(), bool(), numpy(), printing): there "
          "is one for each entry of the batch; use tensorwright.where for a choice by value");
    found = Tensor(w->value);
  }
  return found;
}

Wrapped* wrapped_for(const tw_tensor* t, const Level& level) {
  Wrapped* wrapped = wrapped_of(t);
  return wrapped && wrapped->level.get() == &level ? wrapped : nullptr;
}

uint64_t unwrap_bit() {
  static const uint64_t bit = [] {
    uint32_t slot = 0;
    check(g_host->layer_find("tw.autograd.unwrap", &slot));
    return uint64_t{1} << slot;
  }();
  return bit;
}

}  // namespace tw::autograd
