// Advanced indexing, NumPy's way, worked out once for reading and writing.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::cpu {

// The indexed tensor seen as [before, chosen, after]: element offsets of each part in the tensor's own strides.
struct IndexPlan {
  std::vector<int64_t> shape;  // of self[indices]
  std::vector<int64_t> before, chosen, after;
  bool after_is_run;  // `after` is 0, 1, 2, ...: elements that lie side by side
};

// Throws Error (IndexError, ShapeError, TypeError) for indices that do not fit.
IndexPlan plan_index(const char* op, TensorRef self, TensorList indices);

// The elements of `self` where a bool mask of its shape is set, in order.
Tensor elements_where(TensorRef self, TensorRef mask);

}  // namespace tw::cpu
