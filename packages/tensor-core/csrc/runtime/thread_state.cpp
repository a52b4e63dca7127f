#include "runtime/thread_state.h"

#include <pthread.h>

#include <cstdlib>

namespace tw {

thread_local tw_tls* current_thread = nullptr;

namespace {

pthread_key_t state_key;

void destroy_thread_state(void* p) {
  auto* state = static_cast<tw_tls*>(p);
  current_thread = nullptr;
  while (state->free_count > 0) std::free(state->free_blocks[--state->free_count]);
  state->small_blocks.clear();
  if (state->error.foreign && state->error.foreign_destroy) state->error.foreign_destroy(state->error.foreign);
  delete state;
}

bool make_key() { return pthread_key_create(&state_key, destroy_thread_state) == 0; }

}  // namespace

tw_tls* create_thread_state() {
  static const bool have_key = make_key();
  auto* state = new tw_tls;
  if (have_key) pthread_setspecific(state_key, state);
  current_thread = state;
  return state;
}

}  // namespace tw
