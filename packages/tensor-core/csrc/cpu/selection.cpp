// Ops whose result is as large as the data says.
#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/indexing.h"

namespace tw::cpu {
namespace {

constexpr int64_t kCountBlock = 1 << 15;

// How many are set before each block, and in all.
std::vector<int64_t> set_before(const uint8_t* set, int64_t count) {
  const int64_t blocks = (count + kCountBlock - 1) / kCountBlock;
  std::vector<int64_t> before(static_cast<size_t>(blocks) + 1, 0);
  parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int64_t n = 0;
      for (int64_t i = b * kCountBlock; i < std::min(count, (b + 1) * kCountBlock); ++i) n += set[i] != 0;
      before[static_cast<size_t>(b) + 1] = n;
    }
  });
  for (size_t b = 1; b < before.size(); ++b) before[b] += before[b - 1];
  return before;
}

void write_coordinates(int64_t place, IntList shape, int64_t* row) {
  for (size_t d = shape.size(); d-- > 0;) {
    row[d] = place % shape[d];
    place /= shape[d];
  }
}

template <class T>
void add_to_bins(const int64_t* values, const T* weights, int64_t count, T* bins) {
  for (int64_t i = 0; i < count; ++i) bins[values[i]] += weights ? weights[i] : T(1);
}

}  // namespace

Tensor nonzero(TensorRef self) {
  const Tensor flags = dense(self, kBool);
  const uint8_t* set = flags.data<uint8_t>();
  const std::vector<int64_t> before = set_before(set, flags.numel());
  const int64_t ndim = self.ndim();
  Tensor out = empty({before.back(), ndim}, kInt64, self.device());
  const int64_t blocks = static_cast<int64_t>(before.size()) - 1;
  parallel_for(0, ndim == 0 ? 0 : blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int64_t* row = out.data<int64_t>() + before[static_cast<size_t>(b)] * ndim;
      for (int64_t i = b * kCountBlock; i < std::min(flags.numel(), (b + 1) * kCountBlock); ++i)
        if (set[i]) write_coordinates(i, self.shape(), row), row += ndim;
    }
  });
  return out;
}

Tensor run_indices(TensorRef repeats, int64_t count) {
  const Tensor runs = dense(repeats, kInt64);
  const bool one_for_all = runs.numel() == 1;
  const auto run = [&](int64_t i) { return runs.data<int64_t>()[one_for_all ? 0 : i]; };
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (run(i) < 0) throw fail(TW_E_VALUE, "repeat_interleave: repeats must not be negative, got ", run(i));
    total += run(i);
  }
  Tensor out = empty({total}, kInt64, repeats.device());
  int64_t* at = out.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) at = std::fill_n(at, run(i), i);
  return out;
}

Tensor bincount(TensorRef self, TensorRef weights, int64_t minlength) {
  const Tensor values = dense(self, kInt64);
  int64_t bins = minlength;
  for (int64_t i = 0; i < values.numel(); ++i) {
    const int64_t value = values.data<int64_t>()[i];
    if (value < 0) throw fail(TW_E_VALUE, "bincount: values must not be negative, got ", value);
    bins = std::max(bins, value + 1);
  }
  const tw_dtype dtype = !weights ? kInt64 : weights.dtype() == kFloat32 ? kFloat32 : kFloat64;
  Tensor out = empty({bins}, dtype, self.device());
  const Tensor amounts = dense_optional(weights, dtype);
  visit_arithmetic("bincount", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    std::fill_n(out.data<T>(), bins, T(0));
    add_to_bins(values.data<int64_t>(), amounts ? amounts.data<T>() : static_cast<const T*>(nullptr), values.numel(),
                out.data<T>());
  });
  return out;
}

}  // namespace tw::cpu
