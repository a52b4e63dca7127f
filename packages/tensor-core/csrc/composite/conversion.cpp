// Conversions that return the tensor itself when there is nothing to convert.
#include <tensorwright/ops/copy.hpp>

#include "declarations/copy.h"
#include "runtime/layout.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

using Name = std::optional<std::string_view>;

struct Wanted {
  tw_dtype dtype;
  tw_device device;
  bool non_blocking = false;
  bool copy = false;
  Name format = std::nullopt;
};

Tensor converted(TensorRef self, const Wanted& to) {
  const MemoryFormat format = memory_format("to", to.format, MemoryFormat::kPreserve);
  const bool lies_so = format == MemoryFormat::kPreserve || has_format(self.get(), format);
  if (!to.copy && self.dtype() == to.dtype && self.device() == to.device && lies_so) return Tensor::retain(self);
  return ops::_to_copy(self, to.dtype, to.device, to.non_blocking, to.format);
}

Tensor converted(TensorRef self, tw_dtype dtype) { return converted(self, {dtype, self.device()}); }

}  // namespace

Tensor contents(TensorRef self) { return Tensor::retain(self); }

Tensor contiguous(TensorRef self, Name format_name) {
  const MemoryFormat format = memory_format("contiguous", format_name, MemoryFormat::kContiguous);
  if (format == MemoryFormat::kPreserve)
    throw fail(TW_E_VALUE, "contiguous: preserve_format says nothing of the order; give another memory_format");
  return has_format(self.get(), format) ? Tensor::retain(self)
                                        : ops::clone(self, format_name ? format_name : Name("contiguous_format"));
}

Tensor to_dtype(TensorRef self, tw_dtype dtype, bool non_blocking, bool copy, Name format) {
  return converted(self, {dtype, self.device(), non_blocking, copy, format});
}

Tensor to_device(TensorRef self, std::optional<tw_device> device, std::optional<tw_dtype> dtype, bool non_blocking,
                 bool copy, Name format) {
  return converted(self, {dtype.value_or(self.dtype()), device.value_or(self.device()), non_blocking, copy, format});
}

Tensor to_other(TensorRef self, TensorRef other, bool non_blocking, bool copy, Name format) {
  return converted(self, {other.dtype(), other.device(), non_blocking, copy, format});
}

Tensor type_as(TensorRef self, TensorRef other) { return converted(self, other.dtype()); }
Tensor cpu(TensorRef self) { return converted(self, {self.dtype(), {TW_DEVICE_CPU, 0}}); }

Tensor to_bool(TensorRef self) { return converted(self, kBool); }
Tensor to_uint8(TensorRef self) { return converted(self, kUInt8); }
Tensor to_int8(TensorRef self) { return converted(self, kInt8); }
Tensor to_int16(TensorRef self) { return converted(self, kInt16); }
Tensor to_int32(TensorRef self) { return converted(self, kInt32); }
Tensor to_int64(TensorRef self) { return converted(self, kInt64); }
Tensor to_float16(TensorRef self) { return converted(self, kFloat16); }
Tensor to_bfloat16(TensorRef self) { return converted(self, kBFloat16); }
Tensor to_float32(TensorRef self) { return converted(self, kFloat32); }
Tensor to_float64(TensorRef self) { return converted(self, kFloat64); }
Tensor to_complex64(TensorRef self) { return converted(self, kComplex64); }
Tensor to_complex128(TensorRef self) { return converted(self, kComplex128); }

}  // namespace tw::composite
