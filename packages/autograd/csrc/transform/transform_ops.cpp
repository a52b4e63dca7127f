#include "transform_ops.h"

#include <tensorwright/ops/views.hpp>

#include <tensorwright/boxed.hpp>
#include "../meta.h"
#include "../text.h"
#include "diagonal.h"
#include "dual.h"
#include "warn.h"
#include "wrapped.h"

namespace tw::autograd {
namespace {

LevelRef level_with(int64_t id) {
  for (const LevelRef& level : open_levels())
    if (static_cast<int64_t>(level->id) == id) return level;
  throw Error(TW_E_VALUE, text("there is no open level ", id, " on this thread"));
}

const char* const kRandomness[] = {"error", "different", "same"};  // in the enumeration's order

Randomness randomness_named(std::string_view name) {
  for (int i = 0; i < 3; ++i)
    if (name == kRandomness[i]) return static_cast<Randomness>(i);
  throw Error(TW_E_VALUE, text("vmap: randomness must be 'error', 'different' or 'same', got '", name, "'"));
}

int64_t open_grad() { return static_cast<int64_t>(open_level(LevelKind::kGrad)->id); }
int64_t open_forward() { return static_cast<int64_t>(open_level(LevelKind::kForward)->id); }
int64_t open_batch(int64_t size, std::string_view randomness) {
  return static_cast<int64_t>(open_level(LevelKind::kBatch, size, randomness_named(randomness))->id);
}
void close(int64_t level) { close_level(level_with(level)); }

Tensor lift(TensorRef self, int64_t level) { return wrap(level_with(level), Tensor::retain(self)); }

// Tensors made inside of the level are duals already: their values count, not their tangents of zero.
Tensor make_dual(TensorRef self, TensorRef tangent, int64_t level) {
  const LevelRef found = level_with(level);
  const auto below = [&](TensorRef t) {
    const Wrapped* wrapped = t ? wrapped_for(t.get(), *found) : nullptr;
    return wrapped ? Tensor(wrapped->value) : Tensor::retain(t);
  };
  return wrap_dual(found, below(self), below(tangent));
}

Tensor add_batch(TensorRef self, int64_t dim, int64_t level) {
  const LevelRef found = level_with(level);
  const int64_t place = dim < 0 ? dim + self.ndim() : dim;
  if (place < 0 || place >= self.ndim())
    throw Error(TW_E_INDEX, text("vmap: in_dims ", dim, " is out of range for a tensor of shape ", self.shape()));
  if (self.size(static_cast<int>(place)) != found->batch_size)
    throw Error(TW_E_SHAPE, text("vmap: expected size ", found->batch_size, " in dimension ", dim,
                                 ", got a tensor of shape ", self.shape()));
  return wrap_batch(found, Tensor::retain(self), place);
}

// The value below the level; the tensor itself if it is not wrapped for it.
Tensor lower(TensorRef self, int64_t level) {
  const LevelRef found = level_with(level);
  const Wrapped* wrapped = wrapped_for(self.get(), *found);
  return wrapped ? Tensor(wrapped->value) : Tensor::retain(self);
}

Tensor tangent_of(TensorRef self, int64_t level) {
  const LevelRef found = level_with(level);
  Wrapped* wrapped = wrapped_for(self.get(), *found);
  const OutsideScope outside(*found);
  return wrapped ? current_tangent(*wrapped) : Tensor();
}

// The value with the batch at `dim`; a tensor without batch is repeated.
Tensor remove_batch(TensorRef given, int64_t dim, int64_t level) {
  const LevelRef found = level_with(level);
  const Tensor self = resolved(given);  // what a closed level inside of this one wrapped
  const Wrapped* wrapped = wrapped_for(self.get(), *found);
  const int64_t ndim = self.ndim() + 1, place = dim < 0 ? dim + ndim : dim;
  if (place < 0 || place >= ndim)
    throw Error(TW_E_INDEX, text("vmap: out_dims ", dim, " is out of range for a result of shape ", self.shape()));
  if (wrapped) return ops::movedim(wrapped->value, {wrapped->batch_dim}, {place});
  std::vector<int64_t> shape = self.shape().vec();
  shape.insert(shape.begin() + place, found->batch_size);
  return ops::expand(ops::unsqueeze(self, place), shape);
}

// The level that a tensor is wrapped for: its number, 0 if there is none, and its kind.
int64_t level_of(TensorRef self) {
  const Wrapped* wrapped = wrapped_of(self.get());
  return wrapped && wrapped->level->alive ? static_cast<int64_t>(wrapped->level->id) : 0;
}
std::string kind_of_level(int64_t level) {
  switch (level_with(level)->kind) {
    case LevelKind::kGrad:
      return "grad";
    case LevelKind::kForward:
      return "jvp";
    default:
      return "vmap";
  }
}
int64_t batch_dim_of(TensorRef self) {
  const Wrapped* wrapped = wrapped_of(self.get());
  return wrapped && wrapped->batch_dim >= 0 ? wrapped->batch_dim : -1;
}
// Between these the thread computes as it did where the level was opened.
struct Below {
  explicit Below(const Level& opened)
      : level(static_cast<int64_t>(opened.id)), hidden(opened), masks(opened.outside[0], opened.outside[1]) {}
  const int64_t level;
  const OutsideScope hidden;
  const LayerScope masks;
};
thread_local std::vector<std::unique_ptr<Below>> below;

void enter_below(int64_t id) { below.push_back(std::make_unique<Below>(*level_with(id))); }
void leave_below(int64_t id) {
  if (below.empty() || below.back()->level != id)
    throw Error(TW_E_VALUE, text("level ", id, " was not entered from below last"));
  below.pop_back();
}

int64_t size_of_batch(int64_t level) { return level_with(level)->batch_size; }
std::string randomness_of(int64_t level) { return kRandomness[static_cast<int>(level_with(level)->randomness)]; }

void put_warner(tw_object* callable) { set_warner(callable); }

template <auto F>
constexpr tw_op_def op(const char* schema, const char* tags = "composite") {
  return {sizeof(tw_op_def), 0, schema, tags, nullptr, boxed<F>, nullptr};
}

}  // namespace

const tw_op_def kTransformOps[] = {
    op<open_grad>("transform::open_grad() -> int"),
    op<open_forward>("transform::open_forward() -> int"),
    op<open_batch>("transform::open_batch(int size, str randomness) -> int"),
    op<close>("transform::close(int level) -> ()"),
    op<lift>("transform::lift(Tensor self, int level) -> Tensor"),
    op<make_dual>("transform::make_dual(Tensor self, Tensor? tangent, int level) -> Tensor"),
    op<add_batch>("transform::add_batch(Tensor self, int dim, int level) -> Tensor"),
    op<lower>("transform::lower(Tensor self, int level) -> Tensor"),
    op<tangent_of>("transform::tangent_of(Tensor self, int level) -> Tensor"),
    op<note_unit_vectors>("transform::note_unit_vectors(Tensor self) -> ()"),
    op<remove_batch>("transform::remove_batch(Tensor self, int dim, int level) -> Tensor"),
    op<level_of>("transform::level_of(Tensor self) -> int"),
    op<kind_of_level>("transform::kind_of_level(int level) -> str"),
    op<batch_dim_of>("transform::batch_dim_of(Tensor self) -> int"),
    op<size_of_batch>("transform::size_of_batch(int level) -> int"),
    op<randomness_of>("transform::randomness_of(int level) -> str"),
    op<enter_below>("transform::enter_below(int level) -> ()"),
    op<leave_below>("transform::leave_below(int level) -> ()"),
    op<put_warner>("transform::set_warner(Object callable) -> ()"),
};
const uint32_t kTransformOpCount = sizeof kTransformOps / sizeof kTransformOps[0];

}  // namespace tw::autograd
