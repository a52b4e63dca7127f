#include "strided.h"

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>

#include "formulas.h"
#include "meta.h"
#include "tensor_ops.h"

namespace tw::autograd {
namespace {

bool is_dense(IntList shape, IntList strides) {
  int64_t expected = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

// One past the furthest element that the strides reach.
int64_t extent_of(IntList shape, IntList strides) {
  int64_t last = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return 0;
    last += (shape[d] - 1) * strides[d];
  }
  return last + 1;
}

// Zeros laid out like the storage that base and view share.
struct SharedZeros {
  SharedZeros(const StridedPart& part, TensorRef grad)
      : flat(zeros_beside(grad,
                          {std::max(part.base_offset + extent_of(part.base_shape, part.base_strides),
                                    part.offset + extent_of(part.shape, part.strides))},
                          part.dtype)) {}
  // The memory seen as the base.
  Tensor as_base(const StridedPart& part) const {
    const bool whole = part.base_offset == 0 && is_dense(part.base_shape, part.base_strides) &&
                       flat.numel() == product(part.base_shape);
    const Tensor base = whole ? ops::reshape(flat, part.base_shape)
                              : ops::as_strided(flat, part.base_shape, part.base_strides, part.base_offset);
    return part.complex_base ? ops::view_as_complex(base) : base;
  }
  Tensor as_view(const StridedPart& part) const {
    const Tensor view = ops::as_strided(flat, part.shape, part.strides, part.offset);
    return part.complex_view ? ops::view_as_complex(view) : view;
  }
  Tensor flat;
};

// Dimensions that repeat one element: their gradients are summed first.
Tensor sum_repeated(TensorRef grad, StridedPart& part) {
  std::vector<int64_t> repeated, shape, strides;
  for (size_t d = 0; d < part.shape.size(); ++d) {
    if (part.strides[d] == 0 && part.shape[d] > 1) {
      repeated.push_back(static_cast<int64_t>(d));
    } else {
      shape.push_back(part.shape[d]);
      strides.push_back(part.strides[d]);
    }
  }
  if (repeated.empty()) return Tensor::retain(grad);
  part.shape = shape, part.strides = strides;
  return ops::sum(grad, IntList(repeated), false);
}

// Adds element by element where different indices of the view mean one element of the base.
Tensor add_coinciding(TensorRef grad, const StridedPart& part, TensorRef flat) {
  const Tensor positions = ops::arange(flat.numel());
  const Tensor indices =
      ops::reshape(ops::as_strided(positions, part.shape, part.strides, part.offset), {grad.numel()});
  return ops::index_add(flat, 0, indices, ops::reshape(grad, {grad.numel()}));
}

class StridedViewNode final : public Node {
 public:
  explicit StridedViewNode(StridedPart part) : Node(1), part_(std::move(part)) {}
  const char* name() const override { return "AsStridedBackward"; }
  void apply(Tensor* grads, Tensor* results, const PassOptions&) override {
    results[0] = scatter_part(grads[0], part_);
  }

 private:
  StridedPart part_;
};

// The history of a base of which a part was overwritten: the part's gradient goes through the op that wrote it, the
// rest goes on.
class CopySlices final : public Node {
 public:
  CopySlices(StridedPart part, NodeRef writer) : Node(1), part_(std::move(part)), writer_(std::move(writer)) {}

  Node& writer() { return *writer_.get(); }
  const char* name() const override { return "CopySlices"; }
  void release_saved() override { writer_->release_saved(); }
  bool saved_value(std::string_view name, tw_value* result) override { return writer_->saved_value(name, result); }
  SavedValue* find_saved(std::string_view name) override { return writer_->find_saved(name); }

  void apply(Tensor* grads, Tensor* results, const PassOptions& options) override {
    const SharedZeros memory(part_, grads[0]);
    const Tensor whole = memory.as_base(part_);
    ops::copy_(whole, grads[0]);
    const Tensor slice = memory.as_view(part_);
    Tensor slice_grad = ops::clone(slice);
    std::vector<Tensor> inner(std::max(writer_->edge_count(), 1u));
    PassOptions inner_options = options;
    inner_options.wanted = nullptr;
    writer_->apply(&slice_grad, inner.data(), inner_options);
    if (edge(0).node) {
      if (inner[0])
        ops::copy_(slice, inner[0]);
      else
        ops::fill_(slice, 0.0);
      results[0] = memory.as_base(part_);
    }
    for (uint32_t i = 1; i < edge_count(); ++i) results[i] = std::move(inner[i]);
  }

 private:
  StridedPart part_;
  NodeRef writer_;
};

}  // namespace

namespace {

void as_pairs(std::vector<int64_t>& shape, std::vector<int64_t>& strides) {
  for (int64_t& stride : strides) stride *= 2;
  shape.push_back(2), strides.push_back(1);
}

}  // namespace

// True unless each stride clears all that smaller ones reach.
bool may_coincide(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  std::vector<std::pair<int64_t, int64_t>> dims;
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] > 1) dims.emplace_back(strides[d], shape[d]);
  std::sort(dims.begin(), dims.end());
  int64_t reach = 0;
  for (const auto& [stride, size] : dims) {
    if (stride <= reach) return true;
    reach += stride * (size - 1);
  }
  return false;
}

StridedPart part_of(const SavedGeometry& view, const SavedGeometry& base) {
  const char* first = std::min(view.data, base.data);
  const bool mixed = is_complex(view.dtype) != is_complex(base.dtype);
  const tw_dtype dtype = mixed && is_complex(base.dtype) ? view.dtype : base.dtype;
  const int64_t size = item_size(dtype);
  StridedPart part{base.shape.vec(),
                   base.strides.vec(),
                   (base.data - first) / size,
                   view.shape.vec(),
                   view.strides.vec(),
                   (view.data - first) / size,
                   dtype,
                   base.device};
  part.complex_base = mixed && is_complex(base.dtype), part.complex_view = mixed && is_complex(view.dtype);
  if (part.complex_base) as_pairs(part.base_shape, part.base_strides);
  if (part.complex_view) as_pairs(part.shape, part.strides);
  return part;
}

StridedPart part_of(TensorRef view, TensorRef base) {
  const auto geometry = [](TensorRef t) {
    return SavedGeometry{t.shape(), t.strides(), t.data<char>(), t.dtype(), t.device()};
  };
  return part_of(geometry(view), geometry(base));
}

Tensor zeros_laid_out(TensorRef t, TensorRef like) {
  const StridedPart part = part_of(t, t);
  return SharedZeros(part, like).as_base(part);
}

Tensor scatter_part(TensorRef given_grad, const StridedPart& given) {
  StridedPart part = given;
  const Tensor grad = part.complex_view ? ops::view_as_real(given_grad) : Tensor::retain(given_grad);
  part.complex_view = false;
  const Tensor summed = sum_repeated(grad, part);
  SharedZeros memory(part, summed);
  if (summed.numel() == 0) return memory.as_base(part);
  if (may_coincide(part.shape, part.strides))
    memory.flat = add_coinciding(summed, part, memory.flat);
  else
    ops::copy_(memory.as_view(part), summed);
  return memory.as_base(part);
}

NodeRef make_strided_view_node(TensorRef view, TensorRef base, Edge to_base) {
  auto* node = make_node<StridedViewNode>(1, 0, part_of(view, base));
  node->set_edge(0, std::move(to_base));
  return NodeRef::steal(node);
}

void rebase_view(tw_tensor* view, const Tensor& base, NodeRef writer) {
  const uint32_t edges = std::max(writer->edge_count(), 1u);
  auto* node = make_node<CopySlices>(edges, 0, part_of(view, base), writer);
  NodeRef owned = NodeRef::steal(node);
  // In a recorded pass a result that the writer saved is a result of the writer itself, which then runs by itself too.
  node->set_shares_saved();
  node->writer().set_shares_saved();
  node->set_edge(0, gradient_edge(base.get()));
  for (uint32_t i = 1; i < edges; ++i) node->set_edge(i, writer->edge(i));
  set_history(base.get(), owned, 0);
  set_view_history(view, make_strided_view_node(view, base, {owned, 0}), 0, base);
}

}  // namespace tw::autograd
