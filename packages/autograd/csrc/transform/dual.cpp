#include "dual.h"

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <set>

#include "../meta.h"
#include "../strided.h"
#include "../tensor_ops.h"

namespace tw::autograd {
namespace {

// The open levels that the tensor belongs to.
std::set<uint64_t> levels_of(TensorRef t) {
  std::set<uint64_t> found;
  for (const Wrapped* w = wrapped_of(t.get()); w; w = wrapped_of(w->value.get()))
    if (w->level->alive) found.insert(w->level->id);
  return found;
}

bool belongs_where(TensorRef t, TensorRef other) {
  const std::set<uint64_t> own = levels_of(t), wanted = levels_of(other);
  return std::includes(own.begin(), own.end(), wanted.begin(), wanted.end());
}

// What `view` shows of its base, seen in the base's tangent.
Tensor seen_through(const Wrapped& view, const Wrapped& base) {
  const StridedPart part = part_of(view.value, base.value);
  const int64_t offset = part.offset - part.base_offset;
  if (offset < 0) throw Error(TW_E_UNSUPPORTED, "jvp: a view shows elements in front of the tensor it was made of");
  const Tensor memory = part.complex_base ? ops::view_as_real(base.tangent) : base.tangent;
  const Tensor seen = ops::as_strided(memory, part.shape, part.strides, offset);
  return part.complex_view ? ops::view_as_complex(seen) : seen;
}

}  // namespace

Wrapped& base_dual(Wrapped& dual) { return dual.base ? *wrapped_of(dual.base.get()) : dual; }

bool repeats_elements(const Wrapped& dual) {
  return may_coincide(dual.value.shape().vec(), dual.value.strides().vec());
}

void lay_out(Wrapped& base, TensorRef like) {
  const bool fits = base.tangent && belongs_where(base.tangent, like);
  if (base.laid_out && fits) return;
  Tensor model = fits ? base.tangent : Tensor::retain(like);
  if (base.tangent && !fits) model = ops::add(ops::sum(base.tangent), ops::sum(like));
  Tensor fresh = zeros_laid_out(base.value, model);
  if (base.tangent) ops::copy_(fresh, base.tangent);
  base.tangent = std::move(fresh);
  base.laid_out = true;
}

Tensor current_tangent(Wrapped& dual) {
  if (!dual.base) return dual.tangent;
  Wrapped& base = base_dual(dual);
  if (!base.tangent || (dual.tangent && share_storage(dual.tangent.get(), base.tangent.get()))) return dual.tangent;
  lay_out(base, base.tangent);
  dual.tangent = seen_through(dual, base);
  return dual.tangent;
}

void write_tangent(Wrapped& dual, Tensor tangent) {
  if (tangent) tangent = cast(tangent, dual.value.dtype());
  if (!dual.base && !dual.viewed) {
    dual.tangent = std::move(tangent);
    dual.laid_out = false;
    return;
  }
  Wrapped& base = base_dual(dual);
  if (!tangent && !base.tangent) return;
  lay_out(base, tangent ? tangent : base.tangent);
  const Tensor target = current_tangent(dual);
  if (tangent)
    ops::copy_(target, tangent);
  else
    ops::zero_(target);
}

}  // namespace tw::autograd
