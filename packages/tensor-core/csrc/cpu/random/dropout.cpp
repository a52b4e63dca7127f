#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/random/random_stream.h"
#include "cpu/staging.h"
#include "declarations/random.h"

namespace tw::cpu {
namespace {

int64_t each_of(TensorRef self, int64_t entries) { return entries == 0 ? 0 : self.numel() / entries; }

}  // namespace

void dropout_seeds(TensorRef self, IntList, tw_object* generator, TensorRef out) {
  const int64_t entries = out.numel() / 2, groups = RandomStream::groups_of(each_of(self, entries));
  const RandomStream whole(generator, entries * groups * kGroupWords, 1);
  for (int64_t i = 0; i < entries; ++i) {
    int64_t* const seed = out.data<int64_t>() + 2 * i;
    seed[0] = static_cast<int64_t>(whole.key());
    seed[1] = static_cast<int64_t>(whole.counter() + static_cast<uint64_t>(i * groups * kGroupCounters));
  }
}

// An element is kept if its word is at least p * 2^32.
void seeded_dropout(TensorRef self, TensorRef seeds, double p, TensorRef out) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), states = dense(seeds);
  StagedResult result(out, dtype);
  const int64_t entries = states.numel() / 2, each = each_of(self, entries);
  const uint64_t threshold = static_cast<uint64_t>(p * 0x1p32);
  visit_floating("dropout", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if (threshold > UINT32_MAX)  // the words cannot say so, an infinite value may not become NaN
      return static_cast<void>(std::fill_n(result.data<T>(), self.numel(), T(0)));
    const T scale = static_cast<T>(1 / (1 - p));
    for_each_chunk(states.data<int64_t>(), entries, each, [&](int64_t first, const uint32_t* words, int64_t n) {
      isa_table<DropoutKernels<T>>().drop(n, words, static_cast<uint32_t>(threshold), input.data<T>() + first, scale,
                                          result.data<T>() + first);
    });
  });
  result.commit();
}

}  // namespace tw::cpu
