#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/random/random_stream.h"
#include "cpu/staging.h"
#include "declarations/random.h"

namespace tw::cpu {
// An element is kept if its word is at least p * 2^32.
void native_dropout(TensorRef self, double p, tw_object* generator, TensorRef out, TensorRef mask) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  const RandomStream stream(generator, self.numel(), 1);
  const uint64_t threshold = static_cast<uint64_t>(p * 0x1p32);
  visit_floating("dropout", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const bool drops_all = threshold > UINT32_MAX;  // the words cannot say so, an infinite value may not become NaN
    const T scale = drops_all ? T(0) : static_cast<T>(1 / (1 - p));
    for_each_chunk(stream, [&](int64_t first, const uint32_t* words, int64_t word_count) {
      const int64_t n = std::min(word_count, self.numel() - first);
      T* to = result.data<T>() + first;
      uint8_t* kept = mask.data<uint8_t>() + first;
      if (drops_all)
        std::fill_n(to, n, T(0)), std::fill_n(kept, n, uint8_t{0});
      else
        isa_table<DropoutKernels<T>>().drop(n, words, static_cast<uint32_t>(threshold), input.data<T>() + first, scale,
                                            to, kept);
    });
  });
  result.commit();
}

}  // namespace tw::cpu
