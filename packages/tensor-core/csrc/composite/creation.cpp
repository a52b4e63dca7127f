// New tensors filled with numbers.
#include <tensorwright/checked.hpp>
#include <tensorwright/ops/copy.hpp>

#include <algorithm>
#include <cmath>

#include "cpu/copies/cast.h"
#include "cpu/copies/copy.h"
#include "declarations/creation.h"
#include "runtime/allocator.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/layout.h"
#include "runtime/tensor.h"
#include "runtime/text.h"
#include "threads/pool.h"
#include "view/geometry.h"

namespace tw::composite {

namespace {

using Dtype = std::optional<tw_dtype>;
using Device = std::optional<tw_device>;
using Format = std::optional<std::string_view>;
constexpr tw_device kCpu{TW_DEVICE_CPU, 0};

// Its memory is new, so filling it is no write that a graph of derivatives need know of.
Tensor fill(const char* op, Tensor out, const Scalar& value) {
  if (out.get()->backend == kBackendCpu) {
    alignas(16) char bytes[16];
    cpu::scalar_bytes(op, value, out.dtype(), bytes);
    const TensorBlock* storage = storage_of(out.get());
    constexpr uint64_t kLarge = uint64_t{64} << 20;
    const bool large = storage->kind == StorageKind::kHost && storage->nbytes >= kLarge;
    if (large && std::all_of(bytes, bytes + item_size(out.dtype()), [](char c) { return c == 0; }))
      host_zero(storage->allocation, storage->nbytes);
    else
      cpu::fill_elements(out, bytes);
  } else {
    ops::fill_(out, value);
  }
  return out;
}

Tensor filled(const char* op, IntList size, const Scalar& value, tw_dtype dtype, tw_device device) {
  return fill(op, tw::empty(size, dtype, device), value);
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

bool is_meta(const Device& device) { return device && device->type == TW_DEVICE_META; }

// n numbers, element i computed by f(i) as a Number and converted to the dtype.
template <class Number, class F>
Tensor sequence(int64_t n, tw_dtype dtype, const Device& device, F&& f) {
  if (is_meta(device)) return tw::empty({n}, dtype, {TW_DEVICE_META, 0});
  const DtypeId from = std::is_same_v<Number, double> ? DtypeId::kFloat64 : DtypeId::kInt64;
  const cpu::CastFn cast = cpu::cast_function(from, dtype_id(dtype));
  Tensor out = tw::empty({n}, dtype);
  constexpr int64_t kBlock = 512, kPiece = 64 * kBlock;
  parallel_for(0, out.numel(), kPiece, [&](int64_t first, int64_t last) {
    Number block[kBlock];
    for (int64_t begin = first; begin < last; begin += kBlock) {
      const int64_t count = std::min(kBlock, last - begin);
      for (int64_t i = 0; i < count; ++i) block[i] = f(begin + i);
      cast(count, reinterpret_cast<const char*>(block), sizeof(Number), out.data<char>() + begin * item_size(dtype),
           item_size(dtype));
    }
  });
  return on_device(out, device);
}

void require_real(const char* op, const Scalar& s) {
  if (s.is_complex()) throw fail(TW_E_TYPE, op, ": complex numbers have no order");
}

}  // namespace

Tensor empty(IntList size, Dtype dtype, Device device, Format format_name) {
  const tw_dtype type = dtype.value_or(default_dtype());
  const MemoryFormat format = memory_format("empty", format_name, MemoryFormat::kContiguous);
  if (format == MemoryFormat::kPreserve)
    throw fail(TW_E_VALUE, "empty: preserve_format needs a tensor to follow; use empty_like");
  if (format == MemoryFormat::kContiguous) return tw::empty(size, type, device.value_or(kCpu));
  int64_t strides[TW_MAX_NDIM];
  format_strides("empty", format, size, nullptr, strides);
  return tw::empty_strided(size, {strides, size.size()}, type, device.value_or(kCpu));
}

Tensor empty_strided(IntList size, IntList stride, Dtype dtype, Device device) {
  return tw::empty_strided(size, stride, dtype.value_or(default_dtype()), device.value_or(kCpu));
}

Tensor empty_permuted(IntList size, IntList physical_layout, Dtype dtype, Device device) {
  std::vector<int64_t> strides(size.size());
  int64_t step = 1;
  for (size_t i = size.size(); i-- > 0;) {
    const int d = view::normalize_dim("empty_permuted", physical_layout[i], static_cast<int>(size.size()));
    strides[static_cast<size_t>(d)] = step;
    if (__builtin_mul_overflow(step, std::max<int64_t>(size[static_cast<size_t>(d)], 1), &step))
      throw fail(TW_E_VALUE, "empty_permuted: shape ", size, " is too large: its number of elements overflows 64 bits");
  }
  return tw::empty_strided(size, strides, dtype.value_or(default_dtype()), device.value_or(kCpu));
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

Tensor empty_like(TensorRef self, Dtype dtype, Device device, Format format) {
  return empty_formatted("empty_like", self, dtype.value_or(self.dtype()), device.value_or(self.device()),
                         memory_format("empty_like", format, MemoryFormat::kPreserve));
}

namespace {

Tensor filled_like(const char* op, TensorRef self, const Scalar& value, Dtype dtype, Device device, Format format) {
  const tw_dtype type = dtype.value_or(self.dtype());
  const tw_device place = device.value_or(self.device());
  if (!format && self.is_contiguous()) return filled(op, self.shape(), value, type, place);
  return fill(op, empty_formatted(op, self, type, place, memory_format(op, format, MemoryFormat::kPreserve)), value);
}

}  // namespace

Tensor zeros_like(TensorRef self, Dtype dtype, Device device, Format format) {
  return filled_like("zeros_like", self, 0, dtype, device, format);
}
Tensor ones_like(TensorRef self, Dtype dtype, Device device, Format format) {
  return filled_like("ones_like", self, 1, dtype, device, format);
}
Tensor full_like(TensorRef self, const Scalar& fill_value, Dtype dtype, Device device, Format format) {
  return filled_like("full_like", self, fill_value, dtype, device, format);
}

Tensor new_empty_strided(TensorRef self, IntList size, IntList stride, Dtype dtype, Device device) {
  return tw::empty_strided(size, stride, dtype.value_or(self.dtype()), device.value_or(self.device()));
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

Tensor integer_range(int64_t start, int64_t end, int64_t step, tw_dtype dtype, const Device& device) {
  if (step == 0) throw fail(TW_E_VALUE, "arange: step must not be zero");
  const __int128 span = static_cast<__int128>(end) - start;
  const bool empty_range = step > 0 ? span <= 0 : span >= 0;
  const int64_t n = empty_range ? 0 : static_cast<int64_t>((span - (step > 0 ? 1 : -1)) / step + 1);
  return sequence<int64_t>(n, dtype, device, [=](int64_t i) { return start + i * step; });
}

Tensor real_range(double start, double end, double step, tw_dtype dtype, const Device& device) {
  const double count = std::ceil((end - start) / step);
  if (step == 0 || !std::isfinite(count) || count > 1e15)
    throw fail(TW_E_VALUE, "arange: no finite number of steps leads from ", start, " to ", end, " by ", step);
  return sequence<double>(count > 0 ? static_cast<int64_t>(count) : 0, dtype, device,
                          [=](int64_t i) { return start + static_cast<double>(i) * step; });
}

}  // namespace

Tensor arange(const Scalar& start, std::optional<Scalar> end, const Scalar& step, Dtype dtype, Device device) {
  const Scalar first = end ? start : Scalar(0), last = end ? *end : start;
  require_real("arange", first), require_real("arange", last), require_real("arange", step);
  const bool real = first.is_float() || last.is_float() || step.is_float();
  const tw_dtype type = dtype.value_or(real ? default_dtype() : kInt64);
  return real ? real_range(first.real(), last.real(), step.real(), type, device)
              : integer_range(first.integer(), last.integer(), step.integer(), type, device);
}

namespace {

template <class F>
Tensor spaced(const Scalar& start, const Scalar& end, int64_t steps, tw_dtype dtype, const Device& device, F&& f) {
  const double a = start.real(), b = end.real(), step = steps > 1 ? (b - a) / static_cast<double>(steps - 1) : 0.0;
  return sequence<double>(steps, dtype, device, [&](int64_t i) {
    const bool near_start = i < steps / 2 + steps % 2;
    return f(near_start ? a + static_cast<double>(i) * step : b - static_cast<double>(steps - 1 - i) * step);
  });
}

}  // namespace

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, Dtype dtype, Device device) {
  require_real("linspace", start), require_real("linspace", end);
  return spaced(start, end, steps, dtype.value_or(default_dtype()), device, [](double x) { return x; });
}

Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, Dtype dtype, Device device) {
  require_real("logspace", start), require_real("logspace", end);
  return spaced(start, end, steps, dtype.value_or(default_dtype()), device,
                [base](double x) { return std::pow(base, x); });
}

Tensor eye(int64_t n, std::optional<int64_t> m, Dtype dtype, Device device) {
  const int64_t cols = m.value_or(n);
  const tw_dtype type = dtype.value_or(default_dtype());
  if (is_meta(device)) return tw::empty({n, cols}, type, {TW_DEVICE_META, 0});
  Tensor out = filled("eye", {n, cols}, 0, type, kCpu);
  alignas(16) char one[16];
  cpu::scalar_bytes("eye", 1, type, one);
  const Tensor diagonal = tw::as_strided(out, {std::min(n, cols)}, {checked::add(cols, 1)}, 0);
  const int64_t item = item_size(type), step = diagonal.stride(0) * item;
  threads::Paces paces;  // each of a large matrix's rows is a page that the system has to find
  for (int64_t i = 0; i < diagonal.numel(); ++i) {
    std::memcpy(diagonal.data<char>() + i * step, one, static_cast<size_t>(item));
    paces.took(out.size(1));
  }
  return on_device(out, device);
}

}  // namespace tw::composite
