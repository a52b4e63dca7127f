#include "cpu/element_types.h"
#include "cpu/random_stream.h"
#include "cpu/staging.h"
#include "kernels.h"

namespace tw::cpu {
namespace {

// An element is kept if its word is at least p * 2^32.
template <class T>
void drop(const RandomStream& stream, int64_t count, const T* x, uint64_t threshold, T scale, T* out, uint8_t* mask) {
  for_each_chunk(stream, [&](int64_t first, const uint32_t* words, int64_t word_count) {
    const int64_t n = word_count < count - first ? word_count : count - first;
    for (int64_t i = 0; i < n; ++i) {
      const bool kept = words[i] >= threshold;
      mask[first + i] = kept;
      out[first + i] = kept ? x[first + i] * scale : T(0);
    }
  });
}

}  // namespace

void native_dropout(TensorRef self, double p, tw_object* generator, TensorRef out, TensorRef mask) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  const RandomStream stream(generator, self.numel(), 1);
  visit_floating("dropout", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T(0);
    drop(stream, self.numel(), input.data<T>(), static_cast<uint64_t>(p * 0x1p32), scale, result.data<T>(),
         mask.data<uint8_t>());
  });
  result.commit();
}

}  // namespace tw::cpu
