#include "hooks.h"

#include <cstring>

#include "text.h"

namespace tw::autograd {
namespace {

struct HandlePayload {
  std::weak_ptr<HookList> list;
  uint64_t id;
};

void TW_CALL destroy_handle(void* payload) { delete static_cast<HandlePayload*>(payload); }

tw_status TW_CALL call_remove(void* payload, const tw_value*, uint32_t, tw_value* result) {
  auto* handle = static_cast<HandlePayload*>(payload);
  *result = value_none();
  return guard([&] {
    if (auto list = handle->list.lock()) list->remove(handle->id);
  });
}

const tw_object_type kRemoveType = {
    sizeof(tw_object_type), 0, "HookRemover", destroy_handle, call_remove, nullptr, nullptr};

tw_status TW_CALL get_of_handle(void* payload, const char* name, tw_value* result) {
  return guard([&] {
    if (std::strcmp(name, "remove") != 0) throw Error(TW_E_TYPE, text("a hook's handle has no attribute '", name, "'"));
    auto copy = std::make_unique<HandlePayload>(*static_cast<HandlePayload*>(payload));
    tw_object* object = nullptr;
    check(g_host->object_new(&kRemoveType, copy.get(), &object));
    copy.release();
    *result = to_value(object);
  });
}

const tw_object_type kHandleType = {sizeof(tw_object_type), 0,      "RemovableHandle", destroy_handle, nullptr,
                                    get_of_handle,          nullptr};

std::vector<tw_tensor*> borrowed(const Tensor* tensors, size_t count) {
  std::vector<tw_tensor*> pointers(count);
  for (size_t i = 0; i < count; ++i) pointers[i] = tensors[i].get();
  return pointers;
}

void replace_all(Tensor* target, uint32_t count, const Value& answer, const char* node) {
  if (answer.is_none()) return;
  std::vector<Tensor> fresh = tensors_of_answer(answer.get(), count, text("a hook of ", node).c_str());
  for (uint32_t i = 0; i < count; ++i) target[i] = std::move(fresh[i]);
}

}  // namespace

std::vector<Tensor> tensors_of_answer(const tw_value& value, uint32_t count, const char* who) {
  std::vector<Tensor> tensors;
  if (value.tag == TW_NONE) {
    tensors.resize(count);
  } else if (value.tag == TW_TENSOR) {
    tensors.push_back(Tensor::retain(value.u.t));
  } else if (value.tag == TW_TENSORS) {
    for (uint32_t i = 0; i < value.aux; ++i) tensors.push_back(Tensor::retain(static_cast<tw_tensor**>(value.u.p)[i]));
  } else if (value.tag == TW_VALUES) {
    for (uint32_t i = 0; i < value.aux; ++i) {
      const tw_value& item = static_cast<const tw_value*>(value.u.p)[i];
      if (item.tag != TW_TENSOR && item.tag != TW_NONE)
        throw Error(TW_E_TYPE, text(who, " returned item ", i, " that is neither a tensor nor None"));
      tensors.push_back(Tensor::retain(item.tag == TW_TENSOR ? item.u.t : nullptr));
    }
  } else {
    throw Error(TW_E_TYPE, text(who, " returned something that is neither None nor tensors"));
  }
  if (tensors.size() != count)
    throw Error(TW_E_VALUE, text(who, " returned ", tensors.size(), " gradients, expected ", count));
  return tensors;
}

tw_object* HookList::add(std::shared_ptr<HookList>& list, tw_object* callable) {
  if (!list) list = std::make_shared<HookList>();
  auto handle = std::make_unique<HandlePayload>();
  handle->list = list;
  {
    std::lock_guard<std::mutex> lock(list->mutex_);
    handle->id = list->next_id_++;
    list->entries_.push_back({handle->id, ObjectRef::retain(callable)});
  }
  tw_object* object = nullptr;
  check(g_host->object_new(&kHandleType, handle.get(), &object));
  handle.release();
  return object;
}

void HookList::remove(uint64_t id) {
  ObjectRef dropped;  // released after the lock: the callable's destructor may run any code
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].id != id) continue;
    dropped = std::move(entries_[i].callable);
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

std::vector<ObjectRef> HookList::snapshot() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<ObjectRef> callables;
  for (const Entry& entry : entries_) callables.push_back(entry.callable);
  return callables;
}

void run_tensor_hooks(const std::shared_ptr<HookList>& hooks, Tensor& grad) {
  if (!hooks) return;
  for (const ObjectRef& hook : hooks->snapshot()) {
    const tw_value args[] = {to_value(static_cast<TensorRef>(grad))};
    Value answer;
    call_object(hook.get(), {args, 1}, answer);
    if (answer.is_none()) continue;
    if (answer->tag != TW_TENSOR) throw Error(TW_E_TYPE, "a gradient hook must return None or a tensor");
    const TensorRef fresh(answer->u.t);
    if (!same_shape(fresh, grad))
      throw Error(TW_E_SHAPE, text("a gradient hook returned shape ", fresh.shape(), ", expected ", grad.shape()));
    if (fresh.dtype() != grad.dtype())
      throw Error(TW_E_TYPE, text("a gradient hook returned dtype ", fresh.dtype(), ", expected ", grad.dtype()));
    grad = Tensor::retain(fresh);
  }
}

void run_node_pre_hooks(const std::shared_ptr<HookList>& hooks, Tensor* grads, uint32_t count, const char* node) {
  if (!hooks) return;
  for (const ObjectRef& hook : hooks->snapshot()) {
    const auto pointers = borrowed(grads, count);
    const tw_value args[] = {to_value(TensorList(pointers))};
    Value answer;
    call_object(hook.get(), {args, 1}, answer);
    replace_all(grads, count, answer, node);
  }
}

void run_node_hooks(const std::shared_ptr<HookList>& hooks, Tensor* results, uint32_t result_count,
                    const std::vector<Tensor>& grads, const char* node) {
  if (!hooks) return;
  const auto grad_pointers = borrowed(grads.data(), grads.size());
  for (const ObjectRef& hook : hooks->snapshot()) {
    const auto result_pointers = borrowed(results, result_count);
    const tw_value args[] = {to_value(TensorList(result_pointers)), to_value(TensorList(grad_pointers))};
    Value answer;
    call_object(hook.get(), {args, 2}, answer);
    replace_all(results, result_count, answer, node);
  }
}

}  // namespace tw::autograd
