// Devices by name. "cpu" and "meta" are built in; others come from plugins. A device type is a dense
// backend index inside the process; its number on the wire is DLPack's.
#pragma once

#include <tensorwright/tw_abi.h>
#include <tensorwright/tw_abi_device.h>

#include <string_view>

#include "dispatch/op.h"

namespace tw {

constexpr uint32_t kBackendCpu = 0;
constexpr uint32_t kBackendMeta = 1;
constexpr uint32_t kNoBackend = ~0u;

struct DeviceType {
  const char* name;
  int32_t dl_type;
  const tw_device_if* iface;  // null for cpu and meta
  const char* provider;       // plugin name and file, for messages
};

uint32_t device_count();  // number of device types
TW_EXPORT const DeviceType& device_type(uint32_t backend);
TW_EXPORT uint32_t backend_by_name(std::string_view name);  // kNoBackend if there is none
TW_EXPORT uint32_t backend_by_dl_type(int32_t dl_type);     // kNoBackend if there is none
// Also of kinds that DLPack has numbers for and no plugin has brought; "unknown" for others.
TW_EXPORT const char* device_type_name(int32_t dl_type);
// Commits a validated device; the caller holds the registry's lock.
uint32_t add_device_type(const DeviceType& type);

// "cpu", "npu:1". ValueError for a malformed string or an index that does not exist; the message for an
// unknown name lists the known ones.
TW_EXPORT tw_status parse_device(std::string_view text, tw_device* out);
// The same, and also kinds that DLPack has numbers for and no plugin has brought: ops refuse them.
TW_EXPORT tw_status name_device(std::string_view text, tw_device* out);
// Checks that type and index exist, and gives the backend.
tw_status resolve_device(tw_device device, uint32_t* backend);

}  // namespace tw
