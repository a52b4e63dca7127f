// What a plugin declares, validated but not yet registered. Used by the plugin loader alone.
#pragma once

#include <tensorwright/tw_abi.h>

#include <string>
#include <vector>

#include "dispatch/layers.h"
#include "dispatch/op.h"
#include "runtime/device.h"

namespace tw {

struct StagedKernel {
  tw_op* op;  // null: a layer's fallback, or an op that the same plugin declares
  std::string op_name;
  bool is_layer;
  uint32_t where;  // layer slot or backend
  KernelRecord* record;
};
struct StagedLayer {
  uint32_t slot;
  LayerRecord record;
};
struct StagedPlugin {
  std::string prefix;    // "plugin 'x' 1.0 (/path/x.so)": how messages begin
  const char* provider;  // the same, kept for ever
  std::vector<OpSpec*> ops;
  std::vector<StagedKernel> kernels;
  std::vector<StagedLayer> layers;
  std::vector<DeviceType> devices;
  std::vector<tw_ext_def> exts;
};

// Copies min(size, sizeof(T)) of a sized record into a zeroed local. False if its size is below the first version's
// or beyond anything plausible.
constexpr uint32_t kLargestRecord = 1u << 16;
template <class T>
bool read_sized(const void* from, uint32_t smallest, T* out) {
  uint32_t size;
  __builtin_memcpy(&size, from, sizeof size);
  if (size < smallest || size > kLargestRecord) return false;
  *out = T{};
  __builtin_memcpy(out, from, size < sizeof(T) ? size : sizeof(T));
  return true;
}

// Both expect the registry's lock.
tw_status validate_plugin(const tw_plugin& plugin, StagedPlugin* staged);
void commit_plugin(const StagedPlugin& staged);

}  // namespace tw
