// A group that is a linear layer or a convolution and the pointwise ops after it: eager's kernel, with the weight made
// ready for it once, which hands over parts of its result while they are in the cache. Convolutions read and write
// images in blocks too, as do the groups of a max pool, and of images that only move from one layout to the other.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <tensorwright/object.hpp>

#include "blocks.h"
#include "image_layout.h"

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
  bool of_images() const { return result_border_ || !blocked_.empty(); }
  std::optional<Border> border_of(uint32_t argument) const;
  std::optional<uint32_t> weight() const;  // the argument that is it
  uint32_t layer_arguments(const std::vector<tw_value>& tensors, tw_value* out) const;
  bool run_of_images(const Ready& ready, const std::vector<tw_value>& args, Parts& parts, tw_value* result) const;
  std::shared_ptr<const Ready> ready_for(const std::vector<tw_value>& args) const;
  std::shared_ptr<const Ready> make(const std::vector<tw_value>& args, const Ready* before) const;
  void prepare(const std::vector<tw_value>& args, const Ready* before, Ready& ready) const;
  bool add_step(const Call& call, const std::vector<tw_value>& args, TensorRef result, Ready& ready) const;
  tw_value value_of(const Operand& operand, const std::vector<tw_value>& args) const;

  std::vector<Call> calls_;                           // the layer, and what follows; none: images are moved
  uint32_t moved_ = 0;                                // the argument that holds them
  std::vector<std::pair<uint32_t, Border>> blocked_;  // arguments that are images in blocks
  std::optional<Border> result_border_;               // the result is
  std::deque<Value> constants_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Ready> ready_;  // for arguments like the last ones
};

}  // namespace tw::jit
