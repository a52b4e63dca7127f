// Hooks over saved tensors: while a pair is on a thread's stack, what an op saves is handed to `pack`, the node keeps
// what that gives, and `unpack` makes a tensor of it when the gradient is computed.
#pragma once

#include <tensorwright/object.hpp>

#include "node.h"

namespace tw::autograd {

struct SavedHooks {
  ObjectRef pack, unpack;
};

void push_saved_hooks(tw_object* pack, tw_object* unpack);
void pop_saved_hooks();
int64_t saved_hooks_depth();
// The innermost pair of this thread, or null.
const SavedHooks* current_saved_hooks();

// What `pack` gave in place of a tensor. Shared, so that `unpack` runs without the lock of the node.
class PackedTensor {
 public:
  static PackedTensor* make(const SavedHooks& hooks, TensorRef t, Edge history);
  PackedTensor* retain() {
    references_.fetch_add(1, std::memory_order_relaxed);
    return this;
  }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // The tensor again, with the history of the one that was saved if there is any.
  Tensor unpack() const;
  Tensor unpack_as(Edge history) const;

 private:
  std::atomic<uint32_t> references_{1};
  ObjectRef unpack_;
  Value packed_;
  Edge history_;
};

// Owns one reference.
class PackedRef {
 public:
  explicit PackedRef(PackedTensor* owned) : packed_(owned) {}
  PackedRef(PackedRef&& other) noexcept : packed_(std::exchange(other.packed_, nullptr)) {}
  PackedRef& operator=(PackedRef other) noexcept {
    std::swap(packed_, other.packed_);
    return *this;
  }
  ~PackedRef() {
    if (packed_) packed_->release();
  }
  explicit operator bool() const { return packed_ != nullptr; }
  const PackedTensor* operator->() const { return packed_; }
  PackedTensor* release() { return std::exchange(packed_, nullptr); }

 private:
  PackedTensor* packed_;
};

}  // namespace tw::autograd
