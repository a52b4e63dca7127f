#include "diagonal.h"

#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/views.hpp>

#include "../meta.h"
#include "../tensor_ops.h"

namespace tw::autograd {
namespace {

// Null unless the batch is diagonal still.
TensorRef diagonal_of(const BatchCall& batch, TensorRef t) {
  const Wrapped* wrapped = t ? wrapped_for(t.get(), *batch.level()) : nullptr;
  if (!wrapped || !wrapped->diagonal || version_of(wrapped->value.get()) != wrapped->diagonal_version) return nullptr;
  return wrapped->diagonal;
}

void set_diagonal(Wrapped& wrapped, Tensor diagonal) {
  wrapped.diagonal = std::move(diagonal);
  wrapped.diagonal_version = version_of(wrapped.value.get());
}

// The argument of which the result is a multiple, element by element in the same order; -1 if there is none.
int scaled_argument(BatchCall& batch) {
  const OpTraits& op = batch.op();
  if (op.keeps_order) return 0;
  if (!op.pointwise || !op.derivative) return -1;
  for (uint32_t i = 0; i < op.derivative->input_count; ++i) {
    const InputRule& input = op.derivative->inputs[i];
    const bool scales = input.factor || (op.derivative->flags & kLinear && op.derivative->input_count == 1);
    if (scales && batch.call().args[input.arg].tag == TW_TENSOR && diagonal_of(batch, batch.tensor(input.arg)))
      return input.arg;
  }
  return -1;
}

bool is_batched_alone(BatchCall& batch, uint32_t arg) {
  for (uint32_t i = 0; i < batch.call().nargs; ++i)
    if (i != arg && batch.is_batched(i)) return false;
  return true;
}

// block[i, ...] at [..., i, ..., i, ...]: the rows of `blocks` along `dim` on the diagonal that it makes with dimension
// `other`, in which they have size 1.
Tensor on_diagonal(TensorRef blocks, int dim, int other) {
  const int64_t size = blocks.size(dim);
  if (size == 1) return Tensor::retain(blocks);
  const Tensor positions = ops::arange(size);
  std::vector<int64_t> along(static_cast<size_t>(blocks.ndim()), 1), across = along;
  along[static_cast<size_t>(dim)] = across[static_cast<size_t>(other)] = size;
  const Tensor here = ops::eq(ops::reshape(positions, along), ops::reshape(positions, across));
  return ops::where(here, blocks, 0);
}

// Entry (i, j) of the batch has the row i of the product: its only element times row j of `right`.
Tensor product_from_left(TensorRef diagonal, TensorRef right) {
  const int64_t rows = diagonal.size(0), depth = diagonal.size(1), cols = right.size(1);
  const Tensor blocks = ops::mul(ops::reshape(diagonal, {rows, depth, 1, 1}), ops::reshape(right, {depth, 1, cols}));
  return ops::reshape(on_diagonal(blocks, 0, 2), {diagonal.numel(), rows, cols});
}

// Entry (i, j) has the column j of the product: its only element times column i of `left`.
Tensor product_from_right(TensorRef left, TensorRef diagonal) {
  const int64_t rows = left.size(0), depth = diagonal.size(0), cols = diagonal.size(1);
  const Tensor columns = ops::unsqueeze(ops::unsqueeze(ops::t(left), 1), 3);
  const Tensor blocks = ops::mul(columns, ops::reshape(diagonal, {depth, 1, 1, cols}));
  return ops::reshape(on_diagonal(blocks, 3, 1), {diagonal.numel(), rows, cols});
}

}  // namespace

void note_unit_vectors(TensorRef t) {
  Wrapped* wrapped = wrapped_of(t.get());
  if (!wrapped || wrapped->level->kind != LevelKind::kBatch || wrapped->level->batch_size != t.numel())
    throw Error(TW_E_VALUE, "note_unit_vectors: expected a batch of as many tensors as each has elements");
  const OutsideScope outside(*wrapped->level);
  set_diagonal(*wrapped, ones(t));
}

bool multiply_diagonal(BatchCall& batch) {
  if (!batch.op().multiplies_matrices || batch.call().rets[0].tag == TW_TENSOR) return false;
  const TensorRef left = batch.tensor(0), right = batch.tensor(1);
  const TensorRef diagonal_left = diagonal_of(batch, left), diagonal_right = diagonal_of(batch, right);
  if (diagonal_left && !batch.is_batched(right))
    batch.give_batched(0, product_from_left(diagonal_left, right));
  else if (diagonal_right && !batch.is_batched(left))
    batch.give_batched(0, product_from_right(left, diagonal_right));
  else
    return false;
  return true;
}

void keep_diagonal(BatchCall& batch) {
  tw_call& call = batch.call();
  const int arg = call.nrets == 1 && call.rets[0].tag == TW_TENSOR ? scaled_argument(batch) : -1;
  if (arg < 0) return;
  const TensorRef diagonal = diagonal_of(batch, batch.tensor(static_cast<uint32_t>(arg)));
  Wrapped* result = wrapped_for(call.rets[0].u.t, *batch.level());
  if (!diagonal || !result || result->diagonal || !is_batched_alone(batch, static_cast<uint32_t>(arg))) return;
  if (TensorRef(call.rets[0].u.t).numel() != diagonal.numel()) return;
  Arguments args(call);
  args.set(static_cast<uint32_t>(arg), Tensor::retain(diagonal));
  Results scaled(1);
  scaled.call(batch.op().op, args);
  set_diagonal(*result, scaled.take_tensor(0));
}

}  // namespace tw::autograd
