#include "fused_group.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>

#include "../ir/registry.h"
#include "../run/watched.h"
#include "describe.h"
#include "tile_kernel.h"

namespace tw::jit {
namespace {

constexpr size_t kMostEntries = 16;  // geometries that are remembered
constexpr size_t kMostInputs = 64;

std::atomic<int64_t> runs_by_kernel{0}, runs_apart{0};

bool contiguous(const TileOutput& output) {
  int64_t step = 1;
  for (size_t d = output.shape.size(); d-- > 0; step *= output.shape[d])
    if (output.shape[d] != 1 && output.strides[d] != step) return false;
  return true;
}

Tensor make_output(const TileOutput& output) {
  if (contiguous(output)) return empty(output.shape, output.dtype);
  static const OpHandle strided("tw::empty_strided");
  return strided.call({to_value(IntList(output.shape)), to_value(IntList(output.strides)), to_value(output.dtype)});
}

// Whether the tensor given for a result is what would be made for it.
bool takes(const tw_value& given, const TileOutput& output) {
  if (given.tag != TW_TENSOR || !contiguous(output)) return false;
  const TensorRef t(given.u.t);
  return t.is_contiguous() && t.dtype() == output.dtype && t.shape().vec() == output.shape;
}

// Dtype, sizes and strides of all tensors, one number after the other: f(number) until it says no.
template <class F>
bool each_number(const std::vector<tw_value>& args, F f) {
  for (const tw_value& arg : args) {
    const tw_dl& dl = arg.u.t->dl;
    if (!f(dl.dtype.code << 16 | dl.dtype.bits) || !f(dl.ndim)) return false;
    for (int32_t d = 0; d < dl.ndim; ++d)
      if (!f(dl.shape[d]) || !f(dl.strides[d])) return false;
  }
  return true;
}

// For tests: also where ops one by one are faster.
bool always_fuses() {
  static const char* how = std::getenv("TENSORWRIGHT_FUSION");
  return how && std::string_view(how) == "always";
}

bool lies_like(const std::vector<tw_value>& args, const std::vector<int64_t>& geometry) {
  const int64_t* next = geometry.data();
  const int64_t* end = next + geometry.size();
  return each_number(args, [&](int64_t number) { return next != end && *next++ == number; }) && next == end;
}

}  // namespace

std::vector<int64_t> fusion_runs() { return {runs_by_kernel.load(), runs_apart.load()}; }

// Whether nobody wants to see the ops one by one: no layer is on that would do anything, all is memory of the CPU.
bool FusedGroup::plain(const std::vector<tw_value>& args) const {
  for (const tw_value& arg : args) {
    if (arg.tag != TW_TENSOR || (arg.u.t->flags & TW_F_NODATA)) return false;
    if (arg.u.t->dl.device.type != TW_DEVICE_CPU) return false;
  }
  return !is_watched([&](auto&& see) {
    for (const tw_value& arg : args) see(arg.u.t);
  });
}

std::shared_ptr<const TileKernel> FusedGroup::kernel_for(const std::vector<tw_value>& args) const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Entry& entry : entries_)
      if (lies_like(args, entry.geometry)) return entry.kernel;
  }
  Entry fresh;
  each_number(args, [&](int64_t number) { return fresh.geometry.push_back(number), true; });
  fresh.kernel = make(args);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (entries_.size() == kMostEntries) entries_.erase(entries_.begin());
  entries_.push_back(fresh);
  return fresh.kernel;
}

std::shared_ptr<const TileKernel> FusedGroup::make(const std::vector<tw_value>& args) const {
  std::vector<tw_tensor*> inputs;
  for (const tw_value& arg : args) inputs.push_back(arg.u.t);
  // What an op refuses, it refuses when it is run.
  try {
    if (auto group = describe(*region_, inputs)) {
      auto kernel = std::make_shared<const TileKernel>(std::move(*group));
      const bool slower = kernel->across() || !(always_fuses() || kernel->pays(region_->op_count()));
      return slower ? nullptr : kernel;
    }
  } catch (const PendingError&) {
    forget_error();
  } catch (const Error&) {
  }
  return nullptr;
}

FusedGroup::FusedGroup(std::shared_ptr<const Plan> region)
    : region_(std::move(region)), layer_(LayerGroup::of(*region_)) {}

void FusedGroup::run(const std::vector<tw_value>& args, tw_value* results) const {
  const bool may_fuse = args.size() <= kMostInputs && plain(args);
  const bool done = may_fuse && layer_ && layer_->run(args, results);
  const auto kernel = may_fuse && !layer_ ? kernel_for(args) : nullptr;
  (done || kernel ? runs_by_kernel : runs_apart).fetch_add(1, std::memory_order_relaxed);
  if (done) return;
  if (!kernel) return run_apart(args, results);
  const void* inputs[kMostInputs];
  for (size_t k = 0; k < args.size(); ++k) inputs[k] = args[k].u.t->dl.data;
  const std::vector<TileOutput>& outputs = kernel->group().outputs;
  std::vector<Tensor> made(outputs.size());
  std::vector<void*> memory(outputs.size());
  for (size_t k = 0; k < outputs.size(); ++k) {
    made[k] = takes(results[k], outputs[k]) ? Tensor::retain(results[k].u.t) : make_output(outputs[k]);
    memory[k] = made[k].data<void>();
  }
  kernel->run(inputs, memory.data());
  for (size_t k = 0; k < outputs.size(); ++k) give(&results[k], std::move(made[k]));
}

void FusedGroup::run_apart(const std::vector<tw_value>& args, tw_value* results) const {
  Value list;
  region_->run(args.data(), static_cast<uint32_t>(args.size()), &list);
  for (uint32_t k = 0; k < list->aux; ++k)
    results[k] = std::exchange(static_cast<tw_value*>(list->u.p)[k], value_none());
}

}  // namespace tw::jit
