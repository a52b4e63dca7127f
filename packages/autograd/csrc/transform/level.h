// Transforms as levels: each call of grad, jvp or vmap opens one on its thread, nested calls open higher ones. A tensor
// that takes part in a level is wrapped for it; an op is interpreted by the highest level among its arguments, which
// hands it on to the levels below.
#pragma once

#include <tensorwright/tw.hpp>

#include <memory>
#include <vector>

namespace tw::autograd {

constexpr uint64_t kTransformBit = uint64_t{1} << TW_L_TRANSFORM;

enum class LevelKind : uint8_t {
  kGrad,     // records ops on its tensors for a backward pass
  kForward,  // carries a tangent beside each tensor
  kBatch,    // carries a dimension that the function does not see
};

enum class Randomness : uint8_t { kError, kDifferent, kSame };

struct Level {
  LevelKind kind;
  Randomness randomness = Randomness::kError;
  uint64_t id;             // grows with every level of the process
  int64_t batch_size = 0;  // of kBatch
  uint64_t outside[2];     // the thread's layer masks where the level was opened
  int hidden = 0;          // how many OutsideScopes of it, or of levels outside of it, are open
  bool alive = true;
};
using LevelRef = std::shared_ptr<Level>;

// Opens a level on this thread, with the recording of gradients on.
LevelRef open_level(LevelKind kind, int64_t batch_size = 0, Randomness randomness = Randomness::kError);
// Closes the innermost level, which must be `level`. Tensors still wrapped for it stand for what they wrap.
void close_level(const LevelRef& level);
// The open levels of this thread, outermost first.
const std::vector<LevelRef>& open_levels();
// Those to which a new tensor belongs: while a level interprets a call, the levels outside of it, and such as the
// interpreter has opened.
std::vector<LevelRef> visible_levels();

// What runs in this scope runs on behalf of the levels outside of `level`.
class OutsideScope {
 public:
  explicit OutsideScope(const Level& level);
  OutsideScope(const OutsideScope&) = delete;
  ~OutsideScope();

 private:
  uint64_t first_;  // of the levels that this scope hides
  uint64_t last_;
};

// A level that C++ opens for a scope.
class LevelScope {
 public:
  explicit LevelScope(LevelKind kind) : level_(open_level(kind)) {}
  LevelScope(const LevelScope&) = delete;
  ~LevelScope() { close_level(level_); }
  const LevelRef& level() const { return level_; }

 private:
  LevelRef level_;
};

}  // namespace tw::autograd
