// Dispatch layers: which bit a name has, and who destroys a layer's per-tensor metadata. The core knows
// the slots of the well-known names and no layer's meaning.
#pragma once

#include <tensorwright/tw_abi.h>

#include <string_view>

namespace tw {

constexpr uint32_t kMaxLayers = 64;
constexpr uint32_t kNoSlot = ~0u;

struct LayerRecord {
  const char* name;  // null: the slot is free
  void (*meta_destroy)(void* meta);
  const char* provider;
};

uint32_t find_layer(std::string_view name);  // kNoSlot if it is not registered
const char* layer_name(uint32_t slot);       // null if free
// The slot of a well-known name, or a free one between the two constraints; kNoSlot if there is none.
// `taken` marks slots to leave alone.
uint32_t choose_slot(std::string_view name, const char* after, const char* before, uint64_t taken);
void add_layer(uint32_t slot, const LayerRecord& layer);  // under the registry's lock
void destroy_layer_meta(uint32_t slot, void* meta);

}  // namespace tw
