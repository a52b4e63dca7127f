// A group that is a linear layer or a convolution and the pointwise ops after it: eager's kernel, with the weight made
// ready for it once, which hands over parts of its result while they are in the cache.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <tensorwright/object.hpp>

#include "blocks.h"

namespace tw::jit {

class Plan;

class LayerGroup {
 public:
  // Null where the region is something else.
  static std::unique_ptr<const LayerGroup> of(const Plan& region);

  // False, with nothing done, where the kernels do not compute what the ops would for such arguments. `result` is as a
  // result of FusedGroup::run.
  bool run(const std::vector<tw_value>& args, tw_value* result) const;

 private:
  struct Operand {
    enum Kind : uint8_t { kArgument, kConstant, kBefore } kind;  // kBefore: what the op before gave
    uint32_t index;                                              // of the region's arguments, or of `constants_`
  };
  struct Call {
    const tw_op* op;
    std::vector<Operand> operands;
  };
  class Reader;
  struct Ready;
  struct Parts;

  LayerGroup() = default;
  std::shared_ptr<const Ready> ready_for(const std::vector<tw_value>& args) const;
  std::shared_ptr<const Ready> make(const std::vector<tw_value>& args, const Ready* before) const;
  bool add_step(const Call& call, const std::vector<tw_value>& args, TensorRef result, Ready& ready) const;
  tw_value value_of(const Operand& operand, const std::vector<tw_value>& args) const;

  std::vector<Call> calls_;  // the layer, and what follows
  std::deque<Value> constants_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Ready> ready_;  // for arguments like the last ones
};

}  // namespace tw::jit
