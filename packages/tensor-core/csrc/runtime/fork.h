// What a fork must find at rest. A child has the thread that forked alone: what another thread held locked, the guard
// of a static that it was initialising included, stays locked in the child for ever.
#pragma once

#include <mutex>

namespace tw {

// A mutex that a fork waits for, so that it is free in the child. It lives until the process ends, and is made while
// the library is loaded: as a static outside of functions, or in what one of those makes.
class ForkSafeMutex {
 public:
  // Who holds one may take those of a higher rank; a fork takes all of them in this order.
  enum Rank { kOuter, kInner };

  explicit ForkSafeMutex(Rank rank = kInner);
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend void lock_for_fork();
  friend void unlock_after_fork();

  std::mutex mutex_;
  const Rank rank_;
  ForkSafeMutex* next_ = nullptr;
};

}  // namespace tw
