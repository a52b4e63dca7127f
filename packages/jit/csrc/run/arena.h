// The memory of a plan's values: one block, in which each has the place that the memory plan gives it. A run borrows a
// block with its tensors and gives it back, so that runs after the first allocate nothing but what they return.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <tensorwright/tw.hpp>

namespace tw::jit {

// How many runs used planned memory, and how many blocks were made for them, in this process.
std::vector<int64_t> planned_runs();

class Arena {
 public:
  struct Planned {
    uint32_t slot;
    int64_t offset;
    tw_dtype dtype;
    std::vector<int64_t> shape;  // row-major
  };
  struct Input {
    tw_dtype dtype;
    std::vector<int64_t> shape;
  };
  // The tensors of one run by slot, null where the value has no place.
  using Frame = std::vector<Tensor>;

  Arena(uint32_t slots, int64_t bytes, std::vector<Planned> planned, std::vector<Input> inputs,
        std::vector<Tensor> attributes)
      : slots_(slots),
        bytes_(bytes),
        planned_(std::move(planned)),
        inputs_(std::move(inputs)),
        attributes_(std::move(attributes)) {}

  // Null for arguments that are not as planned, and where some layer watches the ops: it may keep what it sees.
  std::unique_ptr<Frame> take(const tw_value* args, uint32_t nargs) const;
  // One of whose tensors somebody still has is let go.
  void give_back(std::unique_ptr<Frame> frame) const;

 private:
  bool fits(const tw_value* args, uint32_t nargs) const;
  std::unique_ptr<Frame> make() const;

  uint32_t slots_;
  int64_t bytes_;
  std::vector<Planned> planned_;
  std::vector<Input> inputs_;
  std::vector<Tensor> attributes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Frame>> free_;
};

}  // namespace tw::jit
