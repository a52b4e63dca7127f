#include "runtime/live_tensors.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <unordered_map>

#include "runtime/fork.h"
#include "runtime/tensor.h"
#include "runtime/text.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

struct LiveTensors {
  ForkSafeMutex mutex;
  std::unordered_map<const TensorBlock*, LiveTensor> by_block;
};

LiveTensors& live_tensors = *new LiveTensors;  // never destroyed: tensors may outlive static destructors

std::atomic<std::string (*)()> origin_hook{nullptr};
std::atomic<int64_t> peak{0};

void raise_peak_to(int64_t bytes) {
  int64_t seen = peak.load(std::memory_order_relaxed);
  while (bytes > seen && !peak.compare_exchange_weak(seen, bytes, std::memory_order_relaxed)) {
  }
}

std::string megabytes(uint64_t bytes) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return buffer;
}

}  // namespace

void list_storage(const TensorBlock* block) {
  // Before the lock: the hook may wait for Python's.
  std::string (*origin)() = origin_hook.load(std::memory_order_relaxed);
  const tw_dl& dl = block->pub.dl;
  LiveTensor tensor{block->nbytes, dl.dtype, {dl.shape, dl.shape + dl.ndim}, origin ? origin() : std::string()};
  LiveTensors& live = live_tensors;
  const std::lock_guard<ForkSafeMutex> lock(live.mutex);
  live.by_block.insert_or_assign(block, std::move(tensor));
}

void unlist_storage(const TensorBlock* block) {
  LiveTensors& live = live_tensors;
  const std::lock_guard<ForkSafeMutex> lock(live.mutex);
  live.by_block.erase(block);
}

std::vector<LiveTensor> largest_tensors(size_t count) {
  std::vector<LiveTensor> tensors;
  {
    LiveTensors& live = live_tensors;
    const std::lock_guard<ForkSafeMutex> lock(live.mutex);
    for (const auto& entry : live.by_block) tensors.push_back(entry.second);
  }
  std::sort(tensors.begin(), tensors.end(), [](const LiveTensor& a, const LiveTensor& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.origin < b.origin;
  });
  tensors.resize(std::min(count, tensors.size()));
  return tensors;
}

std::string largest_tensors_text() {
  std::string result;
  for (const LiveTensor& t : largest_tensors(5))
    result += text(result.empty() ? "" : ", ", megabytes(t.bytes), " ", t.dtype, " ", IntList(t.shape),
                   t.origin.empty() ? "" : " made at ", t.origin);
  return result;
}

void set_origin_hook(std::string (*origin)()) { origin_hook.store(origin); }

void raise_memory_peak(uint64_t bytes) { raise_peak_to(memory_in_use() + static_cast<int64_t>(bytes)); }

int64_t memory_peak() {
  raise_peak_to(memory_in_use());
  return peak.load(std::memory_order_relaxed);
}

void reset_memory_peak() { peak.store(memory_in_use(), std::memory_order_relaxed); }

}  // namespace tw
