// Views and writes through them: gradients of strided views, and the node that a write through a view puts into its
// base's history.
#pragma once

#include "node.h"
#include "saved.h"

namespace tw::autograd {

// The node of a view whose base was written: hands a gradient of the view to the base.
NodeRef make_strided_view_node(TensorRef view, TensorRef base, Edge to_base);

// `view` was written in place by `node` (whose first edge is the view's old history): the base's history becomes
// "the base with that part overwritten", the view's "a view of the base".
void rebase_view(tw_tensor* view, const Tensor& base, NodeRef node);

// Where a view's elements lie in its base, both by strides.
struct StridedPart {
  std::vector<int64_t> base_shape, base_strides;
  int64_t base_offset;  // in elements, from the first of both
  std::vector<int64_t> shape, strides;
  int64_t offset;
  tw_dtype dtype;
  tw_device device;
  // Where one of the two is a view of the other as real or complex numbers, both are described in real ones, with a
  // last dimension of 2 for the complex one.
  bool complex_base = false, complex_view = false;
};
StridedPart part_of(TensorRef view, TensorRef base);
StridedPart part_of(const SavedGeometry& view, const SavedGeometry& base);

// Whether two indices may mean the same element.
bool may_coincide(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);
// Zeros that lie in memory as `t` does, from its storage's first element on; of the levels that `like` belongs to.
Tensor zeros_laid_out(TensorRef t, TensorRef like);

// The gradient of the base from that of the view: zero outside of it, summed where elements of the view coincide.
Tensor scatter_part(TensorRef grad, const StridedPart& part);

}  // namespace tw::autograd
