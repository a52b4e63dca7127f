#include "dispatch/profile.h"

#include <tensorwright/tw.hpp>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <mutex>

#include "dispatch/broker.h"
#include "dispatch/call.h"
#include "dispatch/layers.h"
#include "dispatch/observe.h"
#include "dispatch/op.h"
#include "dispatch/registry.h"
#include "runtime/error.h"
#include "runtime/text.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

constexpr uint64_t kBit = uint64_t{1} << TW_L_PROFILE;

int64_t now(clockid_t clock) {
  timespec t;
  return clock_gettime(clock, &t) == 0 ? int64_t{t.tv_sec} * 1000000000 + t.tv_nsec : 0;
}

int64_t allocated() { return static_cast<int64_t>(thread_state()->memory.allocated.load(std::memory_order_relaxed)); }
int64_t freed() { return static_cast<int64_t>(thread_state()->memory.freed.load(std::memory_order_relaxed)); }

std::string (*stack_source)() = nullptr;

// The events of one thread. It adds them; the thread that ends the profile takes them, while this one may go on.
class Recorder {
 public:
  explicit Recorder(const ProfileOptions& options) : options_(options), held_at_start_(allocated() - freed()) {
    thread_ = static_cast<int64_t>(syscall(SYS_gettid));
    if (pthread_getcpuclockid(pthread_self(), &cpu_clock_) != 0) cpu_clock_ = CLOCK_THREAD_CPUTIME_ID;
  }

  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // Times and bytes hold the start's readings until the event ends. The stack is asked for without the lock: it needs
  // the interpreter's, which the thread that ends the profile may hold.
  void begin(const char* name, uint32_t kind, const tw_call* call) {
    ProfileEvent event;
    event.name = name, event.kind = kind, event.wall = -1;
    if (options_.stack && stack_source) event.stack = stack_source();
    if (call && options_.shapes) note_arguments(event, *call);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed()) return;
    event.depth = static_cast<uint32_t>(open_.size());
    open_.push_back(events_.size());
    events_.push_back(std::move(event));
    ProfileEvent& begun = events_.back();
    begun.allocated = allocated(), begun.freed = freed();
    begun.cpu = now(cpu_clock_);
    begun.begin = now(CLOCK_MONOTONIC);
  }

  // On the thread that has begun it.
  void end() {
    const int64_t wall = now(CLOCK_MONOTONIC), cpu = now(cpu_clock_);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed() || open_.empty()) return;
    ProfileEvent& event = events_[open_.back()];
    open_.pop_back();
    event.wall = wall - event.begin;
    event.cpu = cpu - event.cpu;
    event.allocated = allocated() - event.allocated;
    event.freed = freed() - event.freed;
    event.in_use = allocated() - freed() - held_at_start_;
  }

  // On any thread. What still runs ends here, for the profile; of its bytes only the thread itself knows.
  ThreadProfile close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_.store(true, std::memory_order_release);
    for (const size_t place : open_) {
      ProfileEvent& event = events_[place];
      event.wall = now(CLOCK_MONOTONIC) - event.begin;
      event.cpu = std::max<int64_t>(0, now(cpu_clock_) - event.cpu);
      event.allocated = event.freed = 0;
    }
    return {thread_, std::move(events_)};
  }

 private:
  static void note_arguments(ProfileEvent& event, const tw_call& call);

  const ProfileOptions options_;
  const int64_t held_at_start_;
  int64_t thread_;
  clockid_t cpu_clock_;
  std::mutex mutex_;
  std::atomic<bool> closed_{false};
  std::vector<ProfileEvent> events_;
  std::vector<size_t> open_;
};

using RecorderRef = std::shared_ptr<Recorder>;
thread_local RecorderRef own;     // of the profile that this thread has started
thread_local RecorderRef joined;  // of the one that covers all threads

// The profile that covers all threads.
struct Everywhere {
  std::mutex mutex;
  Recorder* starter = nullptr;  // null: there is none
  ProfileOptions options;
  std::vector<RecorderRef> threads;  // the others
};
Everywhere& everywhere() {
  static auto* shared = new Everywhere();  // threads may outlive all that is destroyed at the end
  return *shared;
}

RecorderRef join() {
  Everywhere& shared = everywhere();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (!shared.starter) return nullptr;
  shared.threads.push_back(std::make_shared<Recorder>(shared.options));
  return shared.threads.back();
}

RecorderRef current_recorder() {
  if (own) return own;
  if (joined && joined->closed()) joined = nullptr;
  if (!joined && layers_everywhere.load(std::memory_order_relaxed) & kBit) joined = join();
  return joined;
}

void note_argument(ProfileEvent& event, const tw_value& value) {
  if (value.tag == TW_TENSORS) {
    for (const TensorRef t : From<TensorList>::get(value)) note_argument(event, to_value(t));
    return;
  }
  const bool tensor = value.tag == TW_TENSOR && value.u.t;
  const TensorRef t(tensor ? value.u.t : nullptr);
  event.shapes.emplace_back();
  event.dtypes.push_back(tensor ? text(t.dtype()) : "");
  if (tensor) event.shapes.back().assign(t.shape().begin(), t.shape().end());
}

void Recorder::note_arguments(ProfileEvent& event, const tw_call& call) {
  for (uint32_t i = 0; i < call.nargs; ++i) note_argument(event, call.args[i]);
}

// Bookkeeping of layers that are ops by their calling convention only: attributes of tensors, levels of transforms.
bool is_bookkeeping(const OpSpec& spec) {
  const std::string_view name(spec.name), tags(spec.tags ? spec.tags : "");
  const bool of_layers = name.substr(0, 10) == "autograd::" || name.substr(0, 11) == "transform::";
  return of_layers && tags.find("blocking") == std::string_view::npos;
}

tw_status run_recorded(tw_call* call) {
  RecorderRef mine;
  const tw_status begun = guard([&] {
    mine = current_recorder();
    if (mine) mine->begin(call->op->spec->name, TW_PROFILE_OP, call);
  });
  if (begun != TW_OK) return begun;
  if (!mine) include_profile_layer();  // a scope has restored masks from while there was a profile
  const tw_status status = redispatch(call);
  if (mine) mine->end();
  return status;
}

tw_status run(void*, tw_call* call) {
  if (is_bookkeeping(*call->op->spec)) return redispatch(call);
  return observing() ? run_observed(call, run_recorded) : run_recorded(call);
}

tw_status TW_CALL begin_by_interface(const char* name, uint32_t kind) {
  return guard([&] { begin_span(name, kind); });
}
tw_status TW_CALL end_by_interface() {
  return guard([] { end_span(); });
}
const tw_profile_if kInterface = {sizeof(tw_profile_if), 0, nullptr, begin_by_interface, end_by_interface};

}  // namespace

void include_profile_layer() {
  tw_tls* tls = thread_state();
  tls->include = own || observing() ? tls->include | kBit : tls->include & ~kBit;
}

void set_stack_source(std::string (*source)()) { stack_source = source; }

bool profiling() { return current_recorder() != nullptr; }

void start_profile(const ProfileOptions& options) {
  if (own) throw Error(TW_E_UNKNOWN, "profile: this thread has a profiler already; they do not nest");
  own = std::make_shared<Recorder>(options);
  include_profile_layer();
  Everywhere& shared = everywhere();
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (!options.all_threads || shared.starter) return;
  shared.starter = own.get(), shared.options = options;
  layers_everywhere.fetch_or(kBit, std::memory_order_relaxed);
}

std::vector<ThreadProfile> stop_profile() {
  if (!own) throw Error(TW_E_UNKNOWN, "profile: this thread has no profiler to stop");
  std::vector<ThreadProfile> found;
  found.push_back(own->close());
  Everywhere& shared = everywhere();
  std::vector<RecorderRef> others;
  {
    const std::lock_guard<std::mutex> lock(shared.mutex);
    if (shared.starter == own.get()) {
      layers_everywhere.fetch_and(~kBit, std::memory_order_relaxed);
      shared.starter = nullptr;
      others = std::move(shared.threads);
      shared.threads.clear();
    }
  }
  for (const RecorderRef& other : others) found.push_back(other->close());
  own = nullptr;
  include_profile_layer();
  return found;
}

void begin_span(const char* name, uint32_t kind) {
  if (const RecorderRef mine = current_recorder()) mine->begin(name, kind, nullptr);
}
void end_span() {
  if (const RecorderRef mine = current_recorder()) mine->end();
}

void register_profiler() {
  add_layer(TW_L_PROFILE, {"tw.profile", nullptr, kBuiltinProvider});
  add_layer_fallback(TW_L_PROFILE, new KernelRecord{run, nullptr, 0, 0, kBuiltinProvider, nullptr});
}

void publish_profiler() { broker_publish("tw.profile", 1, 0, &kInterface); }

}  // namespace tw
