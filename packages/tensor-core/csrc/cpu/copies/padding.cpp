#include <algorithm>
#include <tensorwright/checked.hpp>

#include "cpu/copies/copy.h"
#include "declarations/padding.h"
#include "view/geometry.h"

namespace tw::cpu {

void constant_pad_nd(TensorRef self, IntList pad, const Scalar& value, TensorRef out) {
  alignas(16) char bytes[16];
  scalar_bytes("constant_pad_nd", value, out.dtype(), bytes);
  fill_elements(out, bytes);
  // What is kept of `self`, and where it goes.
  view::Sizes shape = self.shape().vec();
  int64_t from = 0, to = 0;
  for (size_t i = 0; i < pad.size() / 2; ++i) {
    const int d = self.ndim() - 1 - static_cast<int>(i);
    const int64_t before = checked::within(pad[2 * i], -self.size(d), out.size(d));
    const int64_t after = checked::within(pad[2 * i + 1], -self.size(d), out.size(d));
    shape[static_cast<size_t>(d)] += std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    if (before < 0)
      from -= before * self.stride(d);
    else
      to += before * out.stride(d);
  }
  for (int64_t size : shape)
    if (size == 0) return;
  copy_elements(view::restrided(out, shape, out.strides(), to), view::restrided(self, shape, self.strides(), from));
}

}  // namespace tw::cpu
