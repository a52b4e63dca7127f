// The core as a process without Python starts it.
#include <tensorwright/tw_core.h>
#include <tensorwright/tw.hpp>

#include <string>

#include "cpu/matmul/blas.h"
#include "dispatch/host.h"
#include "dispatch/plugin.h"
#include "runtime/allocator.h"
#include "runtime/error.h"
#include "threads/pool.h"

namespace tw {
namespace {

std::string& blas_path() {
  static auto* path = new std::string();
  return *path;
}
std::string locate_blas() { return blas_path(); }

tw_status TW_CALL load(const char* path) { return load_plugin(path); }
tw_status TW_CALL set_blas(const char* path) {
  return guard([&] {
    blas_path() = path;
    cpu::set_blas_locator(locate_blas);
  });
}
tw_status TW_CALL set_threads(int32_t n) {
  return guard([&] { threads::set_num_threads(n); });
}

tw_status TW_CALL set_allocator(const tw_allocator* allocator) {
  if (allocator && (allocator->size < TW_ALLOCATOR_SIZE_V1 || !allocator->allocate || !allocator->release))
    return set_error(TW_E_ABI, "set_allocator: the struct is smaller than in version 1, or lacks a function");
  set_allocator_hook(allocator);
  return TW_OK;
}

}  // namespace
}  // namespace tw

extern "C" TW_EXPORT const tw_core* TW_CALL tw_core_1(void) {
  using namespace tw;
  start_core();
  static const tw_core core = {sizeof(tw_core), 0, host_table(), load, set_blas, set_threads, set_allocator};
  return &core;
}
