#include "runtime/generator.h"

#include <mutex>

#include "runtime/fork.h"

namespace tw {

namespace {

ForkSafeMutex mutex;
GeneratorState state{0, 0};

}  // namespace

GeneratorState generator_state() {
  const std::lock_guard<ForkSafeMutex> lock(mutex);
  return state;
}

void set_generator_state(GeneratorState s) {
  const std::lock_guard<ForkSafeMutex> lock(mutex);
  state = s;
}

uint64_t philox_reserve(uint64_t n, uint64_t* key) {
  const std::lock_guard<ForkSafeMutex> lock(mutex);
  const uint64_t first = state.counter;
  state.counter += n;
  *key = state.seed;
  return first;
}

}  // namespace tw
