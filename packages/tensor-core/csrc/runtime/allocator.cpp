#include "runtime/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/fork.h"
#include "runtime/live_tensors.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLargestKept = size_t{1} << 30;
constexpr size_t kZeroedBySystem = size_t{64} << 20;  // bytes from which on fresh pages are cheaper than zeroing
constexpr int kMostSmall = 16;                        // blocks of one size that a thread keeps
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;  // the sanitizer must see every free
#else
constexpr bool kCaching = true;
#endif

// Size classes: four to an octave, so at most a fifth of a block is unused.
struct SizeClass {
  int index;
  size_t bytes;
};
SizeClass size_class(size_t bytes) {
  if (bytes <= 64) return {0, 64};
  const int octave = 63 - __builtin_clzll(bytes - 1);  // 2^octave < bytes <= 2^(octave + 1)
  const int quarter = static_cast<int>((bytes - 1) >> (octave - 2)) & 3;
  return {1 + 4 * (octave - 6) + quarter, (size_t{5} + quarter) << (octave - 2)};
}

void* system_allocate(size_t bytes) {
  const size_t rounded = (bytes + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  if (rounded < bytes) return nullptr;
  void* data = nullptr;
  const bool huge = rounded >= kHugePage;
  if (posix_memalign(&data, huge ? kHugePage : kDataAlignment, rounded) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(data, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return data;
}

constexpr int kLargeClasses = 1 + 4 * (30 - 6);  // up to kLargestKept

size_t initial_limit() {
  if (const char* text = std::getenv("TENSORWRIGHT_CACHE_LIMIT")) return std::strtoull(text, nullptr, 10);
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  const size_t memory = pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page) : 0;
  return std::min(kLargestKept, memory / 8);
}

struct LargeBlocks {
  ForkSafeMutex mutex;
  std::vector<void*> free[kLargeClasses];
  size_t kept = 0, limit = initial_limit();
};

LargeBlocks& large_blocks = *new LargeBlocks;  // never destroyed: tensors may outlive static destructors

void* take_large(SizeClass size) {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  std::vector<void*>& list = large.free[size.index];
  if (list.empty()) return nullptr;
  void* data = list.back();
  list.pop_back();
  large.kept -= size.bytes;
  return data;
}

bool keep_large(SizeClass size, void* data) {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  if (large.kept + size.bytes > large.limit) return false;
  large.free[size.index].push_back(data);
  large.kept += size.bytes;
  return true;
}

// With the lock held.
void release_all(LargeBlocks& large) {
  for (std::vector<void*>& list : large.free) {
    for (void* data : list) std::free(data);
    list.clear();
  }
  large.kept = 0;
}

void release_large() {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  release_all(large);
}

std::atomic<const tw_allocator*> hook{nullptr};

void* take_small(SizeClass size) {
  SmallBlocks& small = thread_state()->small_blocks;
  void* data = small.head[size.index];
  if (!data) return nullptr;
  small.head[size.index] = *static_cast<void**>(data);
  --small.count[size.index];
  return data;
}

bool keep_small(SizeClass size, void* data) {
  SmallBlocks& small = thread_state()->small_blocks;
  if (small.count[size.index] == kMostSmall) return false;
  *static_cast<void**>(data) = std::exchange(small.head[size.index], data);
  ++small.count[size.index];
  return true;
}

}  // namespace

void SmallBlocks::clear() {
  for (int c = 0; c < kSmallClasses; ++c) {
    for (void* data = head[c]; data;) std::free(std::exchange(data, *static_cast<void**>(data)));
    head[c] = nullptr;
    count[c] = 0;
  }
}

void* host_allocate(size_t bytes) {
  if (!kCaching || bytes > kLargestKept) {
    raise_memory_peak(bytes);
    return system_allocate(bytes);
  }
  const SizeClass size = size_class(bytes);
  const bool small = size.index < kSmallClasses;
  void* data = small ? take_small(size) : take_large(size);
  if (!small || !data) raise_memory_peak(bytes);
  if (!data) data = system_allocate(size.bytes);
  if (!data) {
    release_cached_memory();
    data = system_allocate(size.bytes);
  }
  return data;
}

void host_free(void* data, size_t bytes) {
  if (kCaching && bytes <= kLargestKept) {
    const SizeClass size = size_class(bytes);
    if (size.index < kSmallClasses ? keep_small(size, data) : keep_large(size, data)) return;
  }
  std::free(data);
}

void host_zero(void* data, size_t bytes) {
#if defined(__linux__)
  constexpr size_t kPage = 4096;
  if (bytes >= kZeroedBySystem) {
    char* first = static_cast<char*>(data);
    const size_t head = (kPage - reinterpret_cast<uintptr_t>(first) % kPage) % kPage;
    const size_t whole = (bytes - head) / kPage * kPage;
    if (madvise(first + head, whole, MADV_DONTNEED) == 0) {
      std::memset(first, 0, head);
      std::memset(first + head + whole, 0, bytes - head - whole);
      return;
    }
  }
#endif
  std::memset(data, 0, bytes);
}

void release_cached_memory() {
  thread_state()->small_blocks.clear();
  release_large();
}

size_t cached_memory() {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  return large.kept;
}

size_t cache_limit() {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  return large.limit;
}

void set_cache_limit(size_t bytes) {
  LargeBlocks& large = large_blocks;
  const std::lock_guard<ForkSafeMutex> lock(large.mutex);
  large.limit = bytes;
  if (large.kept > bytes) release_all(large);
}

const tw_allocator* allocator_hook() { return hook.load(std::memory_order_acquire); }
void set_allocator_hook(const tw_allocator* allocator) { hook.store(allocator, std::memory_order_release); }

tw_status device_allocate(uint32_t backend, int32_t index, uint64_t bytes, void** out) {
  const tw_device_if* iface = device_type(backend).iface;
  return iface->alloc(iface->self, index, bytes, kDataAlignment, nullptr, out);
}

void device_free(uint32_t backend, int32_t index, void* data, uint64_t bytes) {
  const tw_device_if* iface = device_type(backend).iface;
  iface->free(iface->self, index, data, bytes, nullptr);
}

}  // namespace tw
