// The process's one thread pool. Work is cut into chunks of `grain` that do not depend on the number of
// threads; who computes a chunk is a race, what it computes is not.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>
#include <string>
#include <type_traits>

namespace tw::threads {

// Threads that a parallel region uses, the caller included. At start: TENSORWRIGHT_NUM_THREADS, or as many
// as affinity and the cgroup's CPU quota leave us.
TW_EXPORT int num_threads();
TW_EXPORT void set_num_threads(int n);  // 1 to 1024; others throw

// TW_E_CANCELLED if the user interrupted; chunks not begun by then are left out.
tw_status parallel_for(int64_t begin, int64_t end, int64_t grain, void (*f)(void* context, int64_t begin, int64_t end),
                       void* context);

template <class F>
tw_status parallel_for(int64_t begin, int64_t end, int64_t grain, F&& f) {
  auto trampoline = [](void* context, int64_t b, int64_t e) {
    (*static_cast<std::remove_reference_t<F>*>(context))(b, e);
  };
  return parallel_for(begin, end, grain, trampoline, &f);
}

bool in_parallel();  // inside a chunk of a parallel_for

// Says whether the user pressed Ctrl-C; set by the Python layer, called on the thread that runs the op.
TW_EXPORT void set_poll_hook(bool (*interrupted)());
tw_status poll();

// Between pieces of a long loop: throws if the user interrupted. Also inside of chunks, where the thread that runs the
// op asks and the others stop when it did; chunks that throw are those of `parallel_for` of tw.hpp, which catches.
void stop_if_interrupted();

// Counts the steps of a loop whose pieces are of any length, and looks for an interruption every million.
class Paces {
 public:
  void took(int64_t steps) {
    if ((left_ -= steps) > 0) return;
    left_ = kBetween;
    stop_if_interrupted();
  }

 private:
  static constexpr int64_t kBetween = int64_t{1} << 20;  // simple operations: a millisecond or some
  int64_t left_ = kBetween;
};

// f(begin, end) for pieces of a range that have to be done in order.
template <class F>
void for_pieces(int64_t begin, int64_t end, F&& f) {
  constexpr int64_t kPiece = int64_t{1} << 20;  // simple operations: a millisecond or some
  for (; begin < end; begin += kPiece) {
    f(begin, begin + kPiece < end ? begin + kPiece : end);
    stop_if_interrupted();
  }
}

// CPUs that this process may use: the smaller of its affinity mask and its cgroup's quota, at least 1.
TW_EXPORT int available_cpus();

// The CPUs that the quotas of this process's cgroups, of version 1 and 2, allow; infinite without any. Their files are
// looked for below `root`.
TW_EXPORT double cgroup_cpus(const std::string& root);

}  // namespace tw::threads
