// Running sums and products, element after element along one dimension; lines are independent.
#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "kernels.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 64;  // neighbouring lines that advance together

template <class T, class Combine>
void scan_lines(const DimSplit& s, const T* in, T* out, Combine combine) {
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  parallel_for(0, s.outer * strips, grain_for(s.size * std::min(s.inner, kStrip)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kStrip, width = std::min(kStrip, s.inner - first);
      const int64_t base = i / strips * s.size * s.inner + first;
      for (int64_t c = 0; c < width; ++c) out[base + c] = in[base + c];
      for (int64_t k = 1; k < s.size; ++k) {
        const int64_t at = base + k * s.inner;
        for (int64_t c = 0; c < width; ++c) out[at + c] = static_cast<T>(combine(out[at + c - s.inner], in[at + c]));
      }
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
