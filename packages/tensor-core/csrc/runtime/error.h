// The error slot of each thread. A function that fails fills it and returns the code; nothing is thrown
// across the ABI. Python's own exceptions are parked here and come out as the same object.
#pragma once

#include <tensorwright/tw_abi.h>

#include <string>

#include "runtime/text.h"

struct tw_error {
  tw_status code = TW_OK;
  std::string message;
  void* foreign = nullptr;  // an exception object of another runtime, owned
  void (*foreign_destroy)(void*) = nullptr;
};

namespace tw {

TW_EXPORT tw_status set_error(tw_status code, std::string message);
template <class... Parts>
tw_status set_error_text(tw_status code, const Parts&... parts) {
  return set_error(code, text(parts...));
}
// Parks a foreign exception; the slot owns it until it is taken or overwritten. Returns TW_E_FOREIGN.
TW_EXPORT tw_status park_foreign(void* exception, void (*destroy)(void*), std::string message);
// Moves the foreign exception out of this thread's slot (null if there is none), together with the error.
TW_EXPORT void* take_foreign();

TW_EXPORT const std::string& error_message();
tw_status error_code();
TW_EXPORT void clear_error();

tw_status error_take(tw_error** out);
tw_status error_restore(tw_error* error);
void error_free(tw_error* error);

}  // namespace tw
