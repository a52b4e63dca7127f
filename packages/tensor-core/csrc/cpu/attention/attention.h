// The problem that the forward and the backward kernel of attention share: operands, tiles, masks.
#pragma once

#include <algorithm>
#include <limits>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/matmul/gemm.h"
#include "cpu/staging.h"

namespace tw::cpu {

// Rows of queries and of keys that are worked on at a time. A tile of scores stays in the first-level cache's reach.
constexpr int64_t kQueryTile = 64;
constexpr int64_t kKeyTile = 128;

// [batch..., rows, cols] with any distances between matrices and between rows; neighbours in a row are neighbours.
template <class T>
struct Matrices {
  const T* data;
  std::vector<int64_t> shape, strides;
  int64_t rows, cols, row_stride;

  explicit Matrices(TensorRef t) : data(t.data<T>()), rows(t.size(-2)), cols(t.size(-1)), row_stride(t.stride(-2)) {
    for (int d = 0; d + 2 < t.ndim(); ++d) shape.push_back(t.size(d)), strides.push_back(t.stride(d));
  }
  // The matrix at a place of a batch that this one's batch equals, except that its last dimension may be shorter by
  // a factor: groups of queries' heads share keys and values.
  const T* at(int64_t index, const std::vector<int64_t>& batch) const {
    int64_t offset = 0;
    for (size_t d = batch.size(); d-- > 0; index /= batch[d]) {
      const int64_t place = index % batch[d];
      offset += (shape[d] == batch[d] ? place : place / (batch[d] / shape[d])) * strides[d];
    }
    return data + offset;
  }
  MatrixView view(const T* matrix, int64_t row) const { return {matrix + row * row_stride, row_stride, 1}; }
};

// A copy only if rows overlap or their elements are apart.
inline Tensor rows_for_products(TensorRef t, tw_dtype dtype) {
  const bool fits = t.dtype() == dtype && t.stride(-1) == 1 && t.stride(-2) >= t.size(-1);
  return fits ? Tensor::retain(t) : dense(t, dtype);
}

template <class T>
struct Attention {
  Matrices<T> q, k, v;
  const T* mask;  // of [batch..., rows, cols] as below, or null
  std::vector<int64_t> mask_shape, mask_strides;
  std::vector<int64_t> batch;
  bool is_causal;
  T scale;

  Attention(TensorRef query, TensorRef key, TensorRef value, TensorRef bias, bool causal, double factor)
      : q(query), k(key), v(value), mask(nullptr), batch(q.shape), is_causal(causal), scale(static_cast<T>(factor)) {
    if (!bias) return;
    mask = bias.data<T>();
    std::vector<int64_t> shape = batch;
    shape.push_back(q.rows), shape.push_back(k.rows);
    const Tensor expanded = expand(bias, shape);
    mask_strides = expanded.strides().vec();
  }
  int64_t count() const {
    int64_t n = 1;
    for (int64_t size : batch) n *= size;
    return n;
  }
  // Keys that rows up to `end` may attend to.
  int64_t keys(int64_t end) const { return is_causal ? std::min(k.rows, end) : k.rows; }

  // What is added to the scores of one row of a tile: null, or `buffer` filled.
  const T* bias_row(int64_t index, int64_t row, int64_t first, int64_t count, T* buffer) const {
    const bool cut = is_causal && first + count > row + 1;
    if (!mask && !cut) return nullptr;
    std::fill_n(buffer, count, T(0));
    if (mask) {
      const size_t dims = batch.size();
      int64_t offset = row * mask_strides[dims];
      for (size_t d = dims; d-- > 0; index /= batch[d]) offset += index % batch[d] * mask_strides[d];
      for (int64_t j = 0; j < count; ++j) buffer[j] = mask[offset + (first + j) * mask_strides[dims + 1]];
    }
    if (cut)
      for (int64_t j = std::max<int64_t>(row + 1 - first, 0); j < count; ++j)
        buffer[j] = -std::numeric_limits<T>::infinity();
    return buffer;
  }
};

// result = alpha left right + beta result, row-major.
template <class T>
void multiply(MatrixView left, MatrixView right, int64_t rows, int64_t cols, int64_t depth, T* result,
              int64_t row_stride, int beta) {
  Gemm p(sizeof(T) == 4 ? kFloat32 : kFloat64);
  p.rows = rows, p.cols = cols, p.depth = depth;
  p.left = left, p.right = right;
  p.result = result, p.result_row_stride = row_stride;
  p.beta = beta;
  gemm(p);
}

}  // namespace tw::cpu
