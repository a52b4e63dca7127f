// Partial results added up.
#include <tensorwright/simd/vec.h>

#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

template <class V>
void add_to(int64_t n, const Element<V>* from, Element<V>* to) {
  int64_t i = 0;
  for (; i + lanes_of<V> <= n; i += lanes_of<V>) store(to + i, add(load<V>(to + i), load<V>(from + i)));
  for (; i < n; ++i) to[i] += from[i];
}

}  // namespace

extern const cpu::AdditionKernels<float> kAdditionF32;
extern const cpu::AdditionKernels<double> kAdditionF64;
const cpu::AdditionKernels<float> kAdditionF32 = {add_to<F32>};
const cpu::AdditionKernels<double> kAdditionF64 = {add_to<F64>};

}  // namespace TW_ISA_NS
}  // namespace tw
