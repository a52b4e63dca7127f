// The default random generator: Philox4x32-10 with the seed as key and a counter that each draw advances.
// A kernel reserves its range of counters first, so the numbers do not depend on how the work is split.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>

namespace tw {

struct GeneratorState {
  uint64_t seed;
  uint64_t counter;
};
TW_EXPORT GeneratorState generator_state();
TW_EXPORT void set_generator_state(GeneratorState state);
inline void manual_seed(uint64_t seed) { set_generator_state({seed, 0}); }

// Reserves n counters and returns the first of them; `key` receives the seed.
uint64_t philox_reserve(uint64_t n, uint64_t* key);

}  // namespace tw
