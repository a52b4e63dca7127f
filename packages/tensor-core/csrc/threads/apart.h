// Calls that cannot be stopped from inside, such as the decomposition of a large matrix by LAPACK. They run on a thread
// of their own while the caller waits and can be interrupted; what is computed then is thrown away when it is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace tw::threads {

// Memory of the caller that the call works on.
struct Operand {
  void* data;
  size_t bytes;
  bool written;
};

// A function object of plain bytes, which may be copied to where it outlives the caller.
struct Routine {
  int64_t (*call)(void* self, void* const* places);
  void* self;
  size_t bytes;
};
template <class F>
Routine routine_of(F& f) {
  static_assert(std::is_trivially_copyable_v<F> && alignof(F) <= alignof(std::max_align_t));
  return {[](void* self, void* const* places) -> int64_t { return (*static_cast<F*>(self))(places); }, &f, sizeof f};
}

// Calls the routine with the places of copies of the operands; those that are written are copied back. What else it
// uses belongs to `kept`. Throws what the routine throws, and if the user interrupted.
int64_t run_apart(const Operand* operands, size_t count, const Routine& routine, std::shared_ptr<void> kept);

}  // namespace tw::threads
