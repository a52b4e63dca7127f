#include "saved_hooks.h"

#include "meta.h"
#include "text.h"
#include "transform/wrapped.h"

namespace tw::autograd {
namespace {

// How many pairs all threads have: while there are none, nobody asks for his thread's stack.
std::atomic<int64_t> pairs{0};
thread_local std::vector<SavedHooks> stack;

}  // namespace

void push_saved_hooks(tw_object* pack, tw_object* unpack) {
  stack.push_back({ObjectRef::retain(pack), ObjectRef::retain(unpack)});
  pairs.fetch_add(1, std::memory_order_relaxed);
}

void pop_saved_hooks() {
  if (stack.empty()) throw Error(TW_E_UNKNOWN, "saved_tensors_hooks: left more often than entered on this thread");
  const SavedHooks dropped = std::move(stack.back());
  stack.pop_back();
  pairs.fetch_sub(1, std::memory_order_relaxed);
}

int64_t saved_hooks_depth() { return static_cast<int64_t>(stack.size()); }

const SavedHooks* current_saved_hooks() {
  if (__builtin_expect(pairs.load(std::memory_order_relaxed) == 0, 1)) return nullptr;
  return stack.empty() ? nullptr : &stack.back();
}

PackedTensor* PackedTensor::make(const SavedHooks& hooks, TensorRef t, Edge history) {
  const ObjectRef pack = hooks.pack, unpack = hooks.unpack;  // the hook may change the stack
  const Tensor bare = alias_of(t);
  const uint64_t version = version_of(t.get());
  const LayerScope unrecorded = LayerScope::without(kLayerBit);
  const tw_value args[] = {to_value(static_cast<TensorRef>(bare))};
  auto made = std::make_unique<PackedTensor>();
  call_object(pack.get(), {args, 1}, made->packed_);
  if (version_of(t.get()) != version)
    throw Error(TW_E_UNKNOWN,
                "saved_tensors_hooks: the pack hook modified its argument in place; it shares memory with the tensor "
                "that the program goes on with, so write to a clone");
  made->unpack_ = unpack;
  made->history_ = std::move(history);
  return made.release();
}

Tensor PackedTensor::unpack() const { return unpack_as(history_); }

Tensor PackedTensor::unpack_as(Edge history) const {
  const tw_value args[] = {packed_.get()};
  Value answer;
  call_object(unpack_.get(), {args, 1}, answer);
  if (answer->tag != TW_TENSOR)
    throw Error(TW_E_TYPE, "saved_tensors_hooks: the unpack hook must return a tensor, it returned something else");
  Tensor tensor = alias_of(TensorRef(answer->u.t));
  if (history.node) set_history(tensor.get(), history.node, history.slot);
  return tensor;
}

}  // namespace tw::autograd
