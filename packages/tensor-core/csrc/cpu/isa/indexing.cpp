// Elements that indices name, one after the other: loads and stores are as many with vectors as without, so these only
// look at the indices, a group at a time and just before it is used.
#include <tensorwright/simd/vec.h>

#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::kIndexGroup;

TW_INLINE bool group_inside(const int64_t* places, int64_t size) {
  const I64 none{}, limit = splat<I64>(size);
  M64 outside = lt(limit, none);
#pragma GCC unroll 16
  for (int64_t i = 0; i < kIndexGroup; i += lanes_of<I64>) {
    const I64 place = load<I64>(places + i);
    outside = or_(outside, or_(lt(place, none), ge(place, limit)));
  }
  return !any(outside);
}

template <class T>
int64_t take(const int64_t* places, int64_t n, int64_t size, const T* from, T* to) {
  int64_t k = 0;
  for (; k + kIndexGroup <= n && group_inside(places + k, size); k += kIndexGroup) {
    if constexpr (sizeof(T) == 4) {  // stores of two
#pragma GCC unroll 16
      for (int64_t i = k; i < k + kIndexGroup; i += 2) {
        const uint64_t both = from[places[i]] | static_cast<uint64_t>(from[places[i + 1]]) << 32;
        std::memcpy(to + i, &both, sizeof both);
      }
    } else {
#pragma GCC unroll 16
      for (int64_t i = k; i < k + kIndexGroup; ++i) to[i] = from[places[i]];
    }
  }
  return k;
}

template <class T>
int64_t add(const int64_t* places, int64_t n, int64_t size, const T* from, T* to) {
  int64_t k = 0;
  for (; k + kIndexGroup <= n && group_inside(places + k, size); k += kIndexGroup)
#pragma GCC unroll 16
    for (int64_t i = k; i < k + kIndexGroup; ++i) to[places[i]] += from[i];
  return k;
}

}  // namespace

extern const cpu::IndexKernels kIndexing;
const cpu::IndexKernels kIndexing = {take<uint32_t>, take<uint64_t>, add<float>, add<double>};

}  // namespace TW_ISA_NS
}  // namespace tw
