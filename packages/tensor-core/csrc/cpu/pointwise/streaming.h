// Results too large for any cache, written past the caches: an ordinary store first reads the line that it overwrites,
// a third more traffic for a sum of two tensors and half as much again for a function of one.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tw::cpu {

#if defined(__SSE2__)
constexpr bool kStreamingStores = true;
#else
constexpr bool kStreamingStores = false;
#endif

constexpr int64_t kBeyondCaches = int64_t{64} << 20;  // bytes that a call reads and writes
constexpr int64_t kLine = 64;

// Stores a block that lies in the first-level cache to lines of memory; meanwhile what the next one is computed from is
// fetched, else reading and writing would take turns. Before others may see the result, finish_streaming.
inline void stream_block(char* to, const char* block, int64_t bytes, const char* const* next, int count) {
  int64_t i = 0;
#if defined(__SSE2__)
  for (; i + kLine <= bytes; i += kLine) {
    for (int k = 0; k < count; ++k) __builtin_prefetch(next[k] + i);
    for (int64_t j = i; j < i + kLine; j += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + j), _mm_load_si128(reinterpret_cast<const __m128i*>(block + j)));
  }
#endif
  std::memcpy(to + i, block + i, static_cast<size_t>(bytes - i));
}

inline void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace tw::cpu
