// Running a call: layers from the top, then the backend's kernel chain.
#pragma once

#include <tensorwright/tw_abi.h>

#include <atomic>

#include "dispatch/op.h"

namespace tw {

tw_status redispatch(tw_call* call);

// Layers that run on every thread, unless it excludes them.
extern std::atomic<uint64_t> layers_everywhere;

// ---- pieces shared by the files of dispatch/ --------------------------------------------------------------

// Which backend runs a call, and the device its tensors share.
struct Place {
  uint32_t backend;
  tw_device device;
};
tw_status find_place(const tw_call* call, Place* place);

// Asks the kernels of a chain in order, until one does not decline.
tw_status run_chain(const KernelRecord* kernel, tw_call* call, const Place& place);

// A structured op whose results were given by the caller (out=, in place).
tw_status run_structured_into(const KernelRecord* kernel, tw_call* call, const Place& place, const tw_meta* metas);
// Any other op whose results were given: computed apart, then copied.
tw_status run_plain_into(tw_kernel_fn fn, void* self, const KernelRecord* chain, tw_call* call, const Place& place);

// Layers that results of view ops get; that of tw::detach stays without.
void set_view_layers(uint64_t mask);

// Memory beyond what a call usually needs.
constexpr uint32_t kMaxReturns = 16;

}  // namespace tw
