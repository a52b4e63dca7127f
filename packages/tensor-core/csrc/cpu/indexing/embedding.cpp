// Rows of a table by index, and the gradient of that.
#include "declarations/embedding.h"
#include "cpu/copies/movement.h"
#include "cpu/element_types.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

void check_places(const int64_t* indices, int64_t count, int64_t rows) {
  if (conversion_kernels().all_between(count, indices, 0, rows)) return;
  for (int64_t i = 0; i < count; ++i)
    if (indices[i] < 0 || indices[i] >= rows)
      throw fail(TW_E_INDEX, "embedding: index ", indices[i], " is out of range for a table of ", rows, " rows");
}

template <class T>
std::vector<T> inverse_counts(const int64_t* indices, int64_t count, int64_t rows) {
  std::vector<T> scale(static_cast<size_t>(rows), T(0));
  for (int64_t i = 0; i < count; ++i) scale[static_cast<size_t>(indices[i])] += 1;
  for (T& s : scale) s = s > 0 ? 1 / s : T(0);
  return scale;
}

constexpr int64_t kColumns = 128;

// Each chunk owns some columns and walks over all indices in order, so rows that repeat add up the same way always.
template <class T>
void add_rows(const T* grad, const int64_t* indices, int64_t count, int64_t width, int64_t padding,
              const std::vector<T>& scale, T* out) {
  parallel_for(0, width, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = indices[i];
      if (row == padding) continue;
      const T factor = scale.empty() ? T(1) : scale[static_cast<size_t>(row)];
      T* __restrict to = out + row * width;
      const T* __restrict from = grad + i * width;
      for (int64_t c = begin; c < end; ++c) to[c] += from[c] * factor;
    }
  });
}

}  // namespace

void embedding(TensorRef weight, TensorRef indices, int64_t /*padding_idx: in backward*/,
               bool /*scale_grad_by_freq: in backward*/, bool /*sparse: never*/, TensorRef out) {
  const Tensor table = dense(weight), places = dense(indices, kInt64);
  check_places(places.data<int64_t>(), places.numel(), weight.size(0));
  const int64_t row_bytes = weight.size(1) * item_size(weight.dtype());
  if (row_bytes == 0) return;
  parallel_for(0, places.numel(), grain_for(row_bytes / 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(out.data<char>() + i * row_bytes, table.data<char>() + places.data<int64_t>()[i] * row_bytes,
                  static_cast<size_t>(row_bytes));
  });
}

void embedding_backward(TensorRef grad, TensorRef indices, int64_t num_embeddings, int64_t padding_idx,
                        bool scale_grad_by_freq, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), places = dense(indices, kInt64);
  check_places(places.data<int64_t>(), places.numel(), num_embeddings);
  StagedResult result(out, dtype);
  visit_floating("embedding_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::vector<T> scale;
    if (scale_grad_by_freq) scale = inverse_counts<T>(places.data<int64_t>(), places.numel(), num_embeddings);
    const T zero = 0;
    fill_elements(result.tensor(), &zero);
    add_rows(grads.data<T>(), places.data<int64_t>(), places.numel(), grad.size(-1), padding_idx, scale,
             result.data<T>());
  });
  result.commit();
}

}  // namespace tw::cpu
