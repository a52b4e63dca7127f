// Ops whose result is as large as the data says.
#include <tensorwright/checked.hpp>

#include <algorithm>

#include "cpu/copies/movement.h"
#include "cpu/element_types.h"
#include "cpu/indexing/advanced_index.h"
#include "cpu/staging.h"
#include "declarations/indexing.h"
#include "threads/pool.h"

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

namespace {

// write(which of the set ones, place) for the places of block b that are set, in order. Few flags are looked at at a
// time, and all their places written down: whether a flag is set decides no branch.
template <class Write>
void for_each_set(const uint8_t* set, int64_t count, int64_t b, int64_t before, Write write) {
  constexpr int64_t kPiece = 256;
  int64_t places[kPiece + 1];
  for (int64_t first = b * kCountBlock; first < std::min(count, (b + 1) * kCountBlock); first += kPiece) {
    const int64_t last = std::min({count, (b + 1) * kCountBlock, first + kPiece});
    int64_t found = 0;
    for (int64_t i = first; i < last; ++i) places[found] = i, found += set[i] != 0;
    write(before, places, found);
    before += found;
  }
}

}  // namespace

Tensor nonzero(TensorRef self) {
  const Tensor flags = dense(self, kBool);
  const uint8_t* set = flags.data<uint8_t>();
  const std::vector<int64_t> before = set_before(set, flags.numel());
  const int64_t ndim = self.ndim(), count = flags.numel();
  Tensor out = empty({before.back(), ndim}, kInt64, self.device());
  int64_t* const rows = out.data<int64_t>();
  const int64_t blocks = static_cast<int64_t>(before.size()) - 1;
  parallel_for(0, ndim == 0 ? 0 : blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      for_each_set(set, count, b, before[static_cast<size_t>(b)], [&](int64_t at, const int64_t* places, int64_t n) {
        if (ndim == 1) return void(std::copy_n(places, n, rows + at));
        for (int64_t k = 0; k < n; ++k) write_coordinates(places[k], self.shape(), rows + (at + k) * ndim);
      });
  });
  return out;
}

Tensor elements_where(TensorRef self, TensorRef mask) {
  const Tensor input = dense(self), flags = dense(mask, kBool);
  const uint8_t* set = flags.data<uint8_t>();
  const int64_t count = flags.numel();
  const std::vector<int64_t> before = set_before(set, count);
  Tensor out = empty({before.back()}, self.dtype(), self.device());
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const from = input.data<T>();
    T* const to = out.data<T>();
    parallel_for(0, static_cast<int64_t>(before.size()) - 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        for_each_set(set, count, b, before[static_cast<size_t>(b)], [&](int64_t at, const int64_t* places, int64_t n) {
          for (int64_t k = 0; k < n; ++k) to[at + k] = from[places[k]];
        });
    });
  });
  return out;
}

Tensor run_indices(TensorRef repeats, int64_t count) {
  const Tensor runs = dense(repeats, kInt64);
  const bool one_for_all = runs.numel() == 1;
  const auto run = [&](int64_t i) { return runs.data<int64_t>()[one_for_all ? 0 : i]; };
  int64_t total = 0;
  threads::for_pieces(0, count, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (run(i) < 0) throw fail(TW_E_VALUE, "repeat_interleave: repeats must not be negative, got ", run(i));
      total += run(i);
    }
  });
  Tensor out = empty({total}, kInt64, repeats.device());
  int64_t* at = out.data<int64_t>();
  threads::Paces paces;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t left = run(i); left > 0;) {
      const int64_t piece = std::clamp<int64_t>(left, 1, int64_t{1} << 20);
      at = std::fill_n(at, piece, i), left -= piece;
      paces.took(piece);
    }
    paces.took(1);
  }
  return out;
}

namespace {

// The number of bins that hold all values.
int64_t bins_for(const int64_t* values, int64_t count, int64_t least) {
  int64_t low = 0, high = least - 1;
  for (int64_t i = 0; i < count; ++i) low = std::min(low, values[i]), high = std::max(high, values[i]);
  if (low < 0) throw fail(TW_E_VALUE, "bincount: values must not be negative, got ", low);
  return checked::add(high, int64_t{1});
}

constexpr int64_t kFewBins = 2048;

// Counts of values below kFewBins. Chunks count for themselves, by turns in several rows of bins, so that equal
// neighbours do not wait for each other.
std::vector<int64_t> count_few(const int64_t* values, int64_t count) {
  constexpr int64_t kRows = 4, kChunk = 1 << 17;
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  std::vector<int64_t> sums(static_cast<size_t>(std::max<int64_t>(chunks, 1) * kFewBins), 0);
  parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      uint32_t rows[kRows][kFewBins] = {};
      const int64_t last = std::min(count, (c + 1) * kChunk);
      int64_t i = c * kChunk;
      for (; i + kRows <= last; i += kRows)
#pragma GCC unroll 4
        for (int64_t r = 0; r < kRows; ++r) ++rows[r][values[i + r]];
      for (; i < last; ++i) ++rows[0][values[i]];
      for (int64_t b = 0; b < kFewBins; ++b)
        sums[static_cast<size_t>(c * kFewBins + b)] = int64_t{rows[0][b]} + rows[1][b] + rows[2][b] + rows[3][b];
    }
  });
  for (int64_t c = 1; c < chunks; ++c)
    for (int64_t b = 0; b < kFewBins; ++b) sums[static_cast<size_t>(b)] += sums[static_cast<size_t>(c * kFewBins + b)];
  sums.resize(kFewBins);
  return sums;
}

// Without weights: the bins are counted first, and how many there are is seen from that, if there can be only a few.
Tensor plain_counts(const int64_t* values, int64_t count, int64_t minlength, tw_device device) {
  if (count >= 8 * kFewBins && conversion_kernels().all_between(count, values, 0, kFewBins)) {
    const std::vector<int64_t> sums = count_few(values, count);
    int64_t used = kFewBins;
    while (used > 0 && sums[static_cast<size_t>(used - 1)] == 0) --used;
    Tensor out = empty({std::max(used, minlength)}, kInt64, device);
    clear(out.data<int64_t>(), out.numel());
    std::copy_n(sums.begin(), used, out.data<int64_t>());
    return out;
  }
  Tensor out = empty({bins_for(values, count, minlength)}, kInt64, device);
  clear(out.data<int64_t>(), out.numel());
  add_to_bins<int64_t>(values, nullptr, count, out.data<int64_t>());
  return out;
}

}  // namespace

Tensor bincount(TensorRef self, TensorRef weights, int64_t minlength) {
  const Tensor values = dense(self, kInt64);
  if (!weights) return plain_counts(values.data<int64_t>(), values.numel(), minlength, self.device());
  const int64_t bins = bins_for(values.data<int64_t>(), values.numel(), minlength);
  const tw_dtype dtype = weights.dtype() == kFloat32 ? kFloat32 : kFloat64;
  Tensor out = empty({bins}, dtype, self.device());
  const Tensor amounts = dense(weights, dtype);
  visit_floating("bincount", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    clear(out.data<T>(), bins);
    add_to_bins(values.data<int64_t>(), amounts.data<T>(), values.numel(), out.data<T>());
  });
  return out;
}

}  // namespace tw::cpu
