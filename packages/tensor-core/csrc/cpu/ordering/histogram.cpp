// Histograms. Chunks of points count for themselves and are added up in order, so that the sums of weights do not
// depend on the number of threads.
#include <algorithm>
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/search.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

// f(first, last, counts) for chunks of `count` points; the sum of all counts in `out`.
template <class T, class F>
void count_in_chunks(int64_t count, int64_t bins, T* out, F&& f) {
  const int64_t length = std::max<int64_t>(65536, 4 * bins),
                chunks = std::max<int64_t>(1, (count + length - 1) / length);
  std::vector<T> counts(static_cast<size_t>(chunks * bins), T(0));
  parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) f(c * length, std::min(count, (c + 1) * length), counts.data() + c * bins);
  });
  std::fill_n(out, bins, T(0));
  for (int64_t c = 0; c < chunks; ++c)
    for (int64_t b = 0; b < bins; ++b) out[b] += counts[static_cast<size_t>(c * bins + b)];
}

// The bins of one dimension. Where the edges are even, a first guess needs no search.
template <class T>
struct Axis {
  const T* edges;
  int64_t bins;
  T low, high, per_width;

  Axis(const T* e, int64_t n)
      : edges(e), bins(n), low(e[0]), high(e[n]), per_width(static_cast<T>(n) / (e[n] - e[0])) {}

  // -1 outside.
  int64_t bin_of(T x) const {
    if (!(x >= low && x <= high)) return -1;
    const T guess = (x - low) * per_width;
    int64_t b = guess >= 0 && guess < static_cast<T>(bins) ? static_cast<int64_t>(guess) : bins - 1;
    if (b > 0 && x < edges[b]) --b;
    if (b + 1 < bins && x >= edges[b + 1]) ++b;
    const bool right = x >= edges[b] && (x < edges[b + 1] || b + 1 == bins);
    return right ? b : std::min(bins, std::upper_bound(edges, edges + bins + 1, x) - edges) - 1;
  }
};

template <class T>
void count_grid(const T* points, int64_t count, const std::vector<Axis<T>>& axes, const T* weights, int64_t bins,
                T* out) {
  const int64_t dims = static_cast<int64_t>(axes.size());
  count_in_chunks(count, bins, out, [&](int64_t first, int64_t last, T* counts) {
    for (int64_t i = first; i < last; ++i) {
      int64_t at = 0;
      for (int64_t d = 0; d < dims && at >= 0; ++d) {
        const Axis<T>& axis = axes[static_cast<size_t>(d)];
        const int64_t b = axis.bin_of(points[i * dims + d]);
        at = b < 0 ? -1 : at * axis.bins + b;
      }
      if (at >= 0) counts[at] += weights ? weights[i] : T(1);
    }
  });
}

}  // namespace

void histogram_counts(TensorRef self, TensorList bins, TensorRef weight, TensorRef out) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor points = dense(self, dtype), weights = dense_optional(weight, dtype);
  std::vector<Tensor> edges;
  for (tw_tensor* b : bins) edges.push_back(dense(b, dtype));
  StagedResult result(out, dtype);
  visit_floating("histogram", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::vector<Axis<T>> axes;
    for (const Tensor& e : edges) axes.emplace_back(e.data<T>(), e.numel() - 1);
    count_grid(points.data<T>(), self.size(0), axes, weights ? weights.data<T>() : nullptr, out.numel(),
               result.data<T>());
  });
  result.commit();
}

void histc(TensorRef self, int64_t bins, const Scalar& min, const Scalar& max, TensorRef out) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("histc", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* values = input.data<T>();
    T low = static_cast<T>(min.real()), high = static_cast<T>(max.real());
    if (low == high && self.numel() > 0) {
      low = high = values[0];
      threads::for_pieces(0, self.numel(), [&](int64_t first, int64_t last) {
        const auto [least, most] = std::minmax_element(values + first, values + last);
        low = std::min(low, *least), high = std::max(high, *most);
      });
    }
    if (low == high) low -= 1, high += 1;
    if (!std::isfinite(low) || !std::isfinite(high) || low > high)
      throw fail(TW_E_VALUE, "histc: the range from ", static_cast<double>(low), " to ", static_cast<double>(high),
                 low > high ? " is empty" : " is not finite");
    count_in_chunks(self.numel(), bins, result.data<T>(), [&](int64_t first, int64_t last, T* counts) {
      for (int64_t i = first; i < last; ++i) {
        if (!(values[i] >= low && values[i] <= high)) continue;
        const int64_t at = static_cast<int64_t>((values[i] - low) * static_cast<T>(bins) / (high - low));
        counts[std::min(at, bins - 1)] += T(1);
      }
    });
  });
  result.commit();
}

}  // namespace tw::cpu
