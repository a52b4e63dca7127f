#include "runtime/generator.h"

#include <mutex>

namespace tw {

namespace {

std::mutex mutex;
GeneratorState state{0, 0};

}  // namespace

GeneratorState generator_state() {
  const std::lock_guard<std::mutex> lock(mutex);
  return state;
}

void set_generator_state(GeneratorState s) {
  const std::lock_guard<std::mutex> lock(mutex);
  state = s;
}

uint64_t philox_reserve(uint64_t n, uint64_t* key) {
  const std::lock_guard<std::mutex> lock(mutex);
  const uint64_t first = state.counter;
  state.counter += n;
  *key = state.seed;
  return first;
}

}  // namespace tw
