// Indices written on the CPU, then moved to where they were asked for.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>

#include <algorithm>
#include <cmath>

#include "declarations/index_lists.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::composite {

namespace {

using Dtype = std::optional<tw_dtype>;
using Device = std::optional<tw_device>;

struct Span2 {
  int64_t first, last;  // [first, last)
};

// Columns that a row of a triangle takes.
Span2 row_columns(bool lower, int64_t row, int64_t col, int64_t offset) {
  const int64_t diagonal = row + offset;
  return lower ? Span2{0, std::clamp<int64_t>(diagonal + 1, 0, col)}
               : Span2{std::clamp<int64_t>(diagonal, 0, col), col};
}

template <class Integer>
void write_triangle(bool lower, int64_t rows, int64_t cols, int64_t offset, int64_t count, Integer* out) {
  // Rows before or behind these have no columns, and may be many.
  const int64_t first = lower ? std::max<int64_t>(0, -offset) : 0, end = lower ? rows : std::min(rows, cols - offset);
  for (int64_t r = first; r < end; ++r) {
    const Span2 span = row_columns(lower, r, cols, offset);
    for (int64_t c = span.first; c < span.last; ++c, ++out)
      out[0] = static_cast<Integer>(r), out[count] = static_cast<Integer>(c);
  }
}

// Sum over i in [0, n) of clamp(start + i, 0, most); false if it overflows.
bool sum_of_ramp(int64_t start, int64_t n, int64_t most, int64_t* sum) {
  const __int128 zeros = std::clamp<__int128>(-static_cast<__int128>(start), 0, n);
  const __int128 rising_end = std::clamp<__int128>(static_cast<__int128>(most) - start, zeros, n);
  const __int128 rising = rising_end - zeros, first = start + zeros;
  const __int128 total = rising * first + rising * (rising - 1) / 2 +
                         (static_cast<__int128>(n) - rising_end) * static_cast<__int128>(most);
  *sum = static_cast<int64_t>(total);
  return total <= INT64_MAX / 16;
}

Tensor triangle(const char* op, bool lower, int64_t row, int64_t col, int64_t offset, Dtype dtype, Device device) {
  // Beyond the corners of the matrix the offset makes no difference.
  const int64_t shift = std::clamp<int64_t>(offset, checked::sub(checked::neg(row), 1), checked::add(col, 1));
  int64_t below = 0;
  int64_t whole = 0;
  const bool fits =
      sum_of_ramp(lower ? shift + 1 : shift, row, col, &below) && !__builtin_mul_overflow(row, col, &whole);
  if (!fits) throw fail(TW_E_VALUE, op, ": a triangle of ", row, " rows and ", col, " columns has too many elements");
  const int64_t count = lower ? below : whole - below;
  const tw_dtype type = dtype.value_or(kInt64);
  if (device && device->type == TW_DEVICE_META) return tw::empty({2, count}, type, *device);
  const Tensor out = tw::empty({2, count}, type);
  if (count > 0 && type == kInt64) write_triangle(lower, row, col, shift, count, out.data<int64_t>());
  if (count > 0 && type == kInt32) write_triangle(lower, row, col, shift, count, out.data<int32_t>());
  return device ? ops::to_device(out, *device) : out;
}

}  // namespace

Tensor tril_indices(int64_t row, int64_t col, int64_t offset, Dtype dtype, Device device) {
  return triangle("tril_indices", true, row, col, offset, dtype, device);
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, Dtype dtype, Device device) {
  return triangle("triu_indices", false, row, col, offset, dtype, device);
}

std::vector<Tensor> unravel_index(TensorRef indices, IntList shape) {
  int64_t total = 1;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(total, size, &total))
      throw fail(TW_E_VALUE, "unravel_index: shape ", shape, " has more positions than 64 bits count");
  Tensor rest = ops::to_dtype(indices, kInt64);
  if (rest.numel() > 0 && rest.device().type == TW_DEVICE_CPU) {
    const int64_t least = *ops::amin(rest).data<const int64_t>(), most = *ops::amax(rest).data<const int64_t>();
    if (least < 0 || most >= total)
      throw fail(TW_E_INDEX, "unravel_index: position ", least < 0 ? least : most, " is out of range for shape ",
                 shape);
  }
  std::vector<Tensor> coordinates(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    const int64_t size = std::max<int64_t>(shape[d], 1);
    coordinates[d] = ops::remainder(rest, size);
    if (d > 0) rest = ops::floor_divide(rest, size);
  }
  return coordinates;
}

Tensor range(const Scalar& start, const Scalar& end, const Scalar& step, Dtype dtype, Device device) {
  for (const Scalar* s : {&start, &end, &step})
    if (s->is_complex()) throw fail(TW_E_TYPE, "range: complex numbers have no order");
  const double first = start.real(), last = end.real(), by = step.real(), count = std::floor((last - first) / by) + 1;
  if (by == 0) throw fail(TW_E_VALUE, "range: step must not be zero");
  if (!std::isfinite(count) || count > 1e15)
    throw fail(TW_E_VALUE, "range: no finite number of steps leads from ", first, " to ", last, " by ", by);
  if (count < 1) throw fail(TW_E_VALUE, "range: steps of ", by, " do not lead from ", first, " to ", last);
  const Scalar behind(first + (count - 0.5) * by);  // arange leaves its end out
  const tw_dtype type = dtype.value_or(default_dtype());
  if (is_floating(type)) return ops::arange(start, behind, step, type, device);
  return ops::to_dtype(ops::arange(Scalar(first), behind, Scalar(by), kFloat64, device), type);
}

Tensor scalar_tensor(const Scalar& s, Dtype dtype, Device device) {
  return ops::full(IntList(), s, dtype.value_or(default_dtype()), device);
}

}  // namespace tw::composite
