// Hooks on tensors and nodes, and what else is kept for the few nodes that have more than edges.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <tensorwright/object.hpp>

#include "node.h"

namespace tw::autograd {

// Callables in order of registration. Shared between its owner and the handles that remove them.
class HookList {
 public:
  // A handle for Python: an object whose attribute `remove` is callable.
  static tw_object* add(std::shared_ptr<HookList>& list, tw_object* callable);
  void remove(uint64_t id);
  void visit(const ObjectVisitor& visitor) const {
    for (const Entry& entry : entries_) visitor.visit(entry.callable.get());
  }
  // A copy, so that hooks may add and remove hooks.
  std::vector<ObjectRef> snapshot() const;

 private:
  struct Entry {
    uint64_t id;
    ObjectRef callable;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  uint64_t next_id_ = 0;
};

// The tensors that a callable gave: `count` of them, null where it gave None; a tensor alone stands for one, None for
// as many. `who` is named in messages.
std::vector<Tensor> tensors_of_answer(const tw_value& value, uint32_t count, const char* who);

// Runs hook(grad); a hook that returns a tensor replaces the gradient. Checks that shape and dtype stay.
void run_tensor_hooks(const std::shared_ptr<HookList>& hooks, Tensor& grad);
// Runs hook(grads) or hook(results, grads); a returned sequence replaces `replaced`, which is one of the two.
void run_node_pre_hooks(const std::shared_ptr<HookList>& hooks, Tensor* grads, uint32_t count, const char* node);
void run_node_hooks(const std::shared_ptr<HookList>& hooks, Tensor* results, uint32_t result_count,
                    const std::vector<Tensor>& grads, const char* node);

// Cold state of a node. `mutex` guards the members that registration changes.
struct NodeExtras {
  struct SlotHooks {
    uint32_t slot;
    std::shared_ptr<HookList> hooks;
  };
  struct Retained {  // a tensor whose gradient is kept although it is no leaf; unregisters itself when it dies
    uint32_t slot;
    void* meta;
  };
  std::mutex mutex;
  std::shared_ptr<HookList> pre_hooks;
  std::shared_ptr<HookList> hooks;
  std::vector<SlotHooks> tensor_hooks;
  std::vector<Retained> retained;
  ObjectRef metadata;         // a dictionary of the user's
  std::string forward_trace;  // where the forward operation was called, in anomaly mode
};

}  // namespace tw::autograd
