// Sums, means and maxima of the rows of a table over bags of indices; rows of a table kept below a norm.
#include <algorithm>
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/embedding.h"

namespace tw::cpu {
namespace {

enum Mode : int64_t { kSum = 0, kMean = 1, kMax = 2 };

void check_rows(const char* op, const Tensor& indices, int64_t rows) {
  const int64_t* at = indices.data<int64_t>();
  for (int64_t i = 0; i < indices.numel(); ++i)
    if (at[i] < 0 || at[i] >= rows)
      throw fail(TW_E_INDEX, op, ": index ", at[i], " is out of range for a table of ", rows, " rows");
}

// Where each bag begins, and at last where the last one ends.
std::vector<int64_t> bounds_of(TensorRef offsets, int64_t count, bool include_last_offset) {
  const Tensor starts = dense(offsets, kInt64);
  const int64_t* begin = starts.data<int64_t>();
  std::vector<int64_t> bounds(begin, begin + starts.numel());
  if (!include_last_offset) bounds.push_back(count);
  if (bounds.front() != 0) throw fail(TW_E_VALUE, "embedding_bag: offsets[0] must be 0, got ", bounds.front());
  for (size_t i = 1; i < bounds.size(); ++i)
    if (bounds[i] < bounds[i - 1] || bounds[i] > count)
      throw fail(TW_E_VALUE, "embedding_bag: offsets must rise to at most the number of indices, ", count, "; offsets[",
                 i, "] is ", bounds[i]);
  return bounds;
}

template <class T>
struct Bags {
  const T *table, *sample_weights;  // the latter perhaps null
  const int64_t* indices;
  std::vector<int64_t> bounds;
  int64_t width, mode, padding;
};

// One bag's row of the result; gives how many rows counted.
template <class T>
int64_t fill_bag(const Bags<T>& b, size_t bag, T* row, int64_t* places) {
  int64_t counted = 0;
  std::fill_n(row, b.width, T(0));
  if (b.mode == kMax) std::fill_n(places, b.width, int64_t{-1});
  for (int64_t i = b.bounds[bag]; i < b.bounds[bag + 1]; ++i) {
    const int64_t index = b.indices[i];
    if (index == b.padding) continue;
    const T* from = b.table + index * b.width;
    const T factor = b.sample_weights ? b.sample_weights[i] : T(1);
    if (b.mode != kMax)
      for (int64_t c = 0; c < b.width; ++c) row[c] += from[c] * factor;
    else
      for (int64_t c = 0; c < b.width; ++c)
        if (counted == 0 || from[c] > row[c]) row[c] = from[c], places[c] = index;
    ++counted;
  }
  if (b.mode == kMean && counted > 1)
    for (int64_t c = 0; c < b.width; ++c) row[c] /= static_cast<T>(counted);
  return counted;
}

template <class T>
double norm_of(const T* row, int64_t width, double order) {
  double sum = 0;
  for (int64_t c = 0; c < width; ++c) {
    const double x = std::abs(static_cast<double>(row[c]));
    if (std::isinf(order))
      sum = std::fmax(sum, x);
    else
      sum += order == 2 ? x * x : order == 1 ? x : std::pow(x, order);
  }
  return std::isinf(order) || order == 1 ? sum : order == 2 ? std::sqrt(sum) : std::pow(sum, 1 / order);
}

}  // namespace

void embedding_bag(TensorRef weight, TensorRef indices, TensorRef offsets, bool /*scale_grad_by_freq: in backward*/,
                   int64_t mode, bool /*sparse: never*/, TensorRef per_sample_weights, bool include_last_offset,
                   std::optional<int64_t> padding_idx, TensorRef out, TensorRef offset2bag, TensorRef bag_size,
                   TensorRef max_indices) {
  const tw_dtype dtype = compute_dtype(weight.dtype());
  const Tensor table = dense(weight, dtype), places = dense(indices, kInt64),
               factors = dense_optional(per_sample_weights, dtype);
  check_rows("embedding_bag", places, weight.size(0));
  StagedResult result(out, dtype);
  if (out.size(0) == 0 && places.numel() == 0) return;
  std::vector<int64_t> bounds = bounds_of(offsets, places.numel(), include_last_offset);
  std::fill_n(offset2bag.data<int64_t>(), places.numel(), int64_t{0});
  for (size_t bag = 0; bag + 1 < bounds.size(); ++bag)
    std::fill(offset2bag.data<int64_t>() + bounds[bag], offset2bag.data<int64_t>() + bounds[bag + 1],
              static_cast<int64_t>(bag));
  const int64_t padding = !padding_idx ? -1 : *padding_idx < 0 ? *padding_idx + weight.size(0) : *padding_idx;
  visit_floating("embedding_bag", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Bags<T> bags{table.data<T>(),
                       factors ? factors.data<T>() : nullptr,
                       places.data<int64_t>(),
                       std::move(bounds),
                       weight.size(1),
                       mode,
                       padding};
    const int64_t count = out.size(0), per_bag = places.numel() / std::max<int64_t>(count, 1) * bags.width;
    parallel_for(0, count, grain_for(per_bag), [&](int64_t begin, int64_t end) {
      for (int64_t bag = begin; bag < end; ++bag)
        bag_size.data<int64_t>()[bag] = fill_bag(bags, static_cast<size_t>(bag), result.data<T>() + bag * bags.width,
                                                 max_indices.data<int64_t>() + bag * max_indices.size(1));
    });
  });
  result.commit();
}

void embedding_renorm(TensorRef self, TensorRef indices, double max_norm, double norm_type, TensorRef out) {
  const Tensor places = dense(indices, kInt64);
  check_rows("embedding_renorm_", places, self.size(0));
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor table = dense(self, dtype);
  const bool direct = out.is_contiguous() && out.dtype() == dtype;
  Tensor scaled = direct ? Tensor::retain(out) : empty(out.shape(), dtype);
  copy_unless_in_place(scaled, table);
  std::vector<int64_t> rows(places.data<int64_t>(), places.data<int64_t>() + places.numel());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  visit_floating("embedding_renorm_", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t width = self.size(1);
    for (const int64_t row : rows) {
      T* values = scaled.data<T>() + row * width;
      const double norm = norm_of(values, width, norm_type);
      if (!(norm > max_norm)) continue;
      const T factor = static_cast<T>(max_norm / (norm + 1e-7));  // a little below the norm, so as not to do it again
      for (int64_t c = 0; c < width; ++c) values[c] *= factor;
    }
  });
  if (!direct) copy_elements(out, scaled);
}

}  // namespace tw::cpu
