// Gradients of attention: the probabilities of a tile are computed again from the scores and their logsumexp.
#include "cpu/attention/attention.h"

#include "declarations/attention.h"

namespace tw::cpu {
namespace {

template <class T>
struct Gradients {
  const T *grad, *out, *logsumexp;  // of the result, the result, and what each row's scores sum up to
  T *query, *key, *value;
};

template <class T>
struct Tile {
  std::vector<T> scores, grads, bias, deltas;
  explicit Tile(int64_t query_rows)
      : scores(kQueryTile * kKeyTile),
        grads(kQueryTile * kKeyTile),
        bias(kKeyTile),
        deltas(static_cast<size_t>(query_rows)) {}
};

// Row by row the product of the result and its gradient: what the softmax's gradient subtracts.
template <class T>
void fill_deltas(const Attention<T>& a, const Gradients<T>& g, int64_t index, std::vector<T>& deltas) {
  for (int64_t r = 0; r < a.q.rows; ++r) {
    const int64_t at = (index * a.q.rows + r) * a.v.cols;
    T sum = 0;
    for (int64_t c = 0; c < a.v.cols; ++c) sum += g.grad[at + c] * g.out[at + c];
    deltas[static_cast<size_t>(r)] = sum;
  }
}

// One tile of scores; `key_index` says to which matrix of keys' gradients it adds.
template <class T>
void add_tile(const Attention<T>& a, const Gradients<T>& g, int64_t index, int64_t key_index, int64_t row, int64_t rows,
              int64_t key, int64_t count, Tile<T>& tile) {
  const auto& kernels = isa_table<AttentionKernels<T>>();
  const MatrixView q = a.q.view(a.q.at(index, a.batch), row), k = a.k.view(a.k.at(index, a.batch), key),
                   v = a.v.view(a.v.at(index, a.batch), key);
  const int64_t at = index * a.q.rows + row, width = a.v.cols, depth = a.q.cols;
  const MatrixView grad{g.grad + at * width, width, 1}, scores{tile.scores.data(), count, 1},
      slopes{tile.grads.data(), count, 1};
  multiply(q, k.transposed(), rows, count, depth, tile.scores.data(), count, 0);
  multiply(grad, v.transposed(), rows, count, width, tile.grads.data(), count, 0);
  for (int64_t r = 0; r < rows; ++r) {
    T *s = tile.scores.data() + r * count, *d = tile.grads.data() + r * count;
    if (g.logsumexp[at + r] == -std::numeric_limits<T>::infinity()) {  // attends to nothing
      std::fill_n(s, count, T(0)), std::fill_n(d, count, T(0));
      continue;
    }
    const T* bias = a.bias_row(index, row + r, key, count, tile.bias.data());
    kernels.backward(count, s, a.scale, bias, g.logsumexp[at + r], d, tile.deltas[static_cast<size_t>(row + r)]);
  }
  T *to_key = g.key + (key_index * a.k.rows + key) * depth, *to_value = g.value + (key_index * a.k.rows + key) * width;
  multiply(scores.transposed(), grad, count, width, rows, to_value, width, 1);
  multiply(slopes.transposed(), q, count, depth, rows, to_key, depth, 1);
  multiply(slopes, k, rows, depth, count, g.query + at * depth, depth, 1);
}

template <class T>
void add_matrix(const Attention<T>& a, const Gradients<T>& g, int64_t index, int64_t key_index, Tile<T>& tile) {
  fill_deltas(a, g, index, tile.deltas);
  for (int64_t row = 0; row < a.q.rows; row += kQueryTile) {
    const int64_t rows = std::min(kQueryTile, a.q.rows - row), keys = a.keys(row + rows);
    for (int64_t key = 0; key < keys; key += kKeyTile)
      add_tile(a, g, index, key_index, row, rows, key, std::min(kKeyTile, keys - key), tile);
  }
}

}  // namespace

void attention_backward(TensorRef grad, TensorRef query, TensorRef key, TensorRef value, TensorRef result,
                        TensorRef logsumexp, TensorRef attn_mask, bool is_causal, double scale, TensorRef grad_query,
                        TensorRef grad_key, TensorRef grad_value) {
  const tw_dtype dtype = compute_dtype(query.dtype());
  const Tensor q = rows_for_products(query, dtype), k = rows_for_products(key, dtype),
               v = rows_for_products(value, dtype), mask = dense_optional(attn_mask, dtype), grads = dense(grad, dtype),
               values = dense(result, dtype), sums = dense(logsumexp, dtype);
  StagedResult to_query(grad_query, dtype), to_key(grad_key, dtype), to_value(grad_value, dtype);
  visit_floating("attention_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Attention<T> a(q, k, v, mask, is_causal, scale);
    const Gradients<T> g{grads.data<T>(),    values.data<T>(), sums.data<T>(),
                         to_query.data<T>(), to_key.data<T>(), to_value.data<T>()};
    clear(g.query, grad_query.numel());
    clear(g.key, grad_key.numel());
    clear(g.value, grad_value.numel());
    if (grad_query.numel() == 0 && grad_value.numel() == 0) return;
    // Queries whose heads share keys are consecutive, and belong to one task.
    const int64_t shared = a.k.shape.back() > 0 ? a.batch.back() / a.k.shape.back() : 1;
    const int64_t work = a.q.rows * a.k.rows * (a.q.cols + a.v.cols) / 4;
    parallel_for(0, shared > 0 ? a.count() / shared : 0, grain_for(work * shared), [&](int64_t begin, int64_t end) {
      Tile<T> tile(a.q.rows);
      for (int64_t i = begin; i < end; ++i)
        for (int64_t h = 0; h < shared; ++h) add_matrix(a, g, i * shared + h, i, tile);
    });
  });
  to_query.commit(), to_key.commit(), to_value.commit();
}

}  // namespace tw::cpu
