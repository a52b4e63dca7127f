// A fusion as it runs: by one kernel over tiles where it can, else op by op, with the same bits.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "layer_group.h"

namespace tw::jit {

class Plan;
class TileKernel;

// How often groups ran by a kernel, and op by op, in this process.
std::vector<int64_t> fusion_runs();

class FusedGroup {
 public:
  explicit FusedGroup(std::shared_ptr<const Plan> region);
  // What the region yields, owned by the caller. A result that is set to a tensor (borrowed) may be written there.
  // Throws what the ops throw; then `results` owns nothing.
  void run(const std::vector<tw_value>& args, tw_value* results) const;

 private:
  // The kernel for tensors that lie in memory like these; null: there is none.
  struct Entry {
    std::vector<int64_t> geometry;
    std::shared_ptr<const TileKernel> kernel;
  };

  bool plain(const std::vector<tw_value>& args) const;
  std::shared_ptr<const TileKernel> kernel_for(const std::vector<tw_value>& args) const;
  std::shared_ptr<const TileKernel> make(const std::vector<tw_value>& args) const;
  void run_apart(const std::vector<tw_value>& args, tw_value* results) const;

  std::shared_ptr<const Plan> region_;
  std::unique_ptr<const LayerGroup> layer_;  // null: the group is of pointwise ops and reductions
  mutable std::mutex mutex_;
  mutable std::vector<Entry> entries_;
};

}  // namespace tw::jit
