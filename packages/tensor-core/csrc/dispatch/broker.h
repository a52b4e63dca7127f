// Interfaces by name: autograd, jit and others publish their tables here, and records that other plugins
// declared for an interface reach it whenever it is published, in whatever order things load.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw {

// How every published table begins.
struct InterfaceHead {
  uint32_t size;
  uint32_t minor;
  tw_status (*extend)(const void* payload);  // or null: the interface takes no records
};

tw_status broker_query(const char* name, uint32_t major, uint32_t min_minor, const void** table);
tw_status broker_publish(const char* name, uint32_t major, uint32_t minor, const void* table);
// Keeps a validated record for good, and hands it over at once if its interface is there.
tw_status broker_extend(const tw_ext_def& ext, const char* provider);

}  // namespace tw
