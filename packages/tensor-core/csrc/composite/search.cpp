// Searching numbers, and histograms over the kernel that counts.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/search.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "declarations/search.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// A number beside a sequence: in the sequence's dtype, or, if that cannot hold it, both in one that can.
struct Pair {
  Tensor sequence, value;
};
Pair matched(TensorRef sequence, const Scalar& value) {
  Promotion promotion;
  promotion.add(sequence.dtype());
  promotion.add_scalar(value.value());
  const tw_dtype dtype = promotion.result();
  return {sequence.dtype() == dtype ? Tensor::retain(sequence) : ops::to_dtype(sequence, dtype),
          ops::full(IntList(), value, dtype, sequence.device())};
}

}  // namespace

Tensor searchsorted_scalar(TensorRef sorted_sequence, const Scalar& self, bool out_int32, bool right,
                           std::optional<std::string_view> side, TensorRef sorter) {
  const Pair pair = matched(sorted_sequence, self);
  return ops::searchsorted(pair.sequence, pair.value, out_int32, right, side, sorter);
}

Tensor bucketize(TensorRef self, TensorRef boundaries, bool out_int32, bool right) {
  return ops::searchsorted(boundaries, self, out_int32, right);
}

Tensor bucketize_scalar(const Scalar& self, TensorRef boundaries, bool out_int32, bool right) {
  return ops::searchsorted_scalar(boundaries, self, out_int32, right);
}

Tensor isin_scalar(TensorRef elements, const Scalar& test_element, bool /*assume_unique*/, bool invert) {
  return invert ? ops::ne(elements, test_element) : ops::eq(elements, test_element);
}

Tensor isin_element(const Scalar& element, TensorRef test_elements, bool assume_unique, bool invert) {
  const Pair pair = matched(test_elements, element);
  return ops::isin(pair.value, pair.sequence, assume_unique, invert);
}

// ---- histograms -----------------------------------------------------------------------------------------------

namespace {

double number(TensorRef t) { return *ops::to_dtype(ops::cpu(t), kFloat64).data<double>(); }

bool has_values(TensorRef t) { return t.get()->backend != kBackendMeta; }

// Edges of `bins` bins of equal width over [low, high]; without a range over the values, widened if those are one.
Tensor even_edges(const char* op, TensorRef values, int64_t bins, const double* range) {
  double low = 0, high = 1;
  if (range) {
    low = range[0], high = range[1];
  } else if (values.numel() > 0) {
    if (!has_values(values))
      throw fail(TW_E_UNSUPPORTED, op, ": without a range it depends on values, which a meta tensor has not");
    low = number(ops::amin(values)), high = number(ops::amax(values));
  }
  if (!std::isfinite(low) || !std::isfinite(high))
    throw fail(TW_E_VALUE, op, ": the range from ", low, " to ", high, " is not finite");
  if (low > high) throw fail(TW_E_VALUE, op, ": the range from ", low, " to ", high, " is empty");
  if (low == high) low -= 0.5, high += 0.5;
  return ops::linspace(low, high, checked::add(bins, 1), values.dtype(), values.device());
}

void check_ascending(const char* op, TensorRef edges) {
  if (!has_values(edges)) return;
  const int64_t n = edges.size(0) - 1;
  const Tensor rises = ops::all(ops::le(ops::narrow(edges, 0, 0, n), ops::narrow(edges, 0, 1, n)));
  if (!*ops::cpu(rises).data<uint8_t>()) throw fail(TW_E_VALUE, op, ": the edges of the bins must ascend");
}

Tensor as_density(Tensor hist, const std::vector<Tensor>& edges) {
  Tensor density = ops::div(hist, ops::sum(hist));
  for (size_t d = 0; d < edges.size(); ++d) {
    const int64_t n = edges[d].size(0) - 1;
    std::vector<int64_t> shape(edges.size(), 1);
    shape[d] = n;
    const Tensor widths = ops::sub(ops::narrow(edges[d], 0, 1, n), ops::narrow(edges[d], 0, 0, n));
    density = ops::div(density, ops::reshape(widths, shape));
  }
  return density;
}

using Histogram = std::tuple<Tensor, std::vector<Tensor>>;

Histogram count_points(TensorRef points, std::vector<Tensor> edges, TensorRef weight, bool density) {
  const int64_t dims = points.size(-1), count = static_cast<int64_t>(edges.size()) == 0 ? 0 : points.numel() / dims;
  std::vector<tw_tensor*> list;
  for (const Tensor& e : edges) list.push_back(e.get());
  const Tensor weights = weight ? ops::reshape(weight, {count}) : Tensor();
  Tensor hist = ops::histogram_counts(ops::reshape(points, {count, dims}), list, weights);
  if (density) hist = as_density(hist, edges);
  return {hist, std::move(edges)};
}

std::vector<Tensor> edges_of_points(TensorRef points, IntList bins, const std::optional<FloatList>& range) {
  std::vector<Tensor> edges;
  for (size_t d = 0; d < bins.size(); ++d)
    edges.push_back(even_edges("histogramdd", ops::select(points, -1, static_cast<int64_t>(d)), bins[d],
                               range ? range->data() + 2 * d : nullptr));
  return edges;
}

std::tuple<Tensor, Tensor> histogram_of(TensorRef self, Tensor edges, TensorRef weight, bool density) {
  auto [hist, all_edges] = count_points(ops::reshape(self, {self.numel(), 1}), {edges}, weight, density);
  return {hist, edges};
}

}  // namespace

std::tuple<Tensor, Tensor> histogram(TensorRef self, int64_t bins, std::optional<FloatList> range, TensorRef weight,
                                     bool density) {
  return histogram_of(self, even_edges("histogram", self, bins, range ? range->data() : nullptr), weight, density);
}

std::tuple<Tensor, Tensor> histogram_bins_tensor(TensorRef self, TensorRef bins, TensorRef weight, bool density) {
  check_ascending("histogram", bins);
  return histogram_of(self, ops::clone(bins), weight, density);
}

Histogram histogramdd(TensorRef self, IntList bins, std::optional<FloatList> range, TensorRef weight, bool density) {
  return count_points(self, edges_of_points(self, bins, range), weight, density);
}

Histogram histogramdd_int_bins(TensorRef self, int64_t bins, std::optional<FloatList> range, TensorRef weight,
                               bool density) {
  const std::vector<int64_t> each(static_cast<size_t>(self.size(-1)), bins);
  return count_points(self, edges_of_points(self, each, range), weight, density);
}

Histogram histogramdd_tensors(TensorRef self, TensorList bins, std::optional<FloatList> /*refused*/, TensorRef weight,
                              bool density) {
  std::vector<Tensor> edges;
  for (tw_tensor* b : bins) {
    check_ascending("histogramdd", b);
    edges.push_back(Tensor::retain(b));
  }
  return count_points(self, std::move(edges), weight, density);
}

}  // namespace tw::composite
