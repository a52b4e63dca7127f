#include "cpu/ordering/sort_keys.h"

#include "cpu/staging.h"

namespace tw::cpu {
namespace {

constexpr int64_t kFewItems = 256;  // that a comparison sort takes
constexpr int kDigits = 256;

// How often each digit occurs in each chunk, turned into where each chunk's items of each digit begin. False, with
// nothing to do, if all items have one digit.
bool starts_of_digits(std::vector<int64_t>& counts, int64_t chunks, int64_t total) {
  int64_t start = 0;
  for (int digit = 0; digit < kDigits; ++digit) {
    const int64_t before = start;
    for (int64_t c = 0; c < chunks; ++c) {
      int64_t& count = counts[static_cast<size_t>(c * kDigits + digit)];
      start += std::exchange(count, start);
    }
    if (start - before == total) return false;
  }
  return true;
}

// One stable pass of the radix sort: from `items` to `to`, by the 8 bits above `shift`.
template <class I>
bool distribute(const I* items, I* to, int64_t count, int shift) {
  const int64_t chunks = (count + kItemsOfChunk - 1) / kItemsOfChunk;
  std::vector<int64_t> places(static_cast<size_t>(chunks * kDigits), 0);
  const auto for_each_chunk = [&](auto&& f) {
    parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c)
        f(&places[static_cast<size_t>(c * kDigits)], items + c * kItemsOfChunk,
          items + std::min(count, (c + 1) * kItemsOfChunk));
    });
  };
  for_each_chunk([&](int64_t* counts, const I* first, const I* last) {
    for (; first != last; ++first) ++counts[static_cast<size_t>(*first >> shift) & 0xFF];
  });
  if (!starts_of_digits(places, chunks, count)) return false;
  for_each_chunk([&](int64_t* next, const I* first, const I* last) {
    for (; first != last; ++first) to[next[static_cast<size_t>(*first >> shift) & 0xFF]++] = *first;
  });
  return true;
}

}  // namespace

template <class I>
void sort_items(I* items, I* scratch, int64_t count, int key_bits) {
  if (count <= kFewItems) return std::sort(items, items + count);
  if (std::is_sorted(items, items + count)) return;
  I *from = items, *to = scratch;
  for (int bit = 0; bit < key_bits; bit += 8)
    if (distribute(from, to, count, kPlaceBits<I> + bit)) std::swap(from, to);
  if (from != items) std::copy_n(from, count, items);
}

template <class I>
void load_items(const Line& line, int64_t count, bool descending, I* items, uint64_t least) {
  visit_keyed(line.op, line.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Key<T> flip = key_flip<T>(line.dtype, descending), first = static_cast<Key<T>>(least);
    const T* const elements = static_cast<const T*>(line.data);
    const int64_t stride = line.stride;
    parallel_for(0, count, kItemsOfChunk, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const Key<T> key = static_cast<Key<T>>((order_key(elements[k * stride]) ^ flip) - first);
        items[k] = static_cast<I>(static_cast<I>(key) << kPlaceBits<I>) | static_cast<I>(k);
      }
    });
  });
}

template void load_items<Item>(const Line&, int64_t, bool, Item*, uint64_t);
template void load_items<WideItem>(const Line&, int64_t, bool, WideItem*, uint64_t);

KeyRange::KeyRange(const Line& line, bool descending) {
  uint64_t most = 0;
  const auto widen = [&](auto type) {
    using T = typename decltype(type)::type;
    const uint64_t flip = key_flip<T>(line.dtype, descending);
    const T* const elements = static_cast<const T*>(line.data);
    for (int64_t k = 0; k < line.size; ++k) {
      const uint64_t key = order_key(elements[k * line.stride]) ^ flip;
      least = std::min(least, key), most = std::max(most, key);
    }
  };
  if (line.dtype == kFloat64)
    widen(Type<double>());
  else
    widen(Type<uint64_t>());
  for (uint64_t rest = most - least; rest; rest >>= 1) ++bits;
}

template void sort_items<Item>(Item*, Item*, int64_t, int);
template void sort_items<WideItem>(WideItem*, WideItem*, int64_t, int);

}  // namespace tw::cpu
