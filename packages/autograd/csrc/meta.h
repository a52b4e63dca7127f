// What autograd hangs on a tensor: its history (which node made it), and for leaves the accumulated gradient.
#pragma once

#include <tensorwright/tw.hpp>

#include "hooks.h"
#include "node.h"

namespace tw::autograd {

constexpr uint64_t kLayerBit = uint64_t{1} << TW_L_AUTOGRAD;

// State that only leaves, tensors with retain_grad() and tensors with hooks need.
struct GradState : Pooled {
  std::mutex mutex;  // guards all of it
  Tensor grad;
  Node* accumulator = nullptr;                 // weak: it owns the leaf; cleared when it dies
  std::shared_ptr<HookList> hooks;             // of a leaf; those of other tensors sit in their node
  std::shared_ptr<HookList> accumulate_hooks;  // called after the gradient was accumulated
};

struct Meta : Pooled {
  Edge history;                // the node that made the tensor; none for a leaf
  bool requires_grad = false;  // of a leaf
  bool retains_grad = false;
  uint64_t history_version = 0;            // of a view: the storage's version that `history` describes
  Tensor base;                             // of a differentiable view: the tensor whose storage it shows
  std::atomic<GradState*> state{nullptr};  // owned
  const char* last_in_place = nullptr;     // op that last wrote the tensor while it was recorded...
  uint64_t last_in_place_version = 0;      // ...and the version it left

  ~Meta();
  GradState& make_state();
};

void TW_CALL destroy_meta(void* meta);  // the layer's meta_destroy

// The tensor's metadata as it stands, or null. Does not look at views.
inline Meta* meta_of(const tw_tensor* t) {
  if (!(t->layers & kLayerBit)) return nullptr;
  void* meta = nullptr;
  check(g_host->meta_get(t, TW_L_AUTOGRAD, &meta));
  return static_cast<Meta*>(meta);
}
Meta& make_meta(tw_tensor* t);  // makes it if absent and switches the layer on for the tensor

// The metadata of a tensor that takes part in differentiation, its history up to date with writes through other
// views of its storage; null if it needs no gradient.
Meta* tracked(tw_tensor* t);
inline bool requires_grad(tw_tensor* t) { return (t->layers & kLayerBit) && tracked(t); }
inline bool is_leaf(tw_tensor* t) {
  const Meta* meta = tracked(t);
  return !meta || !meta->history.node;
}

// Where the gradient of `t` goes: its node, or a leaf's accumulator. No node if it needs none.
Edge gradient_edge(tw_tensor* t);

// Says that output `slot` of `node` made `t`.
void set_history(tw_tensor* t, const NodeRef& node, uint32_t slot);
// As set_history, and `t` is a view of `base`.
void set_view_history(tw_tensor* t, const NodeRef& node, uint32_t slot, TensorRef base);
// `t` is a view of `base`, made while neither needed a gradient: later writes into one reach the other.
void note_view(tw_tensor* t, TensorRef base);
// Makes a leaf that needs no gradient of it.
void forget_history(tw_tensor* t);
// The tensor whose storage a differentiable view shows: `t` itself if it is no view.
Tensor base_of(tw_tensor* t);

inline bool share_storage(const tw_tensor* a, const tw_tensor* b) {
  uint64_t keys[2];
  check(g_host->storage_key(a, &keys[0]));
  check(g_host->storage_key(b, &keys[1]));
  return keys[0] == keys[1];
}

inline uint64_t version_of(const tw_tensor* t) {
  uint64_t version = 0;
  check(g_host->version(t, &version));
  return version;
}

// Leaves.
using LeafHooks = std::shared_ptr<HookList> GradState::*;
tw_object* add_leaf_hook(Meta& meta, LeafHooks hooks, tw_object* callable);  // the handle that removes it
std::shared_ptr<HookList> leaf_hooks(const tw_tensor* leaf, LeafHooks hooks);
void set_requires_grad(tw_tensor* t, bool on);
void retain_grad(tw_tensor* t);
Tensor grad_of(tw_tensor* t);
void set_grad(tw_tensor* t, TensorRef grad);

}  // namespace tw::autograd
