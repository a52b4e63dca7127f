#include "runtime/block_cache.h"

#include <cstdlib>
#include <mutex>
#include <vector>

namespace tw {

namespace {

constexpr size_t kSmallest = size_t{16} << 10;  // below, malloc has caches of its own
constexpr size_t kLargest = size_t{128} << 20;  // above, the faults are a small part of the work
constexpr size_t kLimit = size_t{512} << 20;    // bytes kept in all
constexpr int kStepsPerDouble = 8;
constexpr int kClasses = 64 * kStepsPerDouble;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kEnabled = false;  // a kept block would hide a use after free
#else
constexpr bool kEnabled = true;
#endif

// Whoever does not get the lock at once does without the cache: nobody waits, and a child forked while
// another thread held it just allocates.
std::mutex lock;
std::vector<void*>* kept = nullptr;  // by size class; never destroyed, since tensors outlive static objects
size_t kept_bytes = 0;

size_t step_of(size_t bytes) { return size_t{1} << (63 - __builtin_clzll(bytes)) >> 3; }

int size_class(size_t block_size) {
  const int power = 63 - __builtin_clzll(block_size);
  return power * kStepsPerDouble + static_cast<int>(block_size / step_of(block_size)) % kStepsPerDouble;
}

bool is_kept_size(size_t block_size) { return kEnabled && block_size >= kSmallest && block_size <= kLargest; }

}  // namespace

size_t cached_block_size(size_t bytes) {
  if (!is_kept_size(bytes)) return bytes;
  const size_t step = step_of(bytes);
  return (bytes + step - 1) / step * step;
}

void* take_cached_block(size_t block_size) {
  if (!is_kept_size(block_size)) return nullptr;
  std::unique_lock<std::mutex> hold(lock, std::try_to_lock);
  if (!hold || !kept) return nullptr;
  std::vector<void*>& blocks = kept[size_class(block_size)];
  if (blocks.empty()) return nullptr;
  void* data = blocks.back();
  blocks.pop_back();
  kept_bytes -= block_size;
  return data;
}

bool keep_block(void* data, size_t block_size) {
  if (!is_kept_size(block_size)) return false;
  std::unique_lock<std::mutex> hold(lock, std::try_to_lock);
  if (!hold || kept_bytes + block_size > kLimit) return false;
  if (!kept) kept = new std::vector<void*>[kClasses];
  kept[size_class(block_size)].push_back(data);
  kept_bytes += block_size;
  return true;
}

size_t empty_block_cache() {
  std::lock_guard<std::mutex> hold(lock);
  for (int i = 0; kept && i < kClasses; ++i) {
    for (void* data : kept[i]) std::free(data);
    kept[i].clear();
  }
  const size_t freed = kept_bytes;
  kept_bytes = 0;
  return freed;
}

}  // namespace tw
