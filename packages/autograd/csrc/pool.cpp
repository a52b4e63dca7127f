#include "pool.h"

#include <cstdint>
#include <cstdlib>
#include <new>

namespace tw::autograd {
namespace {

constexpr size_t kStep = 32;
constexpr size_t kClasses = 16;  // blocks of up to 512 bytes
#if defined(__SANITIZE_ADDRESS__)
constexpr uint32_t kKept = 0;  // every block goes back to malloc, so that the sanitizer sees each use after free
#else
constexpr uint32_t kKept = 4096;  // per class and thread
#endif

struct FreeBlock {
  FreeBlock* next;
};

// Trivially constructed, so that an access costs no initialisation check.
struct FreeLists {
  FreeBlock* head[kClasses];
  uint32_t count[kClasses];
  enum : uint8_t { kUnused, kActive, kThreadEnded } state;
};
thread_local FreeLists lists;

// Gives the lists back when the thread ends; blocks freed after that go straight to free().
struct Drain {
  ~Drain() {
    for (size_t i = 0; i < kClasses; ++i) {
      while (FreeBlock* block = lists.head[i]) {
        lists.head[i] = block->next;
        std::free(block);
      }
      lists.count[i] = 0;
    }
    lists.state = FreeLists::kThreadEnded;
  }
};

void activate() {
  thread_local Drain drain;
  static_cast<void>(drain);
  lists.state = FreeLists::kActive;
}

size_t class_of(size_t bytes) { return (bytes - 1) / kStep; }

}  // namespace

void* pool_allocate(size_t bytes) {
  const size_t c = class_of(bytes);
  if (c >= kClasses) {
    void* block = std::malloc(bytes);
    if (!block) throw std::bad_alloc();
    return block;
  }
  FreeLists& mine = lists;
  if (FreeBlock* block = mine.head[c]) {
    mine.head[c] = block->next;
    --mine.count[c];
    return block;
  }
  void* block = std::malloc((c + 1) * kStep);
  if (!block) throw std::bad_alloc();
  return block;
}

void pool_free(void* block, size_t bytes) {
  const size_t c = class_of(bytes);
  if (c >= kClasses) return std::free(block);
  FreeLists& mine = lists;
  if (__builtin_expect(mine.state != FreeLists::kActive, 0)) {
    if (mine.state == FreeLists::kThreadEnded) return std::free(block);
    activate();
  }
  if (mine.count[c] >= kKept) return std::free(block);
  auto* free_block = static_cast<FreeBlock*>(block);
  free_block->next = mine.head[c];
  mine.head[c] = free_block;
  ++mine.count[c];
}

}  // namespace tw::autograd
