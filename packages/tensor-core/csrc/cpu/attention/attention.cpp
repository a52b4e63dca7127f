// softmax(query key^T scale + mask) value in tiles, with a running softmax: memory is linear in the lengths (Dao et al.
// 2022, after Milakov and Gimelshein 2018).
#include "cpu/attention/attention.h"

#include <cmath>

#include "declarations/attention.h"

namespace tw::cpu {
namespace {

template <class T>
struct Tile {
  std::vector<T> scores, bias, largest, sums;
  Tile() : scores(kQueryTile * kKeyTile), bias(kKeyTile), largest(kQueryTile), sums(kQueryTile) {}
};

// The scores of one row of a tile become exponentials; what the row's result is up to now is to be multiplied by what
// is returned. Keys that causality hides are not looked at.
template <class T>
T take_row(const Attention<T>& a, int64_t index, int64_t row, int64_t key, int64_t count, T* scores, Tile<T>& tile,
           size_t r) {
  const int64_t seen = a.is_causal ? std::clamp<int64_t>(row + 1 - key, 0, count) : count;
  std::fill(scores + seen, scores + count, T(0));
  if (seen == 0) return T(1);
  const T* bias = a.bias_row(index, row, key, seen, tile.bias.data());
  return isa_table<AttentionKernels<T>>().take(seen, scores, a.scale, bias, &tile.largest[r], &tile.sums[r]);
}

// Rows [first, first + rows) of one matrix of the result.
template <class T>
void attend(const Attention<T>& a, int64_t index, int64_t first, int64_t rows, Tile<T>& tile, T* out, T* logsumexp) {
  const auto& kernels = isa_table<AttentionKernels<T>>();
  const T *q = a.q.at(index, a.batch), *k = a.k.at(index, a.batch), *v = a.v.at(index, a.batch);
  const int64_t cols = a.v.cols, keys = a.keys(first + rows);
  if (keys == 0) std::fill_n(out, rows * cols, T(0));
  std::fill_n(tile.largest.data(), rows, -std::numeric_limits<T>::infinity());
  std::fill_n(tile.sums.data(), rows, T(0));
  for (int64_t key = 0; key < keys; key += kKeyTile) {
    const int64_t count = std::min(kKeyTile, keys - key);
    multiply(a.q.view(q, first), a.k.view(k, key).transposed(), rows, count, a.q.cols, tile.scores.data(), count, 0);
    for (int64_t r = 0; r < rows; ++r) {
      const T factor =
          take_row(a, index, first + r, key, count, tile.scores.data() + r * count, tile, static_cast<size_t>(r));
      if (key > 0 && factor != T(1)) kernels.scale(cols, out + r * cols, factor);
    }
    multiply(MatrixView{tile.scores.data(), count, 1}, a.v.view(v, key), rows, cols, count, out, cols, key > 0);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const T sum = tile.sums[static_cast<size_t>(r)];
    logsumexp[r] = tile.largest[static_cast<size_t>(r)] + std::log(sum);
    if (sum != T(0)) kernels.divide(cols, out + r * cols, sum);  // a row that may attend to nothing is zeros
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
