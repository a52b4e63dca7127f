#include "runtime/fork.h"

#include <pthread.h>

namespace tw {

namespace {

ForkSafeMutex* first = nullptr;  // by rank; complete once the library is loaded

}  // namespace

void lock_for_fork() {
  for (ForkSafeMutex* m = first; m; m = m->next_) m->lock();
}
void unlock_after_fork() {
  for (ForkSafeMutex* m = first; m; m = m->next_) m->unlock();
}

ForkSafeMutex::ForkSafeMutex(Rank rank) : rank_(rank) {
  if (!first) pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
  ForkSafeMutex** place = &first;
  while (*place && (*place)->rank_ <= rank) place = &(*place)->next_;
  next_ = *place;
  *place = this;
}

}  // namespace tw
