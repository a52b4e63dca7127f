// What composites of linear algebra share: adjoints, batches, diagonals.
#pragma once

#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <limits>

#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

inline Tensor transposed(TensorRef t) { return ops::transpose(t, -2, -1); }
// The conjugate transpose.
inline Tensor adjoint_of(TensorRef t) { return ops::conj(transposed(t)); }
inline Tensor main_diagonal(TensorRef t) { return ops::diagonal(t, 0, -2, -1); }

inline IntList batch_of(TensorRef matrices) {
  return {matrices.shape().data(), static_cast<size_t>(matrices.ndim()) - 2};
}
inline std::vector<int64_t> joined_shape(IntList batch, IntList rest) {
  std::vector<int64_t> shape = batch.vec();
  shape.insert(shape.end(), rest.begin(), rest.end());
  return shape;
}

inline std::vector<int64_t> broadcast_batch(const char* op, IntList a, IntList b) {
  std::vector<int64_t> result(std::max(a.size(), b.size()));
  for (size_t d = 1; d <= result.size(); ++d) {
    const int64_t m = d <= a.size() ? a[a.size() - d] : 1, n = d <= b.size() ? b[b.size() - d] : 1;
    if (m != n && m != 1 && n != 1) throw fail(TW_E_SHAPE, op, ": batches do not broadcast: ", a, " and ", b);
    result[result.size() - d] = m == 1 ? n : m;
  }
  return result;
}
inline Tensor with_batch(TensorRef t, IntList batch) {
  const std::vector<int64_t> shape = joined_shape(batch, {t.size(-2), t.size(-1)});
  return IntList(shape).vec() == t.shape().vec() ? Tensor::retain(t) : ops::expand(t, shape);
}

// Whether the right side of a system is a batch of vectors.
inline bool is_vector_side(TensorRef a, TensorRef b) {
  if (b.ndim() == 1) return true;
  return b.ndim() == a.ndim() - 1 && std::equal(b.shape().begin(), b.shape().end(), a.shape().begin());
}

// The distance from 1 to the next number.
inline double epsilon_of(tw_dtype dtype) {
  const bool single = dtype == kFloat32 || dtype == kComplex64;
  return single ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

inline tw_dtype real_of(tw_dtype dtype) {
  return is_complex(dtype) ? tw_dtype{TW_DT_FLOAT, static_cast<uint8_t>(dtype.bits / 2), 1} : dtype;
}

inline Tensor identity(int64_t n, TensorRef like) { return ops::eye(n, std::nullopt, like.dtype(), like.device()); }

}  // namespace tw::composite
