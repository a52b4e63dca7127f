#include "runtime/allocator.h"

#include <sys/mman.h>

#include <cstdlib>

#include "runtime/block_cache.h"
#include "runtime/device.h"
#include "runtime/error.h"

namespace tw {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Rounded up, so that SIMD code may read whole vectors at the end of the data.
size_t rounded_size(size_t bytes) { return (bytes + kDataAlignment - 1) / kDataAlignment * kDataAlignment; }

}  // namespace

void* host_allocate(size_t bytes) {
  if (rounded_size(bytes) < bytes) return nullptr;
  const size_t size = cached_block_size(rounded_size(bytes));
  if (void* kept = take_cached_block(size)) return kept;
  void* data = nullptr;
  const bool huge = size >= kHugePage;
  if (posix_memalign(&data, huge ? kHugePage : kDataAlignment, size) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(data, size / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return data;
}

void host_free(void* data, size_t bytes) {
  if (!keep_block(data, cached_block_size(rounded_size(bytes)))) std::free(data);
}

tw_status device_allocate(uint32_t backend, int32_t index, uint64_t bytes, void** out) {
  const tw_device_if* iface = device_type(backend).iface;
  return iface->alloc(iface->self, index, bytes, kDataAlignment, nullptr, out);
}

void device_free(uint32_t backend, int32_t index, void* data, uint64_t bytes) {
  const tw_device_if* iface = device_type(backend).iface;
  iface->free(iface->self, index, data, bytes, nullptr);
}

}  // namespace tw
