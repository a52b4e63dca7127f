// What the core keeps per thread: layer masks, the error slot, and the free list of tensor blocks.
#pragma once

#include <tensorwright/tw_abi.h>

#include <atomic>

#include "runtime/allocator.h"
#include "runtime/error.h"

namespace tw {

struct TensorBlock;

// Bytes of tensor memory that a thread has taken and given back, on any device; what lies in a tensor's own block is
// not counted. Written by the thread alone, read by others.
struct MemoryCounters {
  std::atomic<uint64_t> allocated{0}, freed{0};

  static void add(std::atomic<uint64_t>& counter, uint64_t bytes) {
    counter.store(counter.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }
};

#if defined(__SANITIZE_ADDRESS__)
constexpr int kFreeBlocks = 0;  // each block goes back to malloc, so that the sanitizer sees every use after free
#else
constexpr int kFreeBlocks = 256;
#endif

}  // namespace tw

struct tw_tls {
  uint64_t include = 0;
  uint64_t exclude = 0;
  int free_count = 0;
  tw::TensorBlock* free_blocks[tw::kFreeBlocks + 1];
  tw::SmallBlocks small_blocks;
  tw::MemoryCounters memory;
  tw_tls *previous = nullptr, *next = nullptr;  // all threads' states
  tw_error error;
};

namespace tw {

// One pointer of static TLS: an extension module may use little of it.
TW_EXPORT extern thread_local tw_tls* current_thread __attribute__((tls_model("initial-exec")));
TW_EXPORT tw_tls* create_thread_state();

inline tw_tls* thread_state() {
  tw_tls* state = current_thread;
  return __builtin_expect(state != nullptr, 1) ? state : create_thread_state();
}

// Bytes of tensor memory in use now, counted over all threads: a tensor may die on another one than it was made on.
TW_EXPORT int64_t memory_in_use();

}  // namespace tw
