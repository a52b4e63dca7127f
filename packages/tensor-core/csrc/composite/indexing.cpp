// Indexing and rearranging written over gather, index, index_put, index_select and views.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/view_scatter.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "composite/copies.h"
#include "declarations/embedding.h"
#include "declarations/indexing.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

namespace {

Tensor flat(TensorRef t) { return ops::reshape(t, {t.numel()}); }

// Indices of one dimension: None for those before it.
std::vector<tw_tensor*> index_of_dim(const char* op, TensorRef index, int64_t dim, int ndim) {
  std::vector<tw_tensor*> indices(static_cast<size_t>(view::normalize_dim(op, dim, ndim)), nullptr);
  indices.push_back(index.get());
  return indices;
}

Tensor as_vector(TensorRef index) { return index.ndim() == 0 ? ops::unsqueeze(index, 0) : Tensor::retain(index); }

}  // namespace

Tensor index_copy(TensorRef self, int64_t dim, TensorRef index, TensorRef source) {
  if (self.ndim() == 0) return ops::reshape(index_copy(flat(self), 0, index, flat(source)), IntList());
  const Tensor vector = as_vector(index);
  return ops::index_put(self, index_of_dim("index_copy", vector, dim, self.ndim()), source);
}

Tensor index_fill(TensorRef self, int64_t dim, TensorRef index, const Scalar& value) {
  if (self.ndim() == 0) return ops::reshape(index_fill(flat(self), 0, index, value), IntList());
  const Tensor vector = as_vector(index);
  return ops::index_put(self, index_of_dim("index_fill", vector, dim, self.ndim()),
                        ops::full(IntList(), value, self.dtype(), self.device()));
}

Tensor take_along_dim(TensorRef self, TensorRef indices, std::optional<int64_t> dim) {
  if (!dim) return ops::gather(flat(self), 0, flat(indices));
  std::vector<int64_t> shape = self.shape().vec(), index_shape = indices.shape().vec();
  const size_t along = static_cast<size_t>(view::normalize_dim("take_along_dim", *dim, self.ndim()));
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d == along) continue;
    int64_t &a = shape[d], &b = index_shape[d];
    if (a != b && a != 1 && b != 1)
      throw fail(TW_E_SHAPE, "take_along_dim: self of shape ", self.shape(), " and indices of shape ", indices.shape(),
                 " do not broadcast in dimension ", d);
    a = b = a == 1 ? b : a;
  }
  return ops::gather(ops::expand(self, shape), *dim, ops::expand(indices, index_shape));
}

Tensor take(TensorRef self, TensorRef index) {
  return ops::reshape(ops::index_select(flat(self), 0, flat(index)), index.shape());
}

Tensor masked_select(TensorRef self, TensorRef mask) {
  tw_tensor* both[] = {self.get(), mask.get()};
  const std::vector<Tensor> broadcast = ops::broadcast_tensors({both, 2});
  if (self.ndim() == 0 && mask.ndim() == 0) return ops::masked_select(ops::unsqueeze(self, 0), ops::unsqueeze(mask, 0));
  tw_tensor* indices[] = {broadcast[1].get()};
  return ops::index(broadcast[0], {indices, 1});
}

std::vector<Tensor> where_condition(TensorRef condition) { return ops::unbind(ops::nonzero(condition), 1); }

Tensor count_nonzero(TensorRef self, std::optional<IntList> dim) {
  return ops::sum(ops::ne(self, 0), dim, false, kInt64);
}

Tensor rot90(TensorRef self, int64_t k, IntList dims) {
  const int64_t second[] = {dims[1]};
  switch (((k % 4) + 4) % 4) {
    case 0:
      return ops::clone(self);
    case 1:
      return ops::transpose(ops::flip(self, {second, 1}), dims[0], dims[1]);
    case 2:
      return ops::flip(self, dims);
    default:
      return ops::flip(ops::transpose(self, dims[0], dims[1]), {second, 1});
  }
}

namespace {

int64_t times(int64_t repeats, int64_t size, const char* op, TensorRef self) {
  int64_t product;
  if (__builtin_mul_overflow(repeats, size, &product))
    throw fail(TW_E_SHAPE, op, ": ", repeats, " repeats of shape ", self.shape(), " are too many elements");
  return product;
}

}  // namespace

Tensor repeat(TensorRef self, IntList repeats) {
  const size_t added = repeats.size() - static_cast<size_t>(self.ndim());
  std::vector<int64_t> split, stretched, merged;  // [1, size, ...], [repeats, size, ...], [repeats * size, ...]
  for (size_t d = 0; d < repeats.size(); ++d) {
    const int64_t size = d < added ? 1 : self.size(static_cast<int>(d - added));
    split.insert(split.end(), {1, size});
    stretched.insert(stretched.end(), {repeats[d], size});
    merged.push_back(times(repeats[d], size, "repeat", self));
  }
  return ops::reshape(dense(ops::expand(ops::reshape(self, split), stretched)), merged);
}

Tensor tile(TensorRef self, IntList dims) {
  std::vector<int64_t> repeats = dims.vec();
  const size_t ndim = static_cast<size_t>(self.ndim());
  if (repeats.size() < ndim) repeats.insert(repeats.begin(), ndim - repeats.size(), 1);
  return ops::repeat(self, repeats);
}

Tensor repeat_interleave(TensorRef self, int64_t repeats, std::optional<int64_t> dim) {
  const Tensor source = dim ? Tensor::retain(self) : flat(self);
  const auto d = static_cast<size_t>(view::normalize_dim("repeat_interleave", dim.value_or(0), source.ndim()));
  std::vector<int64_t> stretched = source.shape().vec(), merged = stretched;
  stretched.insert(stretched.begin() + static_cast<std::ptrdiff_t>(d) + 1, repeats);
  merged[d] = times(repeats, merged[d], "repeat_interleave", source);
  return ops::reshape(dense(ops::expand(ops::unsqueeze(source, static_cast<int64_t>(d) + 1), stretched)), merged);
}

Tensor repeat_interleave_tensor(TensorRef self, TensorRef repeats, std::optional<int64_t> dim) {
  const Tensor source = dim ? Tensor::retain(self) : flat(self);
  const int64_t d = dim.value_or(0);
  return ops::index_select(source, d, ops::run_indices(repeats, source.size(static_cast<int>(d))));
}

Tensor diag(TensorRef self, int64_t diagonal) {
  return self.ndim() == 1 ? ops::diag_embed(self, diagonal) : ops::clone(ops::diagonal(self, diagonal));
}

Tensor one_hot(TensorRef self, int64_t num_classes) {
  if (num_classes < -1 || num_classes == 0)
    throw fail(TW_E_VALUE, "one_hot: num_classes must be positive, got ", num_classes);
  const Tensor indices = ops::to_dtype(self, kInt64);
  if (self.numel() > 0 && self.device().type == TW_DEVICE_CPU) {
    const int64_t least = *ops::amin(indices).data<int64_t>(), most = *ops::amax(indices).data<int64_t>();
    if (num_classes == -1) num_classes = most + 1;
    if (least < 0 || most >= num_classes)
      throw fail(TW_E_INDEX, "one_hot: index ", least < 0 ? least : most, " is out of range for ", num_classes,
                 " classes");
  }
  if (num_classes == -1 && self.device().type == TW_DEVICE_META)
    throw fail(TW_E_UNSUPPORTED,
               "one_hot: without num_classes the shape depends on values, which a meta tensor has not");
  if (num_classes == -1) throw fail(TW_E_VALUE, "one_hot: num_classes cannot be guessed from an empty tensor");
  const Tensor classes = ops::arange(num_classes, std::nullopt, 1, kInt64, self.device());
  return ops::to_dtype(ops::eq(ops::unsqueeze(indices, -1), classes), kInt64);
}

}  // namespace tw::composite
