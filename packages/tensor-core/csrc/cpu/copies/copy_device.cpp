// The kernels of facets/copy.yaml, which take tensors of any device.
#include <cmath>
#include <cstring>

#include "cpu/copies/cast.h"
#include "cpu/copies/copy.h"
#include "declarations/copy.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/layout.h"
#include "runtime/text.h"

namespace tw::cpu {

namespace {

bool on_cpu(TensorRef t) { return t.get()->backend == kBackendCpu; }

Tensor on_host(TensorRef t, bool non_blocking) {
  Tensor host = empty(t.shape(), t.dtype());
  copy_across(host, t, non_blocking);
  return host;
}

Tensor broadcast(TensorRef t, IntList shape) {
  const int lead = static_cast<int>(shape.size()) - t.ndim();
  std::vector<int64_t> strides(shape.size(), 0);
  for (int d = 0; d < t.ndim(); ++d) strides[lead + d] = t.size(d) == 1 ? 0 : t.stride(d);
  return as_strided(t, shape, strides, 0);
}

void device_copy(uint32_t backend, TensorRef dst, TensorRef src, bool non_blocking) {
  const tw_device_if* iface = device_type(backend).iface;
  check(iface->copy(iface->self, &dst.get()->dl, &src.get()->dl, nullptr, non_blocking ? TW_COPY_NON_BLOCKING : 0));
}

}  // namespace

void copy_across(TensorRef dst, TensorRef src, bool non_blocking) {
  if (on_cpu(dst) && on_cpu(src)) return copy_elements(dst, src);
  const uint32_t to = dst.get()->backend, from = src.get()->backend;
  if (to == kBackendMeta || dst.numel() == 0) return;
  if (from == kBackendMeta) throw fail(TW_E_DEVICE, "copy: a tensor on the meta device has no data");
  if (dst.dtype() != src.dtype()) {  // conversions happen here, whatever the device
    const Tensor host = on_cpu(src) ? Tensor::retain(src) : on_host(src, false);
    Tensor converted = empty(src.shape(), dst.dtype());
    copy_elements(converted, host);
    return copy_across(dst, converted, non_blocking);
  }
  if (!on_cpu(dst) && !on_cpu(src) && to != from) return copy_across(dst, on_host(src, false), non_blocking);
  device_copy(on_cpu(dst) ? from : to, dst, broadcast(src, dst.shape()), non_blocking);
}

void copy(TensorRef, TensorRef src, bool non_blocking, TensorRef out) { copy_across(out, src, non_blocking); }

void clone(TensorRef self, std::optional<std::string_view>, TensorRef out) { copy_across(out, self, false); }

Tensor _to_copy(TensorRef self, std::optional<tw_dtype> dtype, std::optional<tw_device> device, bool non_blocking,
                std::optional<std::string_view> format) {
  const MemoryFormat wanted = memory_format("to", format, MemoryFormat::kPreserve);
  Tensor out = empty_formatted("to", self, dtype.value_or(self.dtype()), device.value_or(self.device()), wanted);
  copy_across(out, self, non_blocking);
  return out;
}

void fill(TensorRef, const Operand& value, TensorRef out) {
  alignas(16) char bytes[16];
  if (value.is_tensor()) {
    const TensorRef t = value.tensor();
    if (t.numel() != 1) throw fail(TW_E_SHAPE, "fill: value must have one element, it has shape ", t.shape());
    const Tensor host = on_cpu(t) ? Tensor::retain(t) : on_host(t, false);
    cast_function(dtype_id(t.dtype()), dtype_id(out.dtype()))(1, host.data<char>(), 0, bytes, 16);
  } else {
    scalar_bytes("fill", value.scalar(), out.dtype(), bytes);
  }
  if (on_cpu(out)) return fill_elements(out, bytes);
  Tensor one = empty({}, out.dtype());
  std::memcpy(one.data<char>(), bytes, item_size(out.dtype()));
  copy_across(out, one, false);
}

void zero(TensorRef self, TensorRef out) { fill(self, Operand(0), out); }

namespace {

// Half-open bounds of the integers that a dtype holds; as doubles they are exact.
void check_range(const char* op, const Scalar& value, tw_dtype dtype) {
  if (!is_integral(dtype)) return;
  const double low = dtype.code == TW_DT_UINT ? 0.0 : -std::ldexp(1.0, dtype.bits - 1);
  const double high = std::ldexp(1.0, dtype.code == TW_DT_UINT ? dtype.bits : dtype.bits - 1);
  const double x = value.real();
  const bool whole = !value.is_float() && !value.is_complex();
  const bool exact =
      whole && (dtype.bits == 64 && dtype.code == TW_DT_INT ? !value.is_unsigned() : x >= low && x < high);
  const bool fits = whole ? exact || (dtype == kUInt64 && value.is_unsigned()) : x > low - 1 && x < high;
  if (!fits) throw fail(TW_E_VALUE, op, ": ", value, " does not fit ", dtype);
}

}  // namespace

void scalar_bytes(const char* op, const Scalar& value, tw_dtype dtype, void* out) {
  check_range(op, value, dtype);
  const DtypeId to = dtype_id(dtype);
  char* bytes = static_cast<char*>(out);
  if (value.is_complex()) {
    if (!is_complex(dtype)) throw fail(TW_E_TYPE, op, ": a complex number cannot be stored as ", dtype);
    const double parts[2] = {value.real(), value.imag()};
    cast_function(DtypeId::kComplex128, to)(1, reinterpret_cast<const char*>(parts), 0, bytes, 16);
  } else if (value.is_float()) {
    const double x = value.real();
    cast_function(DtypeId::kFloat64, to)(1, reinterpret_cast<const char*>(&x), 0, bytes, 16);
  } else {
    const int64_t i = value.integer();
    cast_function(value.is_unsigned() ? DtypeId::kUInt64 : DtypeId::kInt64, to)(1, reinterpret_cast<const char*>(&i), 0,
                                                                                bytes, 16);
  }
}

}  // namespace tw::cpu
