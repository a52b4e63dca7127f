// Memory for tensor data that does not fit into the tensor's own block.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstddef>

namespace tw {

constexpr size_t kDataAlignment = 64;

// 64-byte aligned host memory; null when there is none.
void* host_allocate(size_t bytes);
void host_free(void* data, size_t bytes);

// On any device with storage of its own.
tw_status device_allocate(uint32_t backend, int32_t index, uint64_t bytes, void** out);
void device_free(uint32_t backend, int32_t index, void* data, uint64_t bytes);

}  // namespace tw
