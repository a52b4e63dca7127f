// Conversions that return the tensor itself when there is nothing to convert.
#include <tensorwright/ops/copy.hpp>

#include "declarations/copy.h"

namespace tw::composite {

namespace {

Tensor converted(TensorRef self, tw_dtype dtype, tw_device device, bool non_blocking, bool copy) {
  if (!copy && self.dtype() == dtype && self.device() == device) return Tensor::retain(self);
  return ops::_to_copy(self, dtype, device, non_blocking);
}

Tensor converted(TensorRef self, tw_dtype dtype) { return converted(self, dtype, self.device(), false, false); }

}  // namespace

Tensor contiguous(TensorRef self) { return self.is_contiguous() ? Tensor::retain(self) : ops::clone(self); }

Tensor to_dtype(TensorRef self, tw_dtype dtype, bool non_blocking, bool copy) {
  return converted(self, dtype, self.device(), non_blocking, copy);
}

Tensor to_device(TensorRef self, std::optional<tw_device> device, std::optional<tw_dtype> dtype, bool non_blocking,
                 bool copy) {
  return converted(self, dtype.value_or(self.dtype()), device.value_or(self.device()), non_blocking, copy);
}

Tensor to_other(TensorRef self, TensorRef other, bool non_blocking, bool copy) {
  return converted(self, other.dtype(), other.device(), non_blocking, copy);
}

Tensor type_as(TensorRef self, TensorRef other) { return converted(self, other.dtype()); }
Tensor cpu(TensorRef self) { return converted(self, self.dtype(), {TW_DEVICE_CPU, 0}, false, false); }

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

}  // namespace tw::composite
