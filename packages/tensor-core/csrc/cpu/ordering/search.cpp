// Places in sorted sequences, and membership.
#include "declarations/search.h"
#include "cpu/ordering/sort_keys.h"
#include "cpu/staging.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

// The first of n sorted elements for which `behind` does not hold: n if there is none.
template <class At, class Behind>
int64_t first_not(int64_t n, At at, Behind behind) {
  int64_t first = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    const bool go_right = behind(at(first + half));
    first = go_right ? first + half + 1 : first;
    n = go_right ? n - half - 1 : half;
  }
  return first;
}

// NaN is behind everything.
template <class T, class At>
int64_t place_in(int64_t n, At at, T value, bool right) {
  if (right) return first_not(n, at, [=](T x) { return !(x > value); });
  return first_not(n, at, [=](T x) { return !(x >= value); });
}

// Several searches of one sequence at once: the steps of one do not depend on the others', so they overlap.
template <int count, class T>
void places_in(int64_t n, const T* line, const T* values, bool right, int64_t* out) {
  const T* first[count];
  for (int c = 0; c < count; ++c) first[c] = line;
  const auto behind = [right](T x, T value) { return right ? !(x > value) : !(x >= value); };
  for (; n > 1; n -= n / 2)
    for (int c = 0; c < count; ++c) first[c] += behind(first[c][n / 2 - 1], values[c]) ? n / 2 : 0;
  for (int c = 0; c < count; ++c) out[c] = first[c] - line + (n == 1 && behind(*first[c], values[c]));
}

Tensor checked_sorter(TensorRef sorter, int64_t n) {
  if (!sorter) return Tensor();
  Tensor order = dense(sorter, kInt64);
  for (int64_t i = 0; i < order.numel(); ++i)
    if (const int64_t at = order.data<int64_t>()[i]; at < 0 || at >= n)
      throw fail(TW_E_INDEX, "searchsorted: sorter holds ", at, ", the sorted sequence has ", n, " elements");
  return order;
}

template <class T>
void search_all(TensorRef sequence, TensorRef values, const int64_t* order, bool right, int64_t* out) {
  const int64_t n = sequence.size(-1), row = values.ndim() == 0 ? 1 : values.size(-1);
  const T *sorted = sequence.data<T>(), *sought = values.data<T>();
  parallel_for(0, values.numel(), grain_for(32), [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    constexpr int kTogether = 8;
    if (sequence.ndim() == 1 && !order && n > 0)
      for (; i + kTogether <= end; i += kTogether) places_in<kTogether>(n, sorted, sought + i, right, out + i);
    for (; i < end; ++i) {
      const int64_t base = sequence.ndim() == 1 ? 0 : i / row * n;
      const T* line = sorted + base;
      if (order)
        out[i] = place_in(n, [=](int64_t k) { return line[order[base + k]]; }, sought[i], right);
      else
        out[i] = place_in(n, [=](int64_t k) { return line[k]; }, sought[i], right);
    }
  });
}

}  // namespace

void searchsorted(TensorRef sorted_sequence, TensorRef self, bool out_int32, bool right,
                  std::optional<std::string_view> side, TensorRef sorter, TensorRef out) {
  const int64_t n = sorted_sequence.size(-1);
  if (out_int32 && n > std::numeric_limits<int32_t>::max())
    throw fail(TW_E_VALUE, "searchsorted: places in a sequence of ", n, " elements do not fit int32");
  if (out.numel() == 0) return;
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor sequence = dense(sorted_sequence, dtype), values = dense(self, dtype), order = checked_sorter(sorter, n);
  StagedResult result(out, kInt64);
  visit_ordered("searchsorted", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    search_all<T>(sequence, values, order ? order.data<int64_t>() : nullptr, right || (side && *side == "right"),
                  result.data<int64_t>());
  });
  result.commit();
}

namespace {

template <class T>
constexpr bool kHasNan = std::is_same_v<T, Half> || std::is_same_v<T, BFloat> || std::is_floating_point_v<T>;

template <class K>
void sort_keys(std::vector<K>& keys) {
  uint32_t compared = 0;
  std::sort(keys.begin(), keys.end(), [&](K a, K b) {
    if (++compared % 65536 == 0) threads::stop_if_interrupted();
    return a < b;
  });
}

// Distinct keys in order, that of NaN left out.
template <class T>
std::vector<Key<T>> distinct_keys(const T* values, int64_t count) {
  std::vector<Key<T>> keys;
  keys.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const Key<T> key = order_key(values[i]);
    if (!kHasNan<T> || key != std::numeric_limits<Key<T>>::max()) keys.push_back(key);
  }
  sort_keys(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace

void isin(TensorRef elements, TensorRef test_elements, bool /*assume_unique*/, bool invert, TensorRef out) {
  const tw_dtype dtype = promote_types(elements.dtype(), test_elements.dtype());
  const Tensor values = dense(elements, dtype), tests = dense(test_elements, dtype);
  visit_keyed("isin", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const std::vector<Key<T>> keys = distinct_keys(tests.data<T>(), tests.numel());
    const T* sought = values.data<T>();
    uint8_t* found = out.data<uint8_t>();
    parallel_for(0, values.numel(), grain_for(32), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        found[i] = std::binary_search(keys.begin(), keys.end(), order_key(sought[i])) != invert;
    });
  });
}

}  // namespace tw::cpu
