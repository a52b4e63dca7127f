// The parts of complex tensors as views.
#include "declarations/complex_numbers.h"
#include "view/geometry.h"

namespace tw::view {

namespace {

Tensor part(TensorRef self, int64_t which) {
  Sizes strides = self.strides().vec();
  for (int64_t& stride : strides) stride *= 2;
  const tw_dtype dtype = self.dtype() == kComplex128 ? kFloat64 : kFloat32;
  const Tensor first = retyped(self, self.shape(), strides, dtype);
  return which == 0 ? first : restrided(first, self.shape(), strides, which);
}

}  // namespace

Tensor real(TensorRef self) {
  return is_complex(self.dtype()) ? part(self, 0) : restrided(self, self.shape(), self.strides());
}
Tensor imag(TensorRef self) { return part(self, 1); }

}  // namespace tw::view
