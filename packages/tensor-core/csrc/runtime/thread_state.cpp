#include "runtime/thread_state.h"

#include <pthread.h>

#include <cstdlib>
#include <mutex>

#include "runtime/fork.h"

namespace tw {

thread_local tw_tls* current_thread = nullptr;

namespace {

pthread_key_t state_key;

struct AllThreads {
  ForkSafeMutex mutex;
  tw_tls* first = nullptr;
  int64_t left_by_others = 0;  // bytes that threads which have ended made and did not free
};

AllThreads& all_threads = *new AllThreads;  // never destroyed: threads may end after static destructors

int64_t in_use(const MemoryCounters& memory) {
  return static_cast<int64_t>(memory.allocated.load(std::memory_order_relaxed) -
                              memory.freed.load(std::memory_order_relaxed));
}

void enter_list(tw_tls* state) {
  AllThreads& all = all_threads;
  const std::lock_guard<ForkSafeMutex> lock(all.mutex);
  state->next = all.first;
  if (all.first) all.first->previous = state;
  all.first = state;
}

void leave_list(tw_tls* state) {
  AllThreads& all = all_threads;
  const std::lock_guard<ForkSafeMutex> lock(all.mutex);
  (state->previous ? state->previous->next : all.first) = state->next;
  if (state->next) state->next->previous = state->previous;
  all.left_by_others += in_use(state->memory);
}

void destroy_thread_state(void* p) {
  auto* state = static_cast<tw_tls*>(p);
  current_thread = nullptr;
  leave_list(state);
  while (state->free_count > 0) std::free(state->free_blocks[--state->free_count]);
  state->small_blocks.clear();
  if (state->error.foreign && state->error.foreign_destroy) state->error.foreign_destroy(state->error.foreign);
  delete state;
}

const bool have_key = pthread_key_create(&state_key, destroy_thread_state) == 0;

}  // namespace

tw_tls* create_thread_state() {
  auto* state = new tw_tls;
  if (have_key) pthread_setspecific(state_key, state);
  current_thread = state;
  enter_list(state);
  return state;
}

int64_t memory_in_use() {
  AllThreads& all = all_threads;
  const std::lock_guard<ForkSafeMutex> lock(all.mutex);
  int64_t bytes = all.left_by_others;
  for (const tw_tls* state = all.first; state; state = state->next) bytes += in_use(state->memory);
  return bytes;
}

}  // namespace tw
