// All ops of the process. Readers take no lock: records are immutable, published with release stores and
// never freed. Writers (start-up and plugin loading) hold registry_mutex().
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>
#include <string_view>

#include "dispatch/op.h"
#include "runtime/fork.h"

namespace tw {

ForkSafeMutex& registry_mutex();

// Builds the table of builtin ops; called once, before anything else of the dispatcher.
void register_builtin_ops();

// The functions below expect the lock.
tw_op* add_op(const OpSpec* spec);  // spec lives for ever; the name must be new
tw_op* find_op_locked(std::string_view name);
// Inserts by descending priority. Layer fallbacks stay at the end of an op's chain.
void add_backend_kernel(tw_op* op, uint32_t backend, KernelRecord* record);
void add_layer_kernel(tw_op* op, uint32_t layer, KernelRecord* record);
void add_layer_fallback(uint32_t layer, KernelRecord* record);  // for all ops, those yet to come included
// Gives a new backend the kernels of the ops that work on any device.
void add_cross_device_kernels(uint32_t backend);
// The record of the same priority that stands in the way of a new one, or null.
const KernelRecord* rival(const KernelRecord* chain, int32_t priority);
const KernelRecord* layer_fallback(uint32_t layer);

// These take the lock themselves.
TW_EXPORT uint32_t op_count();
TW_EXPORT tw_op* op_by_id(uint32_t id);  // null if there is none

// "add" of "tw::add": what messages call it.
TW_EXPORT const char* display_name(const OpSpec& spec);

}  // namespace tw
