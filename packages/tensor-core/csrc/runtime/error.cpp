#include "runtime/error.h"

#include <new>
#include <utility>

#include "runtime/thread_state.h"

namespace tw {

namespace {

void drop_foreign(tw_error& error) {
  if (error.foreign && error.foreign_destroy) error.foreign_destroy(error.foreign);
  error.foreign = nullptr;
  error.foreign_destroy = nullptr;
}

}  // namespace

tw_status set_error(tw_status code, std::string message) {
  tw_error& slot = thread_state()->error;
  drop_foreign(slot);
  slot.code = code;
  slot.message = std::move(message);
  return code;
}

tw_status park_foreign(void* exception, void (*destroy)(void*), std::string message) {
  set_error(TW_E_FOREIGN, std::move(message));
  tw_error& slot = thread_state()->error;
  slot.foreign = exception;
  slot.foreign_destroy = destroy;
  return TW_E_FOREIGN;
}

void* take_foreign() {
  tw_error& slot = thread_state()->error;
  void* exception = std::exchange(slot.foreign, nullptr);
  if (exception) clear_error();
  return exception;
}

const std::string& error_message() { return thread_state()->error.message; }
tw_status error_code() { return thread_state()->error.code; }

void clear_error() {
  tw_error& slot = thread_state()->error;
  drop_foreign(slot);
  slot.code = TW_OK;
  slot.message.clear();
}

tw_status error_take(tw_error** out) {
  tw_error& slot = thread_state()->error;
  *out = nullptr;
  if (slot.code == TW_OK) return TW_OK;
  auto* taken = new (std::nothrow) tw_error(std::move(slot));
  if (!taken) return TW_E_NOMEM;
  slot.foreign = nullptr;  // NOLINT(bugprone-use-after-move): the owner is `taken` now
  clear_error();
  *out = taken;
  return TW_OK;
}

tw_status error_restore(tw_error* error) {
  if (!error) return TW_OK;
  tw_error& slot = thread_state()->error;
  drop_foreign(slot);
  slot = std::move(*error);
  delete error;
  return slot.code;
}

void error_free(tw_error* error) {
  if (!error) return;
  drop_foreign(*error);
  delete error;
}

}  // namespace tw
