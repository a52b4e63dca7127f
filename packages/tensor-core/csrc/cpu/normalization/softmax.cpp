// softmax and log_softmax with their gradients, line by line along one dimension.
#include "cpu/copies/movement.h"
#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/normalization/rows.h"
#include "cpu/staging.h"
#include "declarations/normalization.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 16;  // neighbouring lines that are gathered together where lines are not contiguous
constexpr int64_t kWide = 32;   // lines that are worth going down side by side, where there is a kernel for it

// Calls f(rows, elements from one to the next, buffers) with up to kStrip lines of each input copied to rows of a
// buffer, and copies the result back from the last one; for all neighbouring lines but the first `done`.
template <class T, int Inputs, class F>
void for_strided_lines(const DimSplit& s, int64_t done, const T* const (&in)[Inputs], T* out, F f) {
  constexpr int64_t kItem = sizeof(T);
  const TransposeKernel transpose = kItem == 4 ? movement_kernels().transpose_32 : movement_kernels().transpose_64;
  const int64_t strips = (s.inner - done + kStrip - 1) / kStrip;
  const int64_t pitch = s.size + 64 / kItem;  // not a power of two, lest all rows compete for the same cache lines
  parallel_for(0, s.outer * strips, grain_for(s.size * kStrip * 8), [&](int64_t begin, int64_t end) {
    std::vector<T> rows(static_cast<size_t>((Inputs + 1) * kStrip * pitch));
    T* buffers[Inputs + 1];
    for (int k = 0; k <= Inputs; ++k) buffers[k] = rows.data() + k * kStrip * pitch;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = done + i % strips * kStrip, width = std::min(kStrip, s.inner - first);
      const int64_t base = i / strips * s.size * s.inner + first;
      for (int k = 0; k < Inputs; ++k)
        transpose(s.size, width, reinterpret_cast<const char*>(in[k] + base), s.inner * kItem,
                  reinterpret_cast<char*>(buffers[k]), pitch * kItem);
      f(width, pitch, buffers);
      transpose(width, s.size, reinterpret_cast<const char*>(buffers[Inputs]), pitch * kItem,
                reinterpret_cast<char*>(out + base), s.inner * kItem);
    }
  });
}

// Calls f(lines, place of the first one) for strips of neighbouring lines; returns how many of them that were.
template <class T, class F>
int64_t for_column_strips(const DimSplit& s, F f) {
  constexpr int64_t kColumns = kSoftmaxStrip / static_cast<int64_t>(sizeof(T));
  const int64_t whole = s.inner / kStrip * kStrip, strips = (whole + kColumns - 1) / kColumns;
  parallel_for(0, s.outer * strips, grain_for(s.size * kColumns * 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % strips * kColumns;
      f(std::min(kColumns, whole - first), i / strips * s.size * s.inner + first);
    }
  });
  return whole;
}

template <class T, class Kernel, class Columns>
void map_lines(const DimSplit& s, const T* in, T* out, Kernel kernel, Columns columns) {
  int64_t done = 0;
  if (columns && s.inner >= kWide)
    done = for_column_strips<T>(s, [&](int64_t n, int64_t at) { columns(s.size, n, s.inner, in + at, out + at); });
  if (s.inner > 1) {
    const T* const inputs[] = {in};
    return for_strided_lines<T, 1>(
        s, done, inputs, out, [&](int64_t rows, int64_t step, T* const* b) { kernel(rows, s.size, step, b[0], b[1]); });
  }
}

template <class T, class Kernel, class Columns>
void map_line_pairs(const DimSplit& s, const T* a, const T* b, T* out, Kernel kernel, Columns columns) {
  int64_t done = 0;
  if (columns && s.inner >= kWide)
    done =
        for_column_strips<T>(s, [&](int64_t n, int64_t at) { columns(s.size, n, s.inner, a + at, b + at, out + at); });
  if (s.inner > 1) {
    const T* const inputs[] = {a, b};
    return for_strided_lines<T, 2>(s, done, inputs, out, [&](int64_t rows, int64_t step, T* const* buffers) {
      kernel(rows, s.size, step, buffers[0], buffers[1], buffers[2]);
    });
  }
}

// The same for lines that are rows.
template <class T, class Kernel>
void map_rows(const DimSplit& s, TensorRef in, TensorRef out, Kernel kernel) {
  parallel_for(0, s.outer, rows_for(s.size), [&](int64_t begin, int64_t end) {
    const tw_dtype dtype = compute_dtype(out.dtype());
    const StagedRows from(in, s.size, dtype), to(out, s.size, dtype);
    for_staged_rows(begin, end, s.size, from.direct() && to.direct(), [&](int64_t row, int64_t count) {
      kernel(count, s.size, s.size, from.read<T>(row, count), to.place<T>(row));
      to.write(row, count);
    });
  });
}

template <class T, class Kernel>
void map_row_pairs(const DimSplit& s, TensorRef a, TensorRef b, TensorRef out, Kernel kernel) {
  parallel_for(0, s.outer, rows_for(s.size), [&](int64_t begin, int64_t end) {
    const tw_dtype dtype = compute_dtype(out.dtype());
    const StagedRows first(a, s.size, dtype), second(b, s.size, dtype), to(out, s.size, dtype);
    const bool direct = first.direct() && second.direct() && to.direct();
    for_staged_rows(begin, end, s.size, direct, [&](int64_t row, int64_t count) {
      kernel(count, s.size, s.size, first.read<T>(row, count), second.read<T>(row, count), to.place<T>(row));
      to.write(row, count);
    });
  });
}

enum class Kind { kSoftmax, kLogSoftmax };

void forward(const char* op, Kind kind, TensorRef self, int64_t dim, TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(out.dtype());
  const DimSplit s(self.shape(), dim);
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<SoftmaxKernels<T>>();
    const auto rows = kind == Kind::kSoftmax ? kernels.softmax : kernels.log_softmax;
    if (s.inner == 1) return map_rows<T>(s, dense(self), out, rows);
    const Tensor input = dense(self, dtype);
    StagedResult result(out, dtype);
    map_lines(s, input.data<T>(), result.data<T>(), rows,
              kind == Kind::kSoftmax ? kernels.softmax_columns : kernels.log_softmax_columns);
    result.commit();
  });
}

void backward(const char* op, Kind kind, TensorRef grad, TensorRef y, int64_t dim, TensorRef out) {
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(out.dtype());
  const DimSplit s(grad.shape(), dim);
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto& kernels = isa_table<SoftmaxKernels<T>>();
    const auto rows = kind == Kind::kSoftmax ? kernels.softmax_backward : kernels.log_softmax_backward;
    if (s.inner == 1) return map_row_pairs<T>(s, dense(grad), dense(y), out, rows);
    const Tensor grads = dense(grad, dtype), values = dense(y, dtype);
    StagedResult result(out, dtype);
    map_line_pairs(s, grads.data<T>(), values.data<T>(), result.data<T>(), rows,
                   kind == Kind::kSoftmax ? kernels.softmax_columns_backward : kernels.log_softmax_columns_backward);
    result.commit();
  });
}

}  // namespace

void softmax(TensorRef self, int64_t dim, std::optional<tw_dtype> /*dtype: of the result*/, TensorRef out) {
  forward("softmax", Kind::kSoftmax, self, dim, out);
}
void log_softmax(TensorRef self, int64_t dim, std::optional<tw_dtype> /*dtype: of the result*/, TensorRef out) {
  forward("log_softmax", Kind::kLogSoftmax, self, dim, out);
}
void softmax_backward(TensorRef grad, TensorRef result, int64_t dim, TensorRef out) {
  backward("softmax_backward", Kind::kSoftmax, grad, result, dim, out);
}
void log_softmax_backward(TensorRef grad, TensorRef result, int64_t dim, TensorRef out) {
  backward("log_softmax_backward", Kind::kLogSoftmax, grad, result, dim, out);
}

}  // namespace tw::cpu
