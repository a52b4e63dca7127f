// A hash table from nodes to small integers: what a pass knows of the nodes it visits lies in arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "node.h"

namespace tw::autograd {

class NodeTable {
 public:
  NodeTable() : slots_(kFirstSize) {}

  uint32_t size() const { return count_; }
  // The node's number, given in order of insertion; `fresh` says whether it was absent.
  uint32_t insert(Node* node, bool& fresh) {
    Slot& slot = find(node);
    fresh = slot.node == nullptr;
    if (!fresh) return slot.index;
    const uint32_t index = count_++;
    slot = {node, index};
    if (count_ * 2 > slots_.size()) grow();
    return index;
  }
  bool contains(Node* node) const { return const_cast<NodeTable*>(this)->find(node).node != nullptr; }
  uint32_t at(Node* node) const { return const_cast<NodeTable*>(this)->find(node).index; }

 private:
  struct Slot {
    Node* node = nullptr;
    uint32_t index = 0;
  };
  static constexpr size_t kFirstSize = 64;

  Slot& find(Node* node) {
    const size_t mask = slots_.size() - 1;
    size_t i = (reinterpret_cast<uintptr_t>(node) >> 5) * 0x9E3779B97F4A7C15u >> 20 & mask;
    while (slots_[i].node && slots_[i].node != node) i = (i + 1) & mask;
    return slots_[i];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.node) find(slot.node) = slot;
  }

  std::vector<Slot> slots_;
  uint32_t count_ = 0;
};

}  // namespace tw::autograd
