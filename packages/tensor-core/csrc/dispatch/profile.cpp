#include "dispatch/profile.h"

#include <tensorwright/tw.hpp>

#include <ctime>

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

struct Recorder {
  ProfileOptions options;
  std::vector<ProfileEvent> events;
  std::vector<size_t> open;
  int64_t held_at_start = 0;
};
thread_local Recorder* recorder = nullptr;
std::string (*stack_source)() = nullptr;

int64_t now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

int64_t allocated() { return static_cast<int64_t>(thread_state()->memory.allocated.load(std::memory_order_relaxed)); }
int64_t freed() { return static_cast<int64_t>(thread_state()->memory.freed.load(std::memory_order_relaxed)); }

// Times and bytes hold the start's readings until the event ends.
ProfileEvent& begin_event(std::string name, uint32_t kind) {
  Recorder& r = *recorder;
  ProfileEvent event;
  event.name = std::move(name);
  event.kind = kind;
  event.depth = static_cast<uint32_t>(r.open.size());
  if (r.options.stack && stack_source) event.stack = stack_source();
  r.open.push_back(r.events.size());
  r.events.push_back(std::move(event));
  ProfileEvent& begun = r.events.back();
  begun.wall = -1;
  begun.allocated = allocated(), begun.freed = freed();
  begun.cpu = now(CLOCK_THREAD_CPUTIME_ID);
  begun.begin = now(CLOCK_MONOTONIC);
  return begun;
}

void end_event(Recorder& r) {
  const int64_t wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
  ProfileEvent& event = r.events[r.open.back()];
  r.open.pop_back();
  event.wall = wall - event.begin;
  event.cpu = cpu - event.cpu;
  event.allocated = allocated() - event.allocated;
  event.freed = freed() - event.freed;
  event.in_use = allocated() - freed() - r.held_at_start;
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

// Bookkeeping of layers that are ops by their calling convention only: attributes of tensors, levels of transforms.
bool is_bookkeeping(const OpSpec& spec) {
  const std::string_view name(spec.name), tags(spec.tags ? spec.tags : "");
  const bool of_layers = name.substr(0, 10) == "autograd::" || name.substr(0, 11) == "transform::";
  return of_layers && tags.find("blocking") == std::string_view::npos;
}

tw_status run_recorded(tw_call* call) {
  Recorder* const mine = recorder;
  if (!mine) return redispatch(call);
  const tw_status begun = guard([&] {
    ProfileEvent& event = begin_event(call->op->spec->name, TW_PROFILE_OP);
    if (mine->options.shapes)
      for (uint32_t i = 0; i < call->nargs; ++i) note_argument(event, call->args[i]);
  });
  if (begun != TW_OK) return begun;
  const tw_status status = redispatch(call);
  if (recorder == mine) end_event(*mine);
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
  tls->include = recorder || observing() ? tls->include | kBit : tls->include & ~kBit;
}

void set_stack_source(std::string (*source)()) { stack_source = source; }

bool profiling() { return recorder != nullptr; }

void start_profile(const ProfileOptions& options) {
  if (recorder) throw Error(TW_E_UNKNOWN, "profile: this thread has a profiler already; they do not nest");
  auto fresh = std::make_unique<Recorder>();
  fresh->options = options;
  fresh->held_at_start = allocated() - freed();
  recorder = fresh.release();
  include_profile_layer();
}

std::vector<ProfileEvent> stop_profile() {
  if (!recorder) throw Error(TW_E_UNKNOWN, "profile: this thread has no profiler to stop");
  const std::unique_ptr<Recorder> finished(std::exchange(recorder, nullptr));
  include_profile_layer();
  while (!finished->open.empty()) end_event(*finished);
  return std::move(finished->events);
}

void begin_span(const char* name, uint32_t kind) {
  if (recorder) begin_event(name, kind);
}
void end_span() {
  if (recorder && !recorder->open.empty()) end_event(*recorder);
}

void register_profiler() {
  add_layer(TW_L_PROFILE, {"tw.profile", nullptr, kBuiltinProvider});
  add_layer_fallback(TW_L_PROFILE, new KernelRecord{run, nullptr, 0, 0, kBuiltinProvider, nullptr});
}

void publish_profiler() { broker_publish("tw.profile", 1, 0, &kInterface); }

}  // namespace tw
