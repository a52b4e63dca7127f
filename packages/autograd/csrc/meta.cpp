#include "meta.h"

#include "accumulate.h"
#include "strided.h"
#include "tensor_ops.h"
#include "text.h"

namespace tw::autograd {
namespace {

constexpr uint64_t kStale = ~uint64_t{0};

// Of a view that was not recorded, noted by the core.
Tensor noted_base(tw_tensor* t) {
  if (!TW_HAS(g_host, tw_host, view_base)) return Tensor();
  tw_tensor* base = nullptr;
  check(g_host->view_base(t, &base));
  return Tensor::steal(base);
}

void forget_retained(Meta& meta) {
  if (!meta.history.node) return;
  NodeExtras* extras = meta.history.node->extras();
  if (!extras) return;
  std::lock_guard<std::mutex> lock(extras->mutex);
  auto& list = extras->retained;
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i].meta == &meta) return (void)list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
}

void remember_retained(Meta& meta) {
  NodeExtras& extras = meta.history.node->make_extras();
  std::lock_guard<std::mutex> lock(extras.mutex);
  extras.retained.push_back({meta.history.slot, &meta});
}

void replace_history(Meta& meta, Edge edge) {
  if (meta.retains_grad) forget_retained(meta);
  meta.history = std::move(edge);
  if (meta.retains_grad) remember_retained(meta);
}

// A view that was given other storage since (`x.data = y`, `x.set_(y)`) shows nothing of its base any more.
bool left_base(tw_tensor* t, const Meta& meta) {
  uint64_t own = 0, of_base = 0;
  check(g_host->storage_key(t, &own));
  check(g_host->storage_key(meta.base.get(), &of_base));
  return own != of_base;
}

// A write through the base or another view changed what a view shows: its history is then a view of the base's.
void refresh_view(tw_tensor* t, Meta& meta) {
  const uint64_t version = version_of(t);
  if (version == meta.history_version) return;
  meta.history_version = version;
  Edge to_base = gradient_edge(meta.base.get());
  if (!to_base.node) return;
  replace_history(meta, {make_strided_view_node(t, meta.base, std::move(to_base)), 0});
}

// A view that was made while nothing needed a gradient, of a base that got a history since.
Meta* adopt_view(tw_tensor* t) {
  Tensor base = noted_base(t);
  if (!base) return nullptr;
  const Meta* of_base = meta_of(base.get());
  if (!of_base || !of_base->history.node) return nullptr;
  Meta& meta = make_meta(t);
  meta.base = std::move(base);
  meta.history_version = kStale;
  refresh_view(t, meta);
  return &meta;
}

}  // namespace

Meta::~Meta() {
  if (retains_grad) forget_retained(*this);
  delete state.load(std::memory_order_acquire);
}

GradState& Meta::make_state() {
  GradState* present = state.load(std::memory_order_acquire);
  if (present) return *present;
  auto fresh = std::make_unique<GradState>();
  if (state.compare_exchange_strong(present, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *present;
}

void TW_CALL destroy_meta(void* meta) { delete static_cast<Meta*>(meta); }

Meta& make_meta(tw_tensor* t) {
  if (Meta* meta = meta_of(t)) return *meta;
  auto meta = std::make_unique<Meta>();
  check(g_host->meta_set(t, TW_L_AUTOGRAD, meta.get()));
  Meta& made = *meta.release();
  check(g_host->set_layers(t, t->layers | kLayerBit));
  return made;
}

Meta* tracked(tw_tensor* t) {
  Meta* meta = meta_of(t);
  if (!meta) return (t->layers & kLayerBit) && (t->flags & TW_F_VIEW) ? adopt_view(t) : nullptr;
  if (meta->base) {
    if (left_base(t, *meta))
      meta->base = Tensor();
    else
      refresh_view(t, *meta);
  }
  return meta->history.node || meta->requires_grad ? meta : nullptr;
}

Edge gradient_edge(tw_tensor* t) {
  Meta* meta = tracked(t);
  if (!meta) return {};
  if (meta->history.node) return meta->history;
  GradState& state = meta->make_state();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (state.accumulator && state.accumulator->try_retain()) return {NodeRef::steal(state.accumulator), 0};
  NodeRef accumulator = make_accumulator(Tensor::retain(t));
  state.accumulator = accumulator.get();
  return {std::move(accumulator), 0};
}

void set_history(tw_tensor* t, const NodeRef& node, uint32_t slot) {
  Meta& meta = make_meta(t);
  replace_history(meta, {node, slot});
  if (meta.base) meta.history_version = version_of(t);
}

void set_view_history(tw_tensor* t, const NodeRef& node, uint32_t slot, TensorRef base) {
  Meta& meta = make_meta(t);
  if (meta.base.get() != base.get()) meta.base = Tensor::retain(base);
  replace_history(meta, {node, slot});
  meta.history_version = version_of(t);
}

void note_view(tw_tensor* t, TensorRef base) {
  Meta& meta = make_meta(t);
  meta.base = Tensor::retain(base);
  meta.history_version = version_of(t);
}

void forget_history(tw_tensor* t) {
  Meta* meta = meta_of(t);
  if (!meta) return;
  if (meta->retains_grad) forget_retained(*meta);
  meta->retains_grad = meta->requires_grad = false;
  meta->history = {};
}

Tensor base_of(tw_tensor* t) {
  const Meta* meta = meta_of(t);
  if (meta && meta->base && !left_base(t, *meta)) return meta->base;
  // A leaf of its own right (a detached view that was asked to require grad) is its own base.
  const bool differentiable_view = (t->flags & TW_F_VIEW) && (t->layers & kLayerBit) && !(meta && meta->requires_grad);
  Tensor base = differentiable_view ? noted_base(t) : Tensor();
  return base ? base : Tensor::retain(t);
}

void set_requires_grad(tw_tensor* t, bool on) {
  Meta* meta = tracked(t);
  if (meta && meta->history.node) {
    if (on) return;
    throw Error(TW_E_UNKNOWN,
                "requires_grad can only be switched off for leaves; use detach() to get a tensor without history");
  }
  if (!on) {
    if (meta) meta->requires_grad = false;
    return;
  }
  if (!carries_gradient(t->dl.dtype))
    throw Error(TW_E_TYPE, text("only floating and complex tensors can require gradients, this one is ", t->dl.dtype));
  make_meta(t).requires_grad = true;
}

tw_object* add_leaf_hook(Meta& meta, LeafHooks hooks, tw_object* callable) {
  GradState& state = meta.make_state();
  std::lock_guard<std::mutex> lock(state.mutex);
  return HookList::add(state.*hooks, callable);
}

std::shared_ptr<HookList> leaf_hooks(const tw_tensor* leaf, LeafHooks hooks) {
  const Meta* meta = meta_of(leaf);
  GradState* state = meta ? meta->state.load(std::memory_order_acquire) : nullptr;
  if (!state) return nullptr;
  std::lock_guard<std::mutex> lock(state->mutex);
  return state->*hooks;
}

void retain_grad(tw_tensor* t) {
  Meta* meta = tracked(t);
  if (!meta) throw Error(TW_E_UNKNOWN, "retain_grad: the tensor does not require grad");
  if (!meta->history.node || meta->retains_grad) return;
  meta->make_state();
  meta->retains_grad = true;
  remember_retained(*meta);
}

Tensor grad_of(tw_tensor* t) {
  Meta* meta = meta_of(t);
  GradState* state = meta ? meta->state.load(std::memory_order_acquire) : nullptr;
  if (!state) return Tensor();
  std::lock_guard<std::mutex> lock(state->mutex);
  return state->grad;
}

void set_grad(tw_tensor* t, TensorRef grad) {
  if (grad) {
    const TensorRef self(t);
    if (grad.get() == t) throw Error(TW_E_VALUE, "grad: a tensor cannot be its own gradient");
    if (!same_shape(self, grad))
      throw Error(TW_E_SHAPE, text("grad: expected shape ", self.shape(), " like the tensor, got ", grad.shape()));
    if (self.dtype() != grad.dtype())
      throw Error(TW_E_TYPE, text("grad: expected dtype ", self.dtype(), " like the tensor, got ", grad.dtype()));
    if (self.device() != grad.device()) throw Error(TW_E_VALUE, "grad: tensor and gradient are on different devices");
  } else if (!meta_of(t)) {
    return;
  }
  GradState& state = make_meta(t).make_state();
  Tensor dropped = Tensor::retain(grad);
  std::lock_guard<std::mutex> lock(state.mutex);
  std::swap(state.grad, dropped);
}

}  // namespace tw::autograd
