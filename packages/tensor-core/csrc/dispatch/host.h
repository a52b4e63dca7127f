// The host table "tw.core/1" of this process.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw {

TW_EXPORT const tw_host* host_table();

// Registers the builtin ops and points tw::g_host at the table. Idempotent; called when the module loads.
TW_EXPORT void start_core();

}  // namespace tw
