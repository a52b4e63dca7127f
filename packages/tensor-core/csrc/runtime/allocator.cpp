#include "runtime/allocator.h"

#include <sys/mman.h>

#include <cstdlib>

#include "runtime/device.h"
#include "runtime/error.h"

namespace tw {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

void* host_allocate(size_t bytes) {
  // Rounded up, so that SIMD code may read whole vectors at the end of the data.
  const size_t rounded = (bytes + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  if (rounded < bytes) return nullptr;
  void* data = nullptr;
  const bool huge = rounded >= kHugePage;
  if (posix_memalign(&data, huge ? kHugePage : kDataAlignment, rounded) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(data, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return data;
}

void host_free(void* data, size_t) { std::free(data); }

tw_status device_allocate(uint32_t backend, int32_t index, uint64_t bytes, void** out) {
  const tw_device_if* iface = device_type(backend).iface;
  return iface->alloc(iface->self, index, bytes, kDataAlignment, nullptr, out);
}

void device_free(uint32_t backend, int32_t index, void* data, uint64_t bytes) {
  const tw_device_if* iface = device_type(backend).iface;
  iface->free(iface->self, index, data, bytes, nullptr);
}

}  // namespace tw
