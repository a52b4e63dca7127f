#include "dispatch/registry.h"

#include <string>
#include <unordered_map>
#include <vector>

#include "cpu/bind.h"
#include "dispatch/autocast.h"
#include "dispatch/layers.h"
#include "dispatch/profile.h"
#include "runtime/device.h"

namespace tw {

namespace {

struct Registry {
  ForkSafeMutex mutex{ForkSafeMutex::kOuter};
  std::vector<tw_op*> ops;
  tw_op* builtins = nullptr;  // the first kBuiltinOpCount of them, in one array
  std::unordered_map<std::string_view, tw_op*> by_name;
  const KernelRecord* fallback[kMaxLayers] = {};
};

Registry& registry = *new Registry;  // never destroyed: kernels may run during interpreter exit

// Replaces the chain by one that contains `record`. Existing records keep their `next`, which readers may
// be following, so those in front of the new one are copied.
const KernelRecord* inserted(const KernelRecord* chain, KernelRecord* record, const KernelRecord* last) {
  if (!chain || chain == last || record->priority > chain->priority) {
    record->next = chain;
    return record;
  }
  auto* copy = new KernelRecord(*chain);
  copy->next = inserted(chain->next, record, last);
  return copy;
}

void publish(std::atomic<const KernelRecord*>& slot, KernelRecord* record, const KernelRecord* last) {
  slot.store(inserted(slot.load(std::memory_order_relaxed), record, last), std::memory_order_release);
}

void set_fallback(tw_op& op, uint32_t layer, const KernelRecord* fallback) {
  const KernelRecord* chain = op.layer[layer].load(std::memory_order_relaxed);
  if (!chain) {
    op.layer[layer].store(fallback, std::memory_order_release);
  } else {
    // The chain gets the fallback as its new end.
    const KernelRecord* head = nullptr;
    KernelRecord* tail = nullptr;
    for (; chain; chain = chain->next) {
      auto* copy = new KernelRecord(*chain);
      copy->next = nullptr;
      if (tail)
        tail->next = copy;
      else
        head = copy;
      tail = copy;
    }
    tail->next = fallback;
    op.layer[layer].store(head, std::memory_order_release);
  }
  op.layer_mask.fetch_or(uint64_t{1} << layer, std::memory_order_release);
}

}  // namespace

ForkSafeMutex& registry_mutex() { return registry.mutex; }

namespace {

uint32_t traits_of(const char* tags) {
  const std::string_view all = tags ? tags : "";
  const auto has = [&](std::string_view tag) { return all.find(tag) != std::string_view::npos; };
  uint32_t traits = 0;
  if (has("cross_device")) traits |= kTraitCrossDevice;
  if (has("any_layout")) traits |= kTraitAnyLayout;
  if (has("keeps_layout")) traits |= kTraitKeepsLayout;
  if (has("any_strides")) traits |= kTraitAnyStrides;
  if (has("updates_self")) traits |= kTraitUpdatesSelf;
  if (has("writes_if_training")) traits |= kTraitWritesIfTraining;
  return traits;
}

void enter(tw_op* op, const OpSpec* spec) {
  Registry& r = registry;
  op->spec = spec;
  op->traits = traits_of(spec->tags);
  op->id = static_cast<uint32_t>(r.ops.size());
  for (uint32_t layer = 0; layer < kMaxLayers; ++layer)
    if (r.fallback[layer]) set_fallback(*op, layer, r.fallback[layer]);
  r.ops.push_back(op);
  r.by_name.emplace(spec->name, op);
}

}  // namespace

tw_op* add_op(const OpSpec* spec) {
  auto* op = new tw_op();
  enter(op, spec);
  return op;
}

void register_builtin_ops() {
  const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
  registry.builtins = new tw_op[kBuiltinOpCount]();
  for (uint32_t i = 0; i < kBuiltinOpCount; ++i) {
    const OpSpec& spec = kBuiltinOps[i];
    tw_op* op = &registry.builtins[i];
    enter(op, &spec);
    if (spec.flags & (kOpComposite | kOpView)) continue;  // they run on every backend, from the spec
    auto* record = new KernelRecord{spec.kernel, spec.self, 0, spec.revision, kBuiltinProvider, nullptr};
    cpu::bind_kernels(spec, record);
    op->backend[kBackendCpu].store(record, std::memory_order_release);
  }
  add_cross_device_kernels(kBackendMeta);
  register_autocast();
  register_profiler();
}

void add_cross_device_kernels(uint32_t backend) {
  for (tw_op* op : registry.ops)
    if ((op->traits & kTraitCrossDevice) && !op->backend[backend].load(std::memory_order_relaxed))
      op->backend[backend].store(op->backend[kBackendCpu].load(std::memory_order_relaxed), std::memory_order_release);
}

tw_op* find_op_locked(std::string_view name) {
  const auto found = registry.by_name.find(name);
  return found == registry.by_name.end() ? nullptr : found->second;
}

const tw_op* find_op(std::string_view name) {
  const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
  return find_op_locked(name);
}

tw_op* builtin_op(uint32_t id) { return &registry.builtins[id]; }
tw_op* op_by_id(uint32_t id) {
  const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
  return id < registry.ops.size() ? registry.ops[id] : nullptr;
}
uint32_t op_count() {
  const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
  return static_cast<uint32_t>(registry.ops.size());
}

void add_backend_kernel(tw_op* op, uint32_t backend, KernelRecord* record) {
  publish(op->backend[backend], record, nullptr);
}

void add_layer_kernel(tw_op* op, uint32_t layer, KernelRecord* record) {
  publish(op->layer[layer], record, registry.fallback[layer]);
  op->layer_mask.fetch_or(uint64_t{1} << layer, std::memory_order_release);
}

void add_layer_fallback(uint32_t layer, KernelRecord* record) {
  Registry& r = registry;
  r.fallback[layer] = record;
  for (tw_op* op : r.ops) set_fallback(*op, layer, record);
}

const KernelRecord* rival(const KernelRecord* chain, int32_t priority) {
  for (; chain; chain = chain->next)
    if (chain->priority == priority) return chain;
  return nullptr;
}

const KernelRecord* layer_fallback(uint32_t layer) { return registry.fallback[layer]; }

const char* display_name(const OpSpec& spec) {
  if (spec.shown) return spec.shown;
  const std::string_view name(spec.name);
  return name.substr(0, 4) == "tw::" ? spec.name + 4 : spec.name;
}

}  // namespace tw
