// Splits at sections and indices, over split and slice.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/splitting.hpp>
#include <tensorwright/ops/views.hpp>

#include "declarations/splitting.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

using view::Sizes;

std::vector<Tensor> split_with_sizes(TensorRef self, IntList split_sizes, int64_t dim) {
  return ops::split_sizes(self, split_sizes, dim);
}

std::vector<Tensor> tensor_split_sections(TensorRef self, int64_t sections, int64_t dim) {
  const int64_t size = self.size(view::normalize_dim("tensor_split", dim, self.ndim()));
  Sizes sizes(static_cast<size_t>(sections), size / sections);
  for (int64_t i = 0; i < size % sections; ++i) ++sizes[static_cast<size_t>(i)];
  return ops::split_sizes(self, sizes, dim);
}

std::vector<Tensor> tensor_split_indices(TensorRef self, IntList indices, int64_t dim) {
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t end : indices) {
    parts.push_back(ops::slice(self, dim, start, end, 1));
    start = end;
  }
  parts.push_back(ops::slice(self, dim, start, std::nullopt, 1));
  return parts;
}

std::vector<Tensor> tensor_split_tensor(TensorRef self, TensorRef tensor_indices_or_sections, int64_t dim) {
  if (tensor_indices_or_sections.device().type != TW_DEVICE_CPU)
    throw fail(TW_E_UNSUPPORTED, "tensor_split: the result depends on values of indices or sections, which lie on ",
               tensor_indices_or_sections.device());
  const Tensor values = ops::contiguous(ops::to_int64(tensor_indices_or_sections));
  const auto* data = values.data<const int64_t>();
  if (values.ndim() == 0) return ops::tensor_split_sections(self, *data, dim);
  return ops::tensor_split_indices(self, {data, static_cast<size_t>(values.numel())}, dim);
}

namespace {

int64_t second_dim(TensorRef self) { return self.ndim() == 1 ? 0 : 1; }

}  // namespace

std::vector<Tensor> hsplit_sections(TensorRef self, int64_t sections) {
  return ops::tensor_split_sections(self, sections, second_dim(self));
}
std::vector<Tensor> hsplit_indices(TensorRef self, IntList indices) {
  return ops::tensor_split_indices(self, indices, second_dim(self));
}
std::vector<Tensor> vsplit_sections(TensorRef self, int64_t sections) {
  return ops::tensor_split_sections(self, sections, 0);
}
std::vector<Tensor> vsplit_indices(TensorRef self, IntList indices) {
  return ops::tensor_split_indices(self, indices, 0);
}
std::vector<Tensor> dsplit_sections(TensorRef self, int64_t sections) {
  return ops::tensor_split_sections(self, sections, 2);
}
std::vector<Tensor> dsplit_indices(TensorRef self, IntList indices) {
  return ops::tensor_split_indices(self, indices, 2);
}

std::vector<Tensor> unsafe_chunk(TensorRef self, int64_t chunks, int64_t dim) { return ops::chunk(self, chunks, dim); }
std::vector<Tensor> unsafe_split(TensorRef self, int64_t split_size, int64_t dim) {
  return ops::split(self, split_size, dim);
}
std::vector<Tensor> unsafe_split_with_sizes(TensorRef self, IntList split_sizes, int64_t dim) {
  return ops::split_sizes(self, split_sizes, dim);
}

}  // namespace tw::composite
