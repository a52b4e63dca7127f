#include "arena.h"

#include <algorithm>
#include <atomic>

#include "watched.h"

namespace tw::jit {
namespace {

constexpr size_t kMostFree = 8;  // frames that wait for a run

std::atomic<int64_t> runs{0}, blocks{0};

struct alignas(64) Line {
  unsigned char bytes[64];
};
using Block = std::shared_ptr<std::vector<Line>>;

void TW_CALL drop_block(void* block) { delete static_cast<Block*>(block); }

// A tensor over a part of the block, which lives as long as one of them does.
Tensor tensor_at(const Block& block, const Arena::Planned& planned) {
  std::vector<int64_t> shape = planned.shape, strides(shape.size());
  int64_t step = 1;
  for (size_t d = shape.size(); d-- > 0; step *= shape[d]) strides[d] = step;
  const tw_dl view{block->data()->bytes + planned.offset,
                   {TW_DEVICE_CPU, 0},
                   static_cast<int32_t>(shape.size()),
                   planned.dtype,
                   shape.data(),
                   strides.data(),
                   0};
  auto* held = new Block(block);
  tw_tensor* out = nullptr;
  if (const tw_status status = g_host->from_blob(&view, 0, drop_block, held, &out)) {
    delete held;
    check(status);
  }
  return Tensor::steal(out);
}

}  // namespace

std::vector<int64_t> planned_runs() { return {runs.load(), blocks.load()}; }

bool Arena::fits(const tw_value* args, uint32_t nargs) const {
  if (nargs != inputs_.size()) return false;
  for (uint32_t k = 0; k < nargs; ++k) {
    if (args[k].tag != TW_TENSOR) return false;
    const TensorRef t(args[k].u.t);
    const std::vector<int64_t>& shape = inputs_[k].shape;
    if (t.dtype() != inputs_[k].dtype || !t.is_contiguous() || t.device().type != TW_DEVICE_CPU) return false;
    if (t.shape().size() != shape.size() || !std::equal(shape.begin(), shape.end(), t.shape().begin())) return false;
  }
  return !is_watched([&](auto&& see) {
    for (uint32_t k = 0; k < nargs; ++k) see(args[k].u.t);
    for (const Tensor& attribute : attributes_) see(attribute.get());
  });
}

std::unique_ptr<Arena::Frame> Arena::take(const tw_value* args, uint32_t nargs) const {
  if (!fits(args, nargs)) return nullptr;
  runs.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      auto frame = std::move(free_.back());
      free_.pop_back();
      return frame;
    }
  }
  return make();
}

std::unique_ptr<Arena::Frame> Arena::make() const {
  blocks.fetch_add(1, std::memory_order_relaxed);
  auto frame = std::make_unique<Frame>(slots_);
  const auto block = std::make_shared<std::vector<Line>>(static_cast<size_t>(bytes_) / sizeof(Line) + 1);
  for (const Planned& planned : planned_) (*frame)[planned.slot] = tensor_at(block, planned);
  return frame;
}

void Arena::give_back(std::unique_ptr<Frame> frame) const {
  for (const Planned& planned : planned_) {
    int32_t unique = 0;
    check(g_host->is_unique((*frame)[planned.slot].get(), &unique));
    if (!unique) return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.size() < kMostFree) free_.push_back(std::move(frame));
}

}  // namespace tw::jit
