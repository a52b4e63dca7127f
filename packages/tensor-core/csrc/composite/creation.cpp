// New tensors filled with numbers.
#include <tensorwright/ops/copy.hpp>

#include <cmath>

#include "cpu/cast.h"
#include "cpu/copy.h"
#include "declarations/creation.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/tensor.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

using Dtype = std::optional<tw_dtype>;
using Device = std::optional<tw_device>;
constexpr tw_device kCpu{TW_DEVICE_CPU, 0};

// Its memory is new, so filling it is no write that a graph of derivatives need know of.
Tensor filled(const char* op, IntList size, const Scalar& value, tw_dtype dtype, tw_device device) {
  Tensor out = tw::empty(size, dtype, device);
  if (out.get()->backend == kBackendCpu) {
    alignas(16) char bytes[16];
    cpu::scalar_bytes(op, value, dtype, bytes);
    cpu::fill_elements(out, bytes);
  } else {
    ops::fill_(out, value);
  }
  return out;
}

tw_dtype dtype_of_scalar(const Scalar& value) {
  Promotion promotion;
  promotion.add_scalar(value.value());
  return promotion.result();
}

// A CPU tensor moved to where it was asked for.
Tensor on_device(const Tensor& t, const Device& device) {
  return !device || *device == kCpu ? t : ops::_to_copy(t, std::nullopt, device, false);
}

// n numbers, element i computed by f(i) as a Number and converted to the dtype.
template <class Number, class F>
Tensor sequence(int64_t n, tw_dtype dtype, F&& f) {
  const DtypeId from = std::is_same_v<Number, double> ? DtypeId::kFloat64 : DtypeId::kInt64;
  const cpu::CastFn cast = cpu::cast_function(from, dtype_id(dtype));
  Tensor out = tw::empty({n}, dtype);
  constexpr int64_t kBlock = 512;
  Number block[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = std::min(kBlock, n - begin);
    for (int64_t i = 0; i < count; ++i) block[i] = f(begin + i);
    cast(count, reinterpret_cast<const char*>(block), sizeof(Number), out.data<char>() + begin * item_size(dtype),
         item_size(dtype));
  }
  return out;
}

void require_real(const char* op, const Scalar& s) {
  if (s.is_complex()) throw fail(TW_E_TYPE, op, ": complex numbers have no order");
}

}  // namespace

Tensor empty(IntList size, Dtype dtype, Device device) {
  return tw::empty(size, dtype.value_or(default_dtype()), device.value_or(kCpu));
}
Tensor zeros(IntList size, Dtype dtype, Device device) {
  return filled("zeros", size, 0, dtype.value_or(default_dtype()), device.value_or(kCpu));
}
Tensor ones(IntList size, Dtype dtype, Device device) {
  return filled("ones", size, 1, dtype.value_or(default_dtype()), device.value_or(kCpu));
}
Tensor full(IntList size, const Scalar& fill_value, Dtype dtype, Device device) {
  return filled("full", size, fill_value, dtype ? *dtype : dtype_of_scalar(fill_value), device.value_or(kCpu));
}

Tensor empty_like(TensorRef self, Dtype dtype, Device device) { return new_empty(self, self.shape(), dtype, device); }
Tensor zeros_like(TensorRef self, Dtype dtype, Device device) { return new_zeros(self, self.shape(), dtype, device); }
Tensor ones_like(TensorRef self, Dtype dtype, Device device) { return new_ones(self, self.shape(), dtype, device); }
Tensor full_like(TensorRef self, const Scalar& fill_value, Dtype dtype, Device device) {
  return new_full(self, self.shape(), fill_value, dtype, device);
}

Tensor new_empty(TensorRef self, IntList size, Dtype dtype, Device device) {
  return tw::empty(size, dtype.value_or(self.dtype()), device.value_or(self.device()));
}
Tensor new_zeros(TensorRef self, IntList size, Dtype dtype, Device device) {
  return filled("zeros", size, 0, dtype.value_or(self.dtype()), device.value_or(self.device()));
}
Tensor new_ones(TensorRef self, IntList size, Dtype dtype, Device device) {
  return filled("ones", size, 1, dtype.value_or(self.dtype()), device.value_or(self.device()));
}
Tensor new_full(TensorRef self, IntList size, const Scalar& fill_value, Dtype dtype, Device device) {
  return filled("full", size, fill_value, dtype.value_or(self.dtype()), device.value_or(self.device()));
}

namespace {

Tensor integer_range(int64_t start, int64_t end, int64_t step, tw_dtype dtype) {
  if (step == 0) throw fail(TW_E_VALUE, "arange: step must not be zero");
  const __int128 span = static_cast<__int128>(end) - start;
  const bool empty_range = step > 0 ? span <= 0 : span >= 0;
  const int64_t n = empty_range ? 0 : static_cast<int64_t>((span - (step > 0 ? 1 : -1)) / step + 1);
  return sequence<int64_t>(n, dtype, [=](int64_t i) { return start + i * step; });
}

Tensor real_range(double start, double end, double step, tw_dtype dtype) {
  const double count = std::ceil((end - start) / step);
  if (step == 0 || !std::isfinite(count) || count > 1e15)
    throw fail(TW_E_VALUE, "arange: no finite number of steps leads from ", start, " to ", end, " by ", step);
  return sequence<double>(count > 0 ? static_cast<int64_t>(count) : 0, dtype,
                          [=](int64_t i) { return start + static_cast<double>(i) * step; });
}

}  // namespace

Tensor arange(const Scalar& start, std::optional<Scalar> end, const Scalar& step, Dtype dtype, Device device) {
  const Scalar first = end ? start : Scalar(0), last = end ? *end : start;
  require_real("arange", first), require_real("arange", last), require_real("arange", step);
  const bool real = first.is_float() || last.is_float() || step.is_float();
  const tw_dtype type = dtype.value_or(real ? default_dtype() : kInt64);
  return on_device(real ? real_range(first.real(), last.real(), step.real(), type)
                        : integer_range(first.integer(), last.integer(), step.integer(), type),
                   device);
}

namespace {

template <class F>
Tensor spaced(const Scalar& start, const Scalar& end, int64_t steps, tw_dtype dtype, F&& f) {
  const double a = start.real(), b = end.real(), step = steps > 1 ? (b - a) / static_cast<double>(steps - 1) : 0.0;
  return sequence<double>(steps, dtype, [&](int64_t i) {
    const bool near_start = i < (steps + 1) / 2;
    return f(near_start ? a + static_cast<double>(i) * step : b - static_cast<double>(steps - 1 - i) * step);
  });
}

}  // namespace

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, Dtype dtype, Device device) {
  require_real("linspace", start), require_real("linspace", end);
  return on_device(spaced(start, end, steps, dtype.value_or(default_dtype()), [](double x) { return x; }), device);
}

Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, Dtype dtype, Device device) {
  require_real("logspace", start), require_real("logspace", end);
  return on_device(
      spaced(start, end, steps, dtype.value_or(default_dtype()), [base](double x) { return std::pow(base, x); }),
      device);
}

Tensor eye(int64_t n, std::optional<int64_t> m, Dtype dtype, Device device) {
  const int64_t cols = m.value_or(n);
  const tw_dtype type = dtype.value_or(default_dtype());
  Tensor out = filled("eye", {n, cols}, 0, type, kCpu);
  alignas(16) char one[16];
  cpu::scalar_bytes("eye", 1, type, one);
  const int64_t length = std::min(n, cols);
  cpu::fill_elements(tw::as_strided(out, {length}, {cols + 1}, 0), one);
  return on_device(out, device);
}

}  // namespace tw::composite
