#include "collect.h"

#include "hooks.h"
#include "meta.h"

namespace tw::autograd {
namespace {

// Nodes that one tensor keeps alive may be a million: cycles through the nearest ones are found, those through later
// ones stay.
constexpr size_t kMostNodes = 32;

void visit_hooks(const std::shared_ptr<HookList>& hooks, const ObjectVisitor& visitor) {
  if (hooks && hooks.use_count() == 1) hooks->visit(visitor);
}

void visit_extras(const NodeExtras& extras, const ObjectVisitor& visitor) {
  visit_hooks(extras.hooks, visitor);
  visit_hooks(extras.pre_hooks, visitor);
  for (const NodeExtras::SlotHooks& entry : extras.tensor_hooks) visit_hooks(entry.hooks, visitor);
  if (extras.metadata) visitor.visit(extras.metadata.get());
}

// An accumulator is also found from its leaf, by any thread.
bool is_held_once(const NodeRef& node) { return node && node->is_unique() && !node->leaf(); }

void visit_nodes(const NodeRef& first, const ObjectVisitor& visitor) {
  Node* nodes[kMostNodes];
  size_t count = 0;
  if (is_held_once(first)) nodes[count++] = first.get();
  for (size_t next = 0; next < count; ++next) {
    if (const NodeExtras* extras = nodes[next]->extras()) visit_extras(*extras, visitor);
    nodes[next]->visit_objects(visitor);
    for (const Edge& edge : nodes[next]->edges())
      if (count < kMostNodes && is_held_once(edge.node)) nodes[count++] = edge.node.get();
  }
}

}  // namespace

void TW_CALL traverse_history(const tw_tensor* t, void(TW_CALL* visit)(tw_object* child, void* ctx), void* ctx) {
  void* found = nullptr;
  if (g_host->meta_get(t, TW_L_AUTOGRAD, &found) != TW_OK || !found) return;
  const auto& meta = *static_cast<const Meta*>(found);
  const ObjectVisitor visitor{visit, ctx};
  if (const GradState* state = meta.state.load(std::memory_order_acquire)) {
    visit_hooks(state->hooks, visitor);
    visit_hooks(state->accumulate_hooks, visitor);
  }
  visit_nodes(meta.history.node, visitor);
}

}  // namespace tw::autograd
