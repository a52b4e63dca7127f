// Small blocks from per-thread free lists: a node and a tensor's metadata are made and freed for every op.
#pragma once

#include <cstddef>

namespace tw::autograd {

void* pool_allocate(size_t bytes);          // throws std::bad_alloc
void pool_free(void* block, size_t bytes);  // `bytes` as allocated; any thread may free

// Base of classes whose objects come from the pool.
struct Pooled {
  static void* operator new(size_t bytes) { return pool_allocate(bytes); }
  static void operator delete(void* block, size_t bytes) { pool_free(block, bytes); }
};

}  // namespace tw::autograd
