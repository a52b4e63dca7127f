// One dimension in another size. Every mode is a sparse matrix that is applied along the dimension; the gradient
// applies its transpose.
#include <algorithm>
#include <cmath>
#include <tensorwright/checked.hpp>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/vision.h"

namespace tw::cpu {
namespace {

// Rows of a sparse matrix: row i has the elements begin[i] to begin[i + 1].
struct SparseRows {
  std::vector<int64_t> begin{0}, column;
  std::vector<double> weight;
  void add(int64_t c, double w) { column.push_back(c), weight.push_back(w); }
  void end_row() { begin.push_back(static_cast<int64_t>(column.size())); }
  int64_t rows() const { return static_cast<int64_t>(begin.size()) - 1; }

  SparseRows transposed(int64_t columns) const {
    SparseRows t;
    t.begin.assign(static_cast<size_t>(checked::add(columns, 1)), 0);
    for (int64_t c : column) ++t.begin[static_cast<size_t>(c) + 1];
    for (size_t c = 0; c < static_cast<size_t>(columns); ++c) t.begin[c + 1] += t.begin[c];
    std::vector<int64_t> next(t.begin.begin(), t.begin.end() - 1);
    t.column.resize(column.size());
    t.weight.resize(weight.size());
    for (int64_t row = 0; row < rows(); ++row)
      for (int64_t k = begin[static_cast<size_t>(row)]; k < begin[static_cast<size_t>(row) + 1]; ++k) {
        const size_t place = static_cast<size_t>(next[static_cast<size_t>(column[static_cast<size_t>(k)])]++);
        t.column[place] = row;
        t.weight[place] = weight[static_cast<size_t>(k)];
      }
    return t;
  }
};

struct Resampling {
  int64_t in, out;
  std::string_view mode;
  bool align_corners;
  std::optional<double> scale;
  bool antialias;

  // Inputs per output.
  double step() const {
    if (align_corners) return out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0.0;
    return scale ? std::min(1 / *scale, 1e12) : static_cast<double>(in) / static_cast<double>(out);
  }
  double place(int64_t i) const {
    const double s = step();
    return align_corners ? s * static_cast<double>(i) : s * (static_cast<double>(i) + 0.5) - 0.5;
  }
};

int64_t nearest_place(const Resampling& r, int64_t i) {
  const bool exact = r.mode == "nearest-exact";
  if (!r.scale) {  // in whole numbers, so that no boundary is missed
    const int64_t numerator = checked::mul(exact ? 2 * i + 1 : i, r.in), denominator = exact ? 2 * r.out : r.out;
    return std::min(numerator / denominator, r.in - 1);
  }
  const float step = static_cast<float>(1 / *r.scale);
  const float place = std::floor((static_cast<float>(i) + (exact ? 0.5f : 0.0f)) * step);
  return place < static_cast<float>(r.in) ? static_cast<int64_t>(place) : r.in - 1;
}

// Keys' cubic kernel at distance x; `a` is its slope at 1.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

void add_linear(const Resampling& r, int64_t i, SparseRows& rows) {
  const double place = std::clamp(r.place(i), 0.0, static_cast<double>(r.in));
  const int64_t first = std::min(static_cast<int64_t>(place), r.in - 1), second = std::min(first + 1, r.in - 1);
  const double share = std::min(place - static_cast<double>(first), 1.0);
  rows.add(first, 1 - share);
  rows.add(second, share);
}

void add_cubic(const Resampling& r, int64_t i, SparseRows& rows) {
  const double place = std::min(r.place(i), static_cast<double>(r.in) + 1), first = std::floor(place);
  for (int64_t k = -1; k <= 2; ++k)
    rows.add(std::clamp<int64_t>(static_cast<int64_t>(first) + k, 0, r.in - 1),
             cubic(place - first - static_cast<double>(k), -0.75));
}

// A triangle or cubic as wide as the inputs that one output stands for; weights sum to 1.
void add_antialiased(const Resampling& r, int64_t i, SparseRows& rows) {
  const bool is_linear = r.mode == "linear";
  const double step = r.step(), width = std::max(step, 1.0), support = (is_linear ? 1 : 2) * width;
  const double center = step * (static_cast<double>(i) + 0.5), size = static_cast<double>(r.in);
  const int64_t first = static_cast<int64_t>(std::clamp(center - support + 0.5, 0.0, size - 1));
  const int64_t last = static_cast<int64_t>(std::clamp(center + support + 0.5, static_cast<double>(first) + 1, size));
  const size_t begin = rows.weight.size();
  double sum = 0;
  for (int64_t k = first; k < last; ++k) {
    const double x = (static_cast<double>(k) - center + 0.5) / width;
    const double w = is_linear ? std::max(1 - std::abs(x), 0.0) : cubic(x, -0.5);
    rows.add(k, w);
    sum += w;
  }
  for (size_t k = begin; sum != 0 && k < rows.weight.size(); ++k) rows.weight[k] /= sum;
}

SparseRows rows_of(const Resampling& r) {
  SparseRows rows;
  for (int64_t i = 0; i < r.out; ++i) {
    if (r.antialias)
      add_antialiased(r, i, rows);
    else if (r.mode == "linear")
      add_linear(r, i, rows);
    else if (r.mode == "cubic")
      add_cubic(r, i, rows);
    else
      rows.add(nearest_place(r, i), 1);
    rows.end_row();
  }
  return rows;
}

// A matrix in the type of the elements; `taps` if all rows have as many.
template <class T>
struct Matrix {
  explicit Matrix(const SparseRows& rows)
      : begin(rows.begin), column(rows.column), weight(rows.weight.begin(), rows.weight.end()) {
    const int64_t first = rows.rows() > 0 ? begin[1] : 0;
    bool uniform = true;
    for (size_t i = 1; i < begin.size(); ++i) uniform = uniform && begin[i] - begin[i - 1] == first;
    taps = uniform ? first : 0;
  }
  int64_t rows() const { return static_cast<int64_t>(begin.size()) - 1; }
  std::vector<int64_t> begin, column;
  std::vector<T> weight;
  int64_t taps;
};

// Along the last dimension.
template <class T, int taps>
void apply_to_line(const Matrix<T>& m, const T* from, T* to) {
  const int64_t* column = m.column.data();
  const T* weight = m.weight.data();
  for (int64_t i = 0; i < m.rows(); ++i) {
    const int64_t count = taps > 0 ? taps : m.begin[static_cast<size_t>(i) + 1] - m.begin[static_cast<size_t>(i)];
    T sum = 0;
    for (int64_t k = 0; k < count; ++k) sum += *weight++ * from[*column++];
    to[i] = sum;
  }
}
template <class T>
using LineFunction = void (*)(const Matrix<T>&, const T*, T*);
template <class T>
LineFunction<T> line_function(int64_t taps) {
  return taps == 1   ? apply_to_line<T, 1>
         : taps == 2 ? apply_to_line<T, 2>
         : taps == 4 ? apply_to_line<T, 4>
                     : apply_to_line<T, 0>;
}

// One result row, `inner` elements wide.
template <class T>
void apply_to_row(const Matrix<T>& m, int64_t row, int64_t inner, const T* from, T* to) {
  const int64_t first = m.begin[static_cast<size_t>(row)], last = m.begin[static_cast<size_t>(row) + 1];
  std::fill_n(to, inner, T(0));
  for (int64_t k = first; k < last; ++k) {
    const T weight = m.weight[static_cast<size_t>(k)];
    const T* __restrict source = from + m.column[static_cast<size_t>(k)] * inner;
    T* __restrict sum = to;
    for (int64_t i = 0; i < inner; ++i) sum[i] += weight * source[i];
  }
}

void apply(const SparseRows& rows, TensorRef from, int64_t dim, TensorRef to) {
  const tw_dtype dtype = compute_dtype(to.dtype());
  const Tensor source = dense(from, dtype);
  StagedResult result(to, dtype);
  const DimSplit in(from.shape(), dim), out(to.shape(), dim);
  visit_floating("resample", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Matrix<T> m(rows);
    const T* values = source.data<T>();
    T* sums = result.data<T>();
    const int64_t work = static_cast<int64_t>(m.column.size());
    if (in.inner == 1) {
      const LineFunction<T> run = line_function<T>(m.taps);
      parallel_for(0, in.outer, grain_for(work), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) run(m, values + i * in.size, sums + i * out.size);
      });
      return;
    }
    parallel_for(
        0, in.outer * out.size, grain_for(in.inner * std::max<int64_t>(m.taps, 1)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            apply_to_row(m, i % out.size, in.inner, values + i / out.size * in.size * in.inner, sums + i * in.inner);
        });
  });
  result.commit();
}

}  // namespace

void resample(TensorRef self, int64_t dim, int64_t /*size*/, std::string_view mode, bool align_corners,
              std::optional<double> scale, bool antialias, TensorRef out) {
  if (out.numel() == 0) return;
  const int d = static_cast<int>(dim);
  apply(rows_of({self.size(d), out.size(d), mode, align_corners, scale, antialias}), self, dim, out);
}

void resample_backward(TensorRef grad, int64_t dim, int64_t /*input_size*/, std::string_view mode, bool align_corners,
                       std::optional<double> scale, bool antialias, TensorRef out) {
  if (out.numel() == 0) return;
  const int d = static_cast<int>(dim);
  const SparseRows rows = rows_of({out.size(d), grad.size(d), mode, align_corners, scale, antialias});
  apply(rows.transposed(out.size(d)), grad, dim, out);
}

}  // namespace tw::cpu
