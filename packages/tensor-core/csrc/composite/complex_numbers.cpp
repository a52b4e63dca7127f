// Conjugates, computed at once.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/complex_numbers.hpp>
#include <tensorwright/ops/creation.hpp>

#include "declarations/complex_numbers.h"

namespace tw::composite {

Tensor conj(TensorRef self) { return is_complex(self.dtype()) ? ops::conj_physical(self) : Tensor::retain(self); }
Tensor resolve_conj(TensorRef self) { return Tensor::retain(self); }
Tensor resolve_neg(TensorRef self) { return Tensor::retain(self); }
bool is_conj(TensorRef) { return false; }
bool is_neg(TensorRef) { return false; }

Tensor isreal(TensorRef self) {
  return is_complex(self.dtype()) ? ops::eq(ops::imag(self), 0) : ops::ones(self.shape(), kBool, self.device());
}

}  // namespace tw::composite
