#include "dispatch/layers.h"

#include <atomic>

namespace tw {

namespace {

struct WellKnown {
  const char* name;
  uint32_t slot;
};
constexpr WellKnown kWellKnown[] = {
    {"tw.python", TW_L_PYTHON},         {"tw.transform", TW_L_TRANSFORM}, {"tw.trace", TW_L_TRACE},
    {"tw.functional", TW_L_FUNCTIONAL}, {"tw.autocast", TW_L_AUTOCAST},   {"tw.autograd", TW_L_AUTOGRAD},
    {"tw.shard", TW_L_SHARD},           {"tw.quant", TW_L_QUANT},         {"tw.profile", TW_L_PROFILE},
};

// A record is written before its name is published; names are never withdrawn.
LayerRecord records[kMaxLayers];
std::atomic<const char*> names[kMaxLayers];

uint32_t well_known_slot(std::string_view name) {
  for (const WellKnown& known : kWellKnown)
    if (name == known.name) return known.slot;
  return kNoSlot;
}

// A constraint may name a layer that is not loaded, as long as its slot is known.
uint32_t slot_of(std::string_view name) {
  const uint32_t loaded = find_layer(name);
  return loaded != kNoSlot ? loaded : well_known_slot(name);
}

bool is_reserved(uint32_t slot) {
  for (const WellKnown& known : kWellKnown)
    if (slot == known.slot) return true;
  return false;
}

}  // namespace

uint32_t find_layer(std::string_view name) {
  for (uint32_t i = 0; i < kMaxLayers; ++i) {
    const char* n = names[i].load(std::memory_order_acquire);
    if (n && name == n) return i;
  }
  return kNoSlot;
}

const char* layer_name(uint32_t slot) {
  return slot < kMaxLayers ? names[slot].load(std::memory_order_acquire) : nullptr;
}

uint32_t choose_slot(std::string_view name, const char* after, const char* before, uint64_t taken) {
  const uint32_t known = well_known_slot(name);
  if (known != kNoSlot) return known;
  const uint32_t above = after ? slot_of(after) : kMaxLayers;  // runs after it: a lower bit
  const uint32_t below = before ? slot_of(before) : 0;         // runs before it: a higher bit
  if (above == kNoSlot || below == kNoSlot) return kNoSlot;
  const uint32_t lowest = before ? below + 1 : 0;
  for (uint32_t slot = above; slot-- > lowest;)
    if (!layer_name(slot) && !is_reserved(slot) && !(taken >> slot & 1)) return slot;
  return kNoSlot;
}

void add_layer(uint32_t slot, const LayerRecord& layer) {
  records[slot] = layer;
  names[slot].store(layer.name, std::memory_order_release);
}

void destroy_layer_meta(uint32_t slot, void* meta) {
  if (records[slot].meta_destroy) records[slot].meta_destroy(meta);
}

}  // namespace tw
