// Freed blocks of host memory, kept for the next tensor of about their size: fresh pages from the system cost
// more (a fault and 4096 zeroed bytes each) than most kernels need to fill them.
#pragma once

#include <cstddef>

namespace tw {

// The size that a block of at least `bytes` really has: a multiple of an eighth of the power of two below.
size_t cached_block_size(size_t bytes);
// A kept block of exactly this size, or null.
void* take_cached_block(size_t block_size);
// Keeps a block; false if it is not of a size that is kept, or if the cache is full.
bool keep_block(void* data, size_t block_size);
// Gives all kept blocks back to the system; returns their bytes.
size_t empty_block_cache();

}  // namespace tw
