// Memory for tensor data that does not fit into the tensor's own block. Freed host memory is kept for the next
// tensor of its size: small blocks per thread, without a lock; large ones, whose pages are dear to touch for the
// first time, for all threads up to a limit.
#pragma once

#include <tensorwright/tw_core.h>

#include <cstddef>

namespace tw {

constexpr size_t kDataAlignment = 64;

// 64-byte aligned host memory; null when there is none.
void* host_allocate(size_t bytes);
void host_free(void* data, size_t bytes);  // bytes as allocated

// Zeroes memory that host_allocate gave and nobody has used: of large blocks the pages are handed back to the system,
// which gives zeroed ones when they are touched.
void host_zero(void* data, size_t bytes);

// Gives kept memory back to the system: this thread's and the shared one.
TW_EXPORT void release_cached_memory();
TW_EXPORT size_t cached_memory();  // bytes of the shared cache
// How many bytes the shared cache may keep. At start an eighth of the machine's memory, at most 1 GiB, or
// TENSORWRIGHT_CACHE_LIMIT.
TW_EXPORT size_t cache_limit();
TW_EXPORT void set_cache_limit(size_t bytes);

// The allocator that a program has set instead (tw_core.h), or null.
const tw_allocator* allocator_hook();
void set_allocator_hook(const tw_allocator* allocator);

// On any device with storage of its own.
tw_status device_allocate(uint32_t backend, int32_t index, uint64_t bytes, void** out);
void device_free(uint32_t backend, int32_t index, void* data, uint64_t bytes);

// ---- one thread's small blocks, part of its tw_tls --------------------------------------------------------

constexpr int kSmallClasses = 41;  // sizes from 64 bytes to 64 KiB, four to an octave

struct SmallBlocks {
  void* head[kSmallClasses] = {};  // each free block starts with the pointer to the next
  unsigned char count[kSmallClasses] = {};

  void clear();
};

}  // namespace tw
