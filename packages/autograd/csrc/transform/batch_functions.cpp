// Rules of single ops. "Logical" ones are written in ops on the wrapped arguments, which have rules themselves.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/embedding.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/ordering.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

// ---- views that name no dimension, or a new one

void batch_permute(BatchCall& batch) {
  std::vector<int64_t> order{0};
  for (const int64_t dim : batch.get<IntList>(1)) order.push_back(behind_batch(dim));
  batch.give_batched(0, ops::permute(batch.front(batch.tensor(0)), order));
}

void batch_t(BatchCall& batch) {
  Tensor physical = batch.front(batch.tensor(0));
  batch.give_batched(0, batch.logical_ndim(0) < 2 ? std::move(physical) : ops::transpose(physical, 1, 2));
}

void batch_unsqueeze(BatchCall& batch) {
  batch.give_batched(0, ops::unsqueeze(batch.front(batch.tensor(0)), behind_batch(batch.get<int64_t>(1))));
}

void batch_squeeze(BatchCall& batch) {
  Tensor physical = batch.front(batch.tensor(0));
  const auto dims = batch.get<std::optional<IntList>>(1);
  std::vector<int64_t> moved;
  if (dims)
    for (const int64_t dim : *dims) moved.push_back(behind_batch(dim));
  else
    for (int64_t d = 1; d < physical.ndim(); ++d) moved.push_back(d);
  batch.give_batched(0, batch.logical_ndim(0) == 0 ? std::move(physical) : ops::squeeze(physical, IntList(moved)));
}

// Strides and offset are of the storage, so the entries of the batch are as far apart as they were.
void batch_as_strided(BatchCall& batch) {
  const Tensor physical = batch.front(batch.tensor(0));
  std::vector<int64_t> size = batch.get<IntList>(1).vec(), stride = batch.get<IntList>(2).vec();
  size.insert(size.begin(), batch.batch_size());
  stride.insert(stride.begin(), physical.stride(0));
  batch.give_batched(0, ops::as_strided(physical, size, stride, batch.get<std::optional<int64_t>>(3)));
}

void batch_roll(BatchCall& batch) {
  const IntList shifts = batch.get<IntList>(1), dims = batch.get<IntList>(2);
  const Tensor physical = batch.front(batch.tensor(0));
  if (!dims.empty()) return batch.give_batched(0, ops::roll(physical, shifts, behind_batch(dims)));
  const Tensor flat = ops::roll(ops::reshape(physical, {physical.size(0), -1}), shifts, {1});
  batch.give_batched(0, ops::reshape(flat, physical.shape()));
}

// An empty vector fits beside any shape, which it no longer would with the batch in front: it gets that shape.
void batch_cat(BatchCall& batch) {
  const TensorList tensors = batch.get<TensorList>(0);
  const int64_t dim = behind_batch(batch.get<int64_t>(1));
  TensorRef model = tensors[0];
  for (tw_tensor* t : tensors)
    if (TensorRef(t).ndim() > model.ndim()) model = t;
  std::vector<int64_t> nothing = batch.repeated(model).shape().vec();
  nothing[dim < 0 ? nothing.size() + dim : dim] = 0;
  std::vector<Tensor> parts;
  for (tw_tensor* t : tensors)
    parts.push_back(TensorRef(t).ndim() == model.ndim()
                        ? batch.repeated(t)
                        : ops::empty(nothing, TensorRef(t).dtype(), TensorRef(t).device()));
  std::vector<tw_tensor*> pointers;
  for (const Tensor& part : parts) pointers.push_back(part.get());
  batch.give_batched(0, ops::cat(pointers, dim));
}

// ---- products of matrices

// The operand as [batch, ...] if it is batched, else as it is.
Tensor matrices(BatchCall& batch, uint32_t arg) { return batch.front(batch.tensor(arg)); }

// product(a, b) where one of them is the same for all entries: the rows, or the columns, of all entries at once.
template <class F>
void multiply_once(BatchCall& batch, F product) {
  const Tensor a = matrices(batch, 0), b = matrices(batch, 1);
  if (batch.is_batched(0u)) {
    const Tensor flat = product(ops::reshape(a, {a.size(0) * a.size(1), a.size(2)}), b);
    return batch.give_batched(0, ops::reshape(flat, {a.size(0), a.size(1), b.size(1)}));
  }
  const Tensor columns = ops::reshape(ops::permute(b, {1, 0, 2}), {b.size(1), b.size(0) * b.size(2)});
  batch.give_batched(0, ops::reshape(product(a, columns), {a.size(0), b.size(0), b.size(2)}), 1);
}
void batch_mm(BatchCall& batch) {
  if (batch.is_batched(0u) && batch.is_batched(1u))
    return batch.give_batched(0, ops::bmm(matrices(batch, 0), matrices(batch, 1)));
  multiply_once(batch, [](const Tensor& a, const Tensor& b) { return ops::mm(a, b); });
}
void batch_int_mm(BatchCall& batch) {
  if (batch.is_batched(0u) && batch.is_batched(1u)) return run_entry_by_entry(batch);
  multiply_once(batch, [](const Tensor& a, const Tensor& b) { return ops::_int_mm(a, b); });
}

void batch_bmm(BatchCall& batch) {
  const Tensor a = batch.repeated(batch.tensor(0)), b = batch.repeated(batch.tensor(1));
  const Tensor flat = ops::bmm(ops::reshape(a, {a.size(0) * a.size(1), a.size(2), a.size(3)}),
                               ops::reshape(b, {b.size(0) * b.size(1), b.size(2), b.size(3)}));
  batch.give_batched(0, ops::reshape(flat, {a.size(0), a.size(1), a.size(2), b.size(3)}));
}

// beta * self + alpha * (a @ b), logical
void give_sum_of_products(BatchCall& batch, Tensor product) {
  const Scalar beta = batch.get<Scalar>(3), alpha = batch.get<Scalar>(4);
  if (!alpha.equals(1)) product = ops::mul(product, alpha);
  if (beta.equals(0)) return batch.give_logical(0, std::move(product));
  const Tensor self = Tensor::retain(batch.tensor(0));
  batch.give_logical(0, ops::add(beta.equals(1) ? self : ops::mul(self, beta), product));
}
void batch_addmm(BatchCall& batch) { give_sum_of_products(batch, ops::mm(batch.tensor(1), batch.tensor(2))); }
void batch_baddbmm(BatchCall& batch) { give_sum_of_products(batch, ops::bmm(batch.tensor(1), batch.tensor(2))); }

void batch_linear(BatchCall& batch) {
  const TensorRef weight = batch.tensor(1), bias = batch.tensor(2);
  if (!batch.is_batched(weight) && !(bias && batch.is_batched(bias)))  // leading dimensions are free
    return batch.give_batched(0, ops::linear(batch.front(batch.tensor(0)), weight, bias));
  Tensor product = ops::matmul(batch.tensor(0), ops::transpose(weight, 0, 1));
  batch.give_logical(0, bias ? ops::add(product, bias) : std::move(product));
}

// ---- indices

void batch_index_select(BatchCall& batch) {
  const int64_t dim = batch.get<int64_t>(1);
  const TensorRef self = batch.tensor(0), index = batch.tensor(2);
  if (self.ndim() == 0) return run_entry_by_entry(batch);
  if (!batch.is_batched(index))
    return batch.give_batched(0, ops::index_select(batch.front(self), behind_batch(dim), index));
  // A gather whose index is the same along all other dimensions; logical.
  const int64_t place = dim < 0 ? checked::add(dim, self.ndim()) : dim;
  std::vector<int64_t> shape(static_cast<size_t>(self.ndim()), 1), wide = self.shape().vec();
  shape[place] = wide[place] = index.numel();
  batch.give_logical(0, ops::gather(self, dim, ops::expand(ops::reshape(index, shape), wide)));
}

void batch_index_add(BatchCall& batch) {
  const TensorRef index = batch.tensor(2);
  if (batch.is_batched(index) || batch.logical_ndim(0) == 0) return run_entry_by_entry(batch);
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t i) { return i == 2 ? batch.plain(t) : batch.repeated(t); });
  args.set(1, to_value(behind_batch(batch.get<int64_t>(1))));
  batch.run(batch.op().op, args);
}

// 0, 1, ... along the batch, shaped to broadcast with tensors of `ndim` more dimensions.
Tensor batch_positions(const BatchCall& batch, int ndim) {
  std::vector<int64_t> shape(static_cast<size_t>(ndim) + 1, 1);
  shape[0] = batch.batch_size();
  return ops::reshape(ops::arange(batch.batch_size()), shape);
}

// The indices of every dimension, those of the batch in front: a batched index needs no other rule.
bool index_with_positions(BatchCall& batch, std::vector<Tensor>& indices, Tensor& self) {
  const TensorList given = batch.get<TensorList>(1);
  int ndim = 0;
  bool batched = false, gap = false, ended = false;
  for (tw_tensor* t : given) {
    if (!t) {
      ended = true;
      continue;
    }
    gap |= ended;
    if (t->dl.dtype == kBool) return false;  // as many results as elements are true
    ndim = std::max(ndim, TensorRef(t).ndim());
    batched |= batch.is_batched(TensorRef(t));
  }
  if (!given.empty() && !given[0]) gap = true;  // the indexed dimensions do not come first
  if (batched && gap) return false;
  self = batch.repeated(batch.tensor(0));
  indices.push_back(batched ? batch_positions(batch, ndim) : Tensor());
  for (tw_tensor* t : given) {
    if (!t || !batch.is_batched(TensorRef(t))) {
      indices.push_back(t ? Tensor::retain(t) : Tensor());
      continue;
    }
    Tensor physical = batch.front(t);
    std::vector<int64_t> shape = physical.shape().vec();
    shape.insert(shape.begin() + 1, static_cast<size_t>(ndim + 1 - physical.ndim()), 1);
    indices.push_back(ops::reshape(physical, shape));
  }
  return true;
}

// Where the result of indexing has the batch: in front, unless unbatched indices with a gap moved theirs there.
int64_t batch_dim_of_index(BatchCall& batch) {
  bool ended = false, begun = false, gap = false;
  int ndim = 0;
  for (tw_tensor* t : batch.get<TensorList>(1)) {
    if (!t) {
      ended = begun;
      continue;
    }
    gap |= ended;
    begun = true;
    ndim = std::max(ndim, TensorRef(t).ndim());
    if (batch.is_batched(TensorRef(t))) return 0;
  }
  return gap ? ndim : 0;
}

void batch_index(BatchCall& batch) {
  std::vector<Tensor> indices;
  Tensor self;
  if (!index_with_positions(batch, indices, self)) return run_entry_by_entry(batch);
  Arguments args(batch.call());
  args.set(0, self);
  args.set_list(1, indices);
  batch.run(batch.op().op, args, batch_dim_of_index(batch));
}

void batch_index_put(BatchCall& batch) {
  std::vector<Tensor> indices;
  Tensor self;
  const TensorRef values = batch.tensor(2);
  if (!index_with_positions(batch, indices, self) || batch_dim_of_index(batch) != 0) return run_entry_by_entry(batch);
  // The values broadcast against what the indices pick, whose first dimension is now the batch.
  std::vector<tw_tensor*> pointers;
  for (const Tensor& t : indices) pointers.push_back(t.get());
  Tensor given = batch.front(values);
  if (batch.is_batched(values)) {
    const int picked = ops::index(ops::expand(ops::sum(self), self.shape()), pointers).ndim();
    std::vector<int64_t> shape = given.shape().vec();
    shape.insert(shape.begin() + 1, static_cast<size_t>(std::max(0, picked - given.ndim())), 1);
    given = ops::reshape(given, shape);
  }
  Arguments args(batch.call());
  args.set(0, self);
  args.set_list(1, indices);
  args.set(2, given);
  batch.run(batch.op().op, args);
}

void batch_embedding(BatchCall& batch) {
  const TensorRef weight = batch.tensor(0), indices = batch.tensor(1);
  if (!batch.is_batched(weight)) {
    Arguments args(batch.call());
    args.set(1, batch.front(indices));
    return batch.run(batch.op().op, args);
  }
  // All tables as one; the indices of an entry are moved to its table. Padding matters to the gradient alone.
  const Tensor tables = batch.front(weight);
  const int64_t rows = tables.size(1);
  Tensor moved = ops::add(batch.repeated(indices), ops::mul(batch_positions(batch, indices.ndim()), rows));
  batch.give_batched(0, ops::embedding(ops::reshape(tables, {tables.size(0) * rows, tables.size(2)}), moved));
}

void batch_embedding_backward(BatchCall& batch) {
  const TensorRef indices = batch.tensor(1);
  const int64_t rows = batch.get<int64_t>(2), size = batch.batch_size();
  const auto padding = batch.get<std::optional<int64_t>>(3);
  if (batch.get<bool>(4)) return run_entry_by_entry(batch);  // scaled by how often an index occurs
  Tensor grad = batch.repeated(batch.tensor(0));
  if (padding) {
    const Tensor used = ops::ne(batch.repeated(indices), *padding);
    grad = ops::mul(grad, ops::_to_copy(ops::unsqueeze(used, -1), grad.dtype()));
  }
  const Tensor moved = ops::add(batch.repeated(indices), ops::mul(batch_positions(batch, indices.ndim()), rows));
  const Tensor flat = ops::embedding_backward(grad, moved, checked::mul(rows, size));
  batch.give_batched(0, ops::reshape(flat, {size, rows, flat.size(1)}));
}

// ---- positions

void batch_arg_extreme(BatchCall& batch) {
  const auto dim = batch.get<std::optional<int64_t>>(1);
  Tensor physical = batch.front(batch.tensor(0));
  Arguments args(batch.call());
  const bool whole = !dim || batch.logical_ndim(0) == 0;
  if (whole) {
    physical = ops::reshape(physical, {physical.size(0), -1});
    args.set(2, to_value(false));
  }
  args.set(0, physical);
  args.set(1, to_value(whole ? int64_t{1} : behind_batch(*dim)));
  if (whole && batch.get<bool>(2) && batch.logical_ndim(0) > 0) return run_entry_by_entry(batch);
  batch.run(batch.op().op, args);
}

// The result has the shape of self, whatever it is overwritten with.
void batch_copy(BatchCall& batch) {
  Arguments args(batch.call());
  args.set(0, batch.repeated(batch.tensor(0)));
  if (batch.is_batched(1u)) args.set(1, padded(batch.front(batch.tensor(1)), batch.logical_ndim(0)));
  batch.run(batch.op().op, args);
}

void batch_fill(BatchCall& batch) {
  const Operand value = batch.get<Operand>(1);
  Arguments args(batch.call());
  args.set(0, batch.repeated(batch.tensor(0)));
  if (!value.is_tensor() || !batch.is_batched(value.tensor())) return batch.run(batch.op().op, args);
  static const OpHandle copy("tw::copy");
  Tensor numbers = batch.front(value.tensor());
  std::vector<int64_t> shape(static_cast<size_t>(args.tensor(0).ndim()), 1);
  shape[0] = batch.batch_size();
  args.set(1, ops::reshape(numbers, shape));
  Arguments copied(batch.call());
  copied.set(0, Tensor::retain(args.tensor(0)));
  copied.set(1, Tensor::retain(args.tensor(1)));
  batch.run(copy.get(), copied);
}

// ---- linear algebra

// Tolerances broadcast with the dimensions in front of the matrix.
void batch_pinv(BatchCall& batch) {
  const int leading = batch.logical_ndim(0) - 2;
  Arguments args(batch.call());
  args.replace([&](TensorRef t, uint32_t i) {
    const Tensor physical = batch.repeated(t);
    return i == 0 ? physical : padded(physical, leading);
  });
  batch.run(batch.op().op, args);
}

// ---- search

// Where one sorted row serves all, all values at once; otherwise rows and values of an entry as a row each.
void batch_searchsorted(BatchCall& batch) {
  const TensorRef sorted = batch.tensor(0), values = batch.tensor(1), sorter = batch.tensor(5);
  Arguments args(batch.call());
  if (!batch.is_batched(sorted) && !(sorter && batch.is_batched(sorter)) && sorted.ndim() == 1) {
    args.set(1, batch.front(values));
    return batch.run(batch.op().op, args);
  }
  args.set(0, batch.repeated(sorted));
  if (sorter) args.set(5, batch.repeated(sorter));
  const Tensor physical = batch.repeated(values);
  const bool is_row = sorted.ndim() == 1;
  args.set(1, is_row ? ops::reshape(physical, {batch.batch_size(), values.numel()}) : physical);
  batch.run_and_unfold(args, [&](const Tensor& found, uint32_t i) {
    batch.give_batched(i, is_row ? ops::reshape(found, physical.shape()) : found);
  });
}

void batch_isin(BatchCall& batch) {
  if (batch.is_batched(1u)) return run_entry_by_entry(batch);
  Arguments args(batch.call());
  args.set(0, batch.front(batch.tensor(0)));
  batch.run(batch.op().op, args);
}

// ---- losses, logical

// 1 for the classes that count, times their weight.
Tensor class_weights(TensorRef target, TensorRef weight, int64_t ignored, tw_dtype dtype) {
  Tensor used = ops::_to_copy(ops::ne(target, ignored), dtype);
  if (!weight) return used;
  const Tensor safe = ops::masked_fill(target, ops::eq(target, ignored), int64_t{0});
  return ops::mul(used, ops::reshape(ops::index_select(weight, 0, ops::reshape(safe, {-1})), target.shape()));
}

Tensor safe_classes(TensorRef target, int64_t ignored, int64_t dim) {
  return ops::unsqueeze(ops::masked_fill(target, ops::eq(target, ignored), int64_t{0}), dim);
}

void batch_nll_loss(BatchCall& batch) {
  const TensorRef self = batch.tensor(0), target = batch.tensor(1), weight = batch.tensor(2);
  const std::string_view reduction = batch.get<std::string_view>(3);
  const int64_t ignored = batch.get<int64_t>(4), dim = self.ndim() == 1 ? 0 : 1;
  const Tensor weights = class_weights(target, weight, ignored, self.dtype());
  const Tensor picked = ops::squeeze(ops::gather(self, dim, safe_classes(target, ignored, dim)), IntList({dim}));
  Tensor losses = ops::mul(ops::neg(picked), weights);
  Tensor total = ops::sum(weights);
  if (reduction != "none") losses = ops::sum(losses);
  if (reduction == "mean") losses = ops::div(losses, total);
  batch.give_logical(0, std::move(losses));
  batch.give_logical(1, std::move(total));
}

void batch_nll_loss_backward(BatchCall& batch) {
  const TensorRef grad = batch.tensor(0), target = batch.tensor(1), weight = batch.tensor(2), total = batch.tensor(3);
  const IntList shape = batch.get<IntList>(4);
  const std::string_view reduction = batch.get<std::string_view>(5);
  const int64_t ignored = batch.get<int64_t>(6), dim = shape.size() == 1 ? 0 : 1;
  Tensor each = ops::neg(class_weights(target, weight, ignored, grad.dtype()));
  each = ops::mul(each, reduction == "mean" ? ops::div(grad, total) : Tensor::retain(grad));
  Tensor spread = ops::zeros(shape, grad.dtype(), grad.device());
  batch.give_logical(0, ops::scatter_add(spread, dim, safe_classes(target, ignored, dim), ops::unsqueeze(each, dim)));
}

struct Row {
  const char* op;
  BatchFunction function;
};
const Row kFunctions[] = {
    {"tw::permute", batch_permute},
    {"tw::t", batch_t},
    {"tw::unsqueeze", batch_unsqueeze},
    {"tw::squeeze", batch_squeeze},
    {"tw::as_strided", batch_as_strided},
    {"tw::roll", batch_roll},
    {"tw::cat", batch_cat},
    {"tw::mm", batch_mm},
    {"tw::_int_mm", batch_int_mm},
    {"tw::bmm", batch_bmm},
    {"tw::addmm", batch_addmm},
    {"tw::baddbmm", batch_baddbmm},
    {"tw::linear", batch_linear},
    {"tw::index_select", batch_index_select},
    {"tw::index_add", batch_index_add},
    {"tw::index", batch_index},
    {"tw::index_put", batch_index_put},
    {"tw::embedding", batch_embedding},
    {"tw::embedding_backward", batch_embedding_backward},
    {"tw::argmax", batch_arg_extreme},
    {"tw::argmin", batch_arg_extreme},
    {"tw::_linalg_pinv", batch_pinv},
    {"tw::searchsorted", batch_searchsorted},
    {"tw::isin", batch_isin},
    {"tw::copy", batch_copy},
    {"tw::fill", batch_fill},
    {"tw::nll_loss_forward", batch_nll_loss},
    {"tw::nll_loss_backward", batch_nll_loss_backward},
};

}  // namespace

BatchFunction find_batch_function(std::string_view op) {
  for (const Row& row : kFunctions)
    if (op == row.op) return row.function;
  if (const BatchFunction found = batch_sequence_function(op)) return found;
  if (op.find("conv") != std::string_view::npos) return batch_convolution_function(op);
  return batch_normalization_function(op);
}

}  // namespace tw::autograd
