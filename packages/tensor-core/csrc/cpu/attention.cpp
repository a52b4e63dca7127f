// softmax(query key^T scale + mask) value in tiles, with a running softmax: memory is linear in the lengths (Dao et al.
// 2022, after Milakov and Gimelshein 2018).
#include "cpu/attention.h"

#include <cmath>

#include "declarations/attention.h"

namespace tw::cpu {
namespace {

template <class T>
struct Tile {
  std::vector<T> scores, bias, largest, sums;
  Tile() : scores(kQueryTile * kKeyTile), bias(kKeyTile), largest(kQueryTile), sums(kQueryTile) {}
};

// Rows [first, first + rows) of one matrix of the result.
template <class T>
void attend(const Attention<T>& a, int64_t index, int64_t first, int64_t rows, Tile<T>& tile, T* out, T* logsumexp) {
  const auto& kernels = isa_table<AttentionKernels<T>>();
  const T *q = a.q.at(index, a.batch), *k = a.k.at(index, a.batch), *v = a.v.at(index, a.batch);
  std::fill_n(out, rows * a.v.cols, T(0));
  std::fill_n(tile.largest.data(), rows, -std::numeric_limits<T>::infinity());
  std::fill_n(tile.sums.data(), rows, T(0));
  const int64_t keys = a.keys(first + rows);
  for (int64_t key = 0; key < keys; key += kKeyTile) {
    const int64_t count = std::min(kKeyTile, keys - key);
    multiply(a.q.view(q, first), a.k.view(k, key).transposed(), rows, count, a.q.cols, tile.scores.data(), count, 0);
    for (int64_t r = 0; r < rows; ++r) {
      const T* bias = a.bias_row(index, first + r, key, count, tile.bias.data());
      const T factor = kernels.take(count, tile.scores.data() + r * count, a.scale, bias,
                                    &tile.largest[static_cast<size_t>(r)], &tile.sums[static_cast<size_t>(r)]);
      if (factor != T(1))
        for (int64_t c = 0; c < a.v.cols; ++c) out[r * a.v.cols + c] *= factor;
    }
    multiply(MatrixView{tile.scores.data(), count, 1}, a.v.view(v, key), rows, a.v.cols, count, out, a.v.cols, 1);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const T sum = tile.sums[static_cast<size_t>(r)];
    logsumexp[r] = tile.largest[static_cast<size_t>(r)] + std::log(sum);
    if (sum == T(0)) continue;  // a row that may attend to nothing is zeros
    for (int64_t c = 0; c < a.v.cols; ++c) out[r * a.v.cols + c] /= sum;
  }
}

}  // namespace

void attention(TensorRef query, TensorRef key, TensorRef value, TensorRef attn_mask, bool is_causal, double scale,
               TensorRef out, TensorRef logsumexp) {
  const tw_dtype dtype = compute_dtype(query.dtype());
  const Tensor q = rows_for_products(query, dtype), k = rows_for_products(key, dtype),
               v = rows_for_products(value, dtype), mask = dense_optional(attn_mask, dtype);
  StagedResult result(out, dtype);
  visit_floating("attention", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Attention<T> a(q, k, v, mask, is_causal, scale);
    const int64_t tiles = (a.q.rows + kQueryTile - 1) / kQueryTile;
    const int64_t work = std::min(a.q.rows, kQueryTile) * a.k.rows * (a.q.cols + a.v.cols) / 8;
    parallel_for(0, a.count() * tiles, grain_for(work), [&](int64_t begin, int64_t end) {
      Tile<T> tile;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t index = i / tiles, first = i % tiles * kQueryTile, row = index * a.q.rows + first;
        attend(a, index, first, std::min(kQueryTile, a.q.rows - first), tile, result.data<T>() + row * a.v.cols,
               logsumexp.data<T>() + row);
      }
    });
  });
  result.commit();
}

}  // namespace tw::cpu
