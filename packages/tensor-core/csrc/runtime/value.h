// Owned values and reference-counted objects of the C ABI.
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw {

tw_status list_new(uint32_t tag, uint32_t n, tw_value* out);
void value_clear(tw_value* owned);

tw_status object_new(const tw_object_type* type, void* payload, tw_object** out);
void object_retain(tw_object* o);
void object_release(tw_object* o);

}  // namespace tw
