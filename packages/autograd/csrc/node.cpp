#include "node.h"

#include "hooks.h"

namespace tw::autograd {
namespace {

// Nodes whose last reference went while another one was being destroyed on this thread.
struct Graveyard {
  Node* first;
  bool busy;
};
thread_local Graveyard graveyard;

std::atomic<uint64_t> sequence_counter{1};

}  // namespace

uint64_t Node::next_sequence() { return sequence_counter.fetch_add(1, std::memory_order_relaxed); }

Node::~Node() {
  for (uint32_t i = 0; i < edge_count_; ++i) edges_[i].~Edge();
  delete extras();
}

bool Node::try_retain() {
  uint32_t count = references_.load(std::memory_order_relaxed);
  while (count != 0)
    if (references_.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel)) return true;
  return false;
}

NodeExtras& Node::make_extras() {
  NodeExtras* extras = extras_.load(std::memory_order_acquire);
  if (extras) return *extras;
  auto fresh = std::make_unique<NodeExtras>();
  if (extras_.compare_exchange_strong(extras, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *extras;
}

void Node::bury(Node* node) {
  Graveyard& mine = graveyard;
  node->next_dead_ = mine.first;
  mine.first = node;
  if (mine.busy) return;
  mine.busy = true;
  while (Node* next = mine.first) {
    mine.first = next->next_dead_;
    destroy(next);
  }
  mine.busy = false;
}

void Node::destroy(Node* node) {
  const uint32_t bytes = node->bytes_;
  node->~Node();
  pool_free(node, bytes);
}

}  // namespace tw::autograd
