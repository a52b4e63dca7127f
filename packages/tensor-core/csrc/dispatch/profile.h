// The profiler: the layer TW_L_PROFILE, one function over all ops. It lies below all others, so that ops that layers
// add are seen as well, and runs only on threads that include it, or on all while a profile covers them: elsewhere it
// costs nothing.
#pragma once

#include <tensorwright/tw_abi_profile.h>

#include <memory>
#include <string>
#include <vector>

namespace tw {

struct ProfileEvent {
  std::string name;
  uint32_t kind = TW_PROFILE_OP;
  uint32_t depth = 0;     // how many events it lies in
  int64_t begin = 0;      // nanoseconds of a clock that only grows
  int64_t wall = 0;       // nanoseconds, -1 while it runs
  int64_t cpu = 0;        // of the thread that called it
  int64_t allocated = 0;  // bytes, with all that it called
  int64_t freed = 0;
  int64_t in_use = 0;                        // bytes that the thread had more than at the start when the event ended
  std::vector<std::vector<int64_t>> shapes;  // of the arguments; empty for those that are no tensors
  std::vector<std::string> dtypes;
  std::string stack;  // innermost call first, one line each
};

struct ProfileOptions {
  bool shapes = false, stack = false;
  bool all_threads = false;  // also those without a profile of their own; one profile at a time does so
};

struct ThreadProfile {
  int64_t thread = 0;                // as the system numbers it
  std::vector<ProfileEvent> events;  // in order of beginning
};

// Starts to record on this thread; throws Error if it records already.
TW_EXPORT void start_profile(const ProfileOptions& options);
// What was recorded since, this thread's first. The layer is off again.
TW_EXPORT std::vector<ThreadProfile> stop_profile();
TW_EXPORT bool profiling();
TW_EXPORT void begin_span(const char* name, uint32_t kind);
TW_EXPORT void end_span();

// Switches the layer on for this thread while it has a recorder or an observer (dispatch/observe.h).
void include_profile_layer();

// Where Python stands: asked for each event if `stack` is set.
TW_EXPORT void set_stack_source(std::string (*source)());

// Called once, under the registry's lock, when the builtin ops are there.
void register_profiler();
void publish_profiler();

}  // namespace tw
