#include "cpu/fft/lines.h"

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>

#include "cpu/isa_kernels.h"
#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kLongLine = 4096;          // whose vectors would not stay in the cache
constexpr int64_t kFewLines = 8;             // that would leave lanes empty
constexpr int64_t kWorthTwoSteps = 64;       // for so few
constexpr int64_t kBluesteinRoom = 1 << 20;  // complex numbers of work space at a time

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using Buffer = std::unique_ptr<T, Free>;

// Not initialized, aligned to 64 bytes.
template <class T>
Buffer<T> buffer(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  void* p = std::aligned_alloc(64, std::max<size_t>(bytes, 64));
  if (!p) throw std::bad_alloc();
  return Buffer<T>(static_cast<T*>(p));
}

template <class T>
const T* parts(const std::complex<T>* z) {
  return reinterpret_cast<const T*>(z);
}
template <class T>
T* parts(std::complex<T>* z) {
  return reinterpret_cast<T*>(z);
}

int64_t line_work(int64_t length) {
  return length * static_cast<int64_t>(2 + 2 * std::log2(static_cast<double>(std::max<int64_t>(length, 2))));
}

// ---- as many lines at a time as a vector has lanes ------------------------------------------------------------------

// Where lines that fill the lanes lie: inner neighbours, or lines of different outer indices if there are too few.
struct Grouping {
  int64_t groups, others, lines, line_stride, other_stride;

  Grouping(const LineLayout& s, int64_t lanes) {
    const bool along_inner = s.inner >= s.outer || s.inner >= lanes;
    lines = along_inner ? s.inner : s.outer, others = along_inner ? s.outer : s.inner;
    line_stride = along_inner ? s.inner_stride : s.outer_stride;
    other_stride = along_inner ? s.outer_stride : s.inner_stride;
    groups = (lines + lanes - 1) / lanes;
  }
};

// body(first line, lines, work) for groups of lines that fill the lanes.
template <class T, class Body>
void for_groups(const FftPlan<T>& plan, int64_t groups, Body body) {
  const int64_t lanes = isa_table<FftKernels<T>>().lanes;
  parallel_for(0, groups, grain_for(line_work(plan.length) * lanes), [&](int64_t begin, int64_t end) {
    const Buffer<T> work = buffer<T>((4 * plan.length + 2) * lanes);
    for (int64_t i = begin; i < end; ++i) body(i, work.get());
  });
}

template <class T>
void direct(const FftPlan<T>& plan, const LineLayout& s, const std::complex<T>* in, std::complex<T>* out, bool inverse,
            T scale) {
  const FftKernels<T>& kernels = isa_table<FftKernels<T>>();
  const Grouping g(s, kernels.lanes);
  for_groups(plan, g.groups * g.others, [&](int64_t i, T* work) {
    const int64_t first = i % g.groups * kernels.lanes;
    const int64_t at = i / g.groups * g.other_stride + first * g.line_stride;
    const int64_t count = std::min(kernels.lanes, g.lines - first);
    kernels.transform(plan.tables(),
                      {parts(in + at), s.element_stride, g.line_stride, parts(out + at), s.element_stride,
                       g.line_stride, count, inverse, scale, nullptr, nullptr},
                      work);
  });
}

// ---- one long line in two steps: columns of a matrix, roots, rows (D. Bailey 1990)
// -----------------------------------

template <class T>
class TwoSteps {
 public:
  TwoSteps(const FftPlan<T>& plan, bool inverse, T scale)
      : plan_(plan), inverse_(inverse), scale_(scale), rows_(plan.rows->length), columns_(plan.columns->length) {}

  // The line as a matrix [rows, columns]; `middle` has the line's size.
  void transform(const std::complex<T>* in, std::complex<T>* out, int64_t stride, std::complex<T>* middle) const {
    in_groups(columns_, rows_, [&](int64_t first, int64_t count, T* work, T* twist) {
      const T* factors = twist;
      if (plan_.twists.empty())
        fill_twist(plan_, first, kernels_.lanes, twist);
      else
        factors = plan_.twists.data() + 2 * rows_ * first;
      kernels_.transform(plan_.rows->tables(),
                         {parts(in + first * stride), columns_ * stride, stride, parts(middle + first), columns_, 1,
                          count, inverse_, T(1), factors, nullptr},
                         work);
    });
    in_groups(rows_, columns_, [&](int64_t first, int64_t count, T* work, T*) {
      kernels_.transform(plan_.columns->tables(),
                         {parts(middle + first * columns_), 1, columns_, parts(out + first * stride), rows_ * stride,
                          stride, count, inverse_, scale_, nullptr, nullptr},
                         work);
    });
  }

 private:
  template <class Body>
  void in_groups(int64_t lines, int64_t length, Body body) const {
    const int64_t lanes = kernels_.lanes, groups = (lines + lanes - 1) / lanes;
    parallel_for(0, groups, grain_for(line_work(length) * lanes), [&](int64_t begin, int64_t end) {
      const Buffer<T> work = buffer<T>((4 * length + 2) * lanes), twist = buffer<T>(2 * length * lanes);
      for (int64_t g = begin; g < end; ++g)
        body(g * lanes, std::min(lanes, lines - g * lanes), work.get(), twist.get());
    });
  }

  const FftKernels<T>& kernels_ = isa_table<FftKernels<T>>();
  const FftPlan<T>& plan_;
  bool inverse_;
  T scale_;
  int64_t rows_, columns_;
};

template <class T>
void in_two_steps(const FftPlan<T>& plan, const LineLayout& s, const std::complex<T>* in, std::complex<T>* out,
                  bool inverse, T scale) {
  const TwoSteps<T> steps(plan, inverse, scale);
  const Buffer<std::complex<T>> middle = buffer<std::complex<T>>(plan.length);
  for (int64_t i = 0; i < s.count(); ++i) {
    const int64_t at = i / s.inner * s.outer_stride + i % s.inner * s.inner_stride;
    steps.transform(in + at, out + at, s.element_stride, middle.get());
  }
}

// ---- any length: L. Bluestein 1970 ----------------------------------------------------------------------------------

template <class T>
std::complex<T> times(std::complex<T> a, std::complex<T> b) {  // without C's care for infinities
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
template <class T>
std::complex<T> exchanged(std::complex<T> z, bool exchange) {
  return exchange ? std::complex<T>(z.imag(), z.real()) : z;
}

template <class T>
void bluestein(const FftPlan<T>& plan, const LineLayout& s, const std::complex<T>* in, std::complex<T>* out,
               bool inverse, T scale) {
  using C = std::complex<T>;
  const int64_t n = plan.length, m = plan.convolution->length;
  const int64_t together = std::max<int64_t>(1, std::min(s.count(), kBluesteinRoom / m));
  const auto longer = plan_for_lines<T>(m, together);
  const Buffer<C> room = buffer<C>(together * m);
  for (int64_t first = 0; first < s.count(); first += together) {
    const int64_t count = std::min(together, s.count() - first);
    const auto at = [&](int64_t i) {
      return (first + i) / s.inner * s.outer_stride + (first + i) % s.inner * s.inner_stride;
    };
    const auto for_lines = [&](auto&& body) {
      parallel_for(0, count, grain_for(4 * m), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) body(room.get() + i * m, at(i));
      });
    };
    const LineLayout lines{count, 1, m, 0, 1};
    for_lines([&](C* z, int64_t start) {
      for (int64_t k = 0; k < n; ++k)
        z[k] = times(exchanged(in[start + k * s.element_stride], inverse), plan.chirp[static_cast<size_t>(k)]);
      std::fill(z + n, z + m, C());
    });
    transform_lines<T>(*longer, lines, room.get(), room.get(), false, T(1));
    for_lines([&](C* z, int64_t) {
      for (int64_t k = 0; k < m; ++k) z[k] = times(z[k], plan.filter[static_cast<size_t>(k)]);
    });
    transform_lines<T>(*longer, lines, room.get(), room.get(), true, T(1));
    for_lines([&](const C* z, int64_t start) {
      for (int64_t k = 0; k < n; ++k)
        out[start + k * s.element_stride] = exchanged(times(z[k], plan.chirp[static_cast<size_t>(k)]) * scale, inverse);
    });
  }
}

}  // namespace

template <class T>
void transform_lines(const FftPlan<T>& plan, const LineLayout& layout, const std::complex<T>* in, std::complex<T>* out,
                     bool inverse, T scale) {
  if (layout.count() == 0) return;
  if (plan.is_bluestein()) return bluestein(plan, layout, in, out, inverse, scale);
  if (plan.has_two_steps()) return in_two_steps(plan, layout, in, out, inverse, scale);
  direct(plan, layout, in, out, inverse, scale);
}

template <class T>
void transform_real_lines(const FftPlan<T>& plan, int64_t count, const T* in, T* out, bool inverse, T scale) {
  const FftKernels<T>& kernels = isa_table<FftKernels<T>>();
  const int64_t in_line = plan.length + (inverse ? 1 : 0), out_line = plan.length + (inverse ? 0 : 1);
  const auto roots = half_roots<T>(2 * plan.length);
  for_groups(plan, (count + kernels.lanes - 1) / kernels.lanes, [&](int64_t i, T* work) {
    const int64_t first = i * kernels.lanes, lines = std::min(kernels.lanes, count - first);
    kernels.transform(plan.tables(),
                      {in + 2 * first * in_line, 1, in_line, out + 2 * first * out_line, 1, out_line, lines, inverse,
                       scale, nullptr, parts(roots->data())},
                      work);
  });
}

template <class T>
std::shared_ptr<const FftPlan<T>> plan_for_lines(int64_t length, int64_t lines) {
  // The choice does not look at the lanes, so that results are the same on every instruction set.
  const bool split = length > kLongLine || (length >= kWorthTwoSteps && lines < kFewLines);
  return fft_plan<T>(length, split);
}

template void transform_lines<float>(const FftPlan<float>&, const LineLayout&, const std::complex<float>*,
                                     std::complex<float>*, bool, float);
template void transform_lines<double>(const FftPlan<double>&, const LineLayout&, const std::complex<double>*,
                                      std::complex<double>*, bool, double);
template void transform_real_lines<float>(const FftPlan<float>&, int64_t, const float*, float*, bool, float);
template void transform_real_lines<double>(const FftPlan<double>&, int64_t, const double*, double*, bool, double);
template std::shared_ptr<const FftPlan<float>> plan_for_lines<float>(int64_t, int64_t);
template std::shared_ptr<const FftPlan<double>> plan_for_lines<double>(int64_t, int64_t);

}  // namespace tw::cpu
