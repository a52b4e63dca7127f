// Running sums and products, element after element along one dimension; lines are independent.
#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/scan.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 64;  // neighbouring lines that advance together

// Elements [first, last) of `rows` neighbouring contiguous lines; their running values stay in registers.
template <int rows, class T, class Combine>
void scan_piece(int64_t first, int64_t last, int64_t size, const T* in, T* out, Combine combine) {
  T running[rows];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) running[r] = out[r * size + first - 1];
  for (int64_t k = first; k < last; ++k)
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      running[r] = static_cast<T>(combine(running[r], in[r * size + k]));
      out[r * size + k] = running[r];
    }
}

template <int rows, class T, class Combine>
void scan_bundle(int64_t size, const T* in, T* out, Combine combine) {
  for (int r = 0; r < rows; ++r) out[r * size] = in[r * size];
  threads::for_pieces(1, size,
                      [&](int64_t first, int64_t last) { scan_piece<rows>(first, last, size, in, out, combine); });
}

// Lines that are contiguous, a few at a time: one alone would wait for each addition.
template <class T, class Combine>
void scan_rows(const DimSplit& s, const T* in, T* out, Combine combine) {
  constexpr int64_t kTogether = 4;
  const int64_t bundles = (s.outer + kTogether - 1) / kTogether;
  parallel_for(0, bundles, grain_for(s.size * kTogether), [&](int64_t begin, int64_t end) {
    int64_t row = begin * kTogether;
    const int64_t last = std::min(end * kTogether, s.outer);
    for (; row + kTogether <= last; row += kTogether)
      scan_bundle<kTogether>(s.size, in + row * s.size, out + row * s.size, combine);
    for (; row < last; ++row) scan_bundle<1>(s.size, in + row * s.size, out + row * s.size, combine);
  });
}

template <class T, class Combine>
void scan_lines(const DimSplit& s, const T* in, T* out, Combine combine) {
  if (s.inner == 1) return scan_rows(s, in, out, combine);
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  parallel_for(0, s.outer * strips, grain_for(s.size * std::min(s.inner, kStrip)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kStrip, width = std::min(kStrip, s.inner - first);
      const int64_t base = i / strips * s.size * s.inner + first;
      for (int64_t c = 0; c < width; ++c) out[base + c] = in[base + c];
      threads::for_pieces(1, s.size, [&](int64_t first_row, int64_t last_row) {
        for (int64_t k = first_row; k < last_row; ++k) {
          const int64_t at = base + k * s.inner;
          for (int64_t c = 0; c < width; ++c) out[at + c] = static_cast<T>(combine(out[at + c - s.inner], in[at + c]));
        }
      });
    }
  });
}

template <class Combine>
void scan(const char* op, TensorRef self, int64_t dim, TensorRef out, Combine combine) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self.dtype() == out.dtype() ? self : dense(self, out.dtype()), dtype);
  StagedResult result(out, dtype);
  visit_arithmetic(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    scan_lines(DimSplit(self.shape(), dim), input.data<T>(), result.data<T>(), combine);
  });
  result.commit();
}

}  // namespace

void cumsum(TensorRef self, int64_t dim, std::optional<tw_dtype>, TensorRef out) {
  scan("cumsum", self, dim, out, [](auto a, auto b) { return a + b; });
}

void cumprod(TensorRef self, int64_t dim, std::optional<tw_dtype>, TensorRef out) {
  scan("cumprod", self, dim, out, [](auto a, auto b) { return a * b; });
}

}  // namespace tw::cpu
