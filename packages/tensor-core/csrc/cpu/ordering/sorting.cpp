// Sorting along one dimension, and what needs only part of the order: the k largest elements, the k-th, the median,
// the commonest. NaN counts as the largest value; equal elements keep their order.
#include "cpu/ordering/sort_keys.h"
#include "cpu/staging.h"
#include "declarations/ordering.h"

namespace tw::cpu {
namespace {

// The lines of a tensor along a dimension. All element types share what works on their items.
struct Lines {
  const char* op;
  const Tensor input;
  const DimSplit split;
  Lines(const char* name, TensorRef self, const DimSplit& s) : op(name), input(dense(self)), split(s) {}

  Line at(int64_t outer, int64_t inner) const {
    const int64_t first = outer * split.size * split.inner + inner;
    return {op, input.dtype(), input.data<char>() + first * item_size(input.dtype()), split.inner, split.size};
  }
};

// f(line, where it is, items, scratch) gives the places of what the results hold, in order, at the start of the items.
template <class I, class F>
void for_each_line(const Lines& lines, int64_t scratch, F&& f) {
  const DimSplit& s = lines.split;
  parallel_for(0, s.outer * s.inner, grain_for(s.size * 16), [&](int64_t begin, int64_t end) {
    const ItemBuffer<I> buffer(s.size + scratch);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / s.inner, inner = i % s.inner;
      f(lines.at(outer, inner), outer, inner, buffer.data(), buffer.data() + s.size);
    }
  });
}

// Results of `wanted` elements a line: the elements at the places of the items, and, where asked for, the places.
template <class I>
void write_line(const Line& line, int64_t outer, int64_t inner, int64_t wanted, const I* items, TensorRef values,
                int64_t* places) {
  const int64_t step = line.stride, at = outer * wanted * step + inner;
  visit_item(line.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const from = static_cast<const T*>(line.data);
    T* const to = values.data<T>() + at;
    int64_t* const named = places ? places + at : nullptr;
    parallel_for(0, wanted, kItemsOfChunk, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t place = place_of(items[k]);
        to[k * step] = from[place * step];
        if (named) named[k * step] = place;
      }
    });
  });
}

// ---- the first k of a line ------------------------------------------------------------------------------------

// The `k` smallest items of a line, in no order, at the start of `buffer`, which has room for `capacity`. Once there
// are k of them, few of the others are smaller than all but k: most are dropped at a glance at their keys.
template <class I, class T>
void select_first(const Line& elements, int64_t k, bool descending, I* buffer, int64_t capacity) {
  const T* const line = static_cast<const T*>(elements.data);
  const int64_t stride = elements.stride, size = elements.size;
  const Key<T> flip = key_flip<T>(elements.dtype, descending);
  int64_t count = std::min(size, capacity);
  load_items(elements, count, descending, buffer);
  const auto drop = [&] {
    if (count > k) std::nth_element(buffer, buffer + k - 1, buffer + count);
    count = std::min(count, k);
    return static_cast<Key<T>>(key_of(buffer[k - 1]));
  };
  Key<T> limit = drop();
  for (int64_t j = capacity; j < size; ++j) {
    if constexpr (std::is_floating_point_v<T>) {  // a comparison is less than a key
      const T x = line[j * stride], last = line[place_of(buffer[k - 1]) * stride];
      if (__builtin_expect(descending ? x <= last : x >= last, 1)) continue;
    }
    const Key<T> key = static_cast<Key<T>>(order_key(line[j * stride]) ^ flip);
    if (__builtin_expect(key >= limit, 1)) continue;
    buffer[count++] = static_cast<I>(static_cast<I>(key) << kPlaceBits<I>) | static_cast<I>(j);
    if (count == capacity) limit = drop();
  }
  drop();
}

constexpr int64_t kFew = 16;  // so many are kept in order as they are met

// The same for a small k: what is kept stays in order, so the last of it is always the limit.
template <class I, class T>
void insert_first(const Line& elements, int64_t k, bool descending, I* kept) {
  const T* const line = static_cast<const T*>(elements.data);
  const int64_t stride = elements.stride, size = elements.size;
  const Key<T> flip = key_flip<T>(elements.dtype, descending);
  const auto insert = [=](Key<T> key, int64_t place, int64_t at) {
    const I item = static_cast<I>(static_cast<I>(key) << kPlaceBits<I>) | static_cast<I>(place);
    for (; at > 0 && kept[at - 1] > item; --at) kept[at] = kept[at - 1];
    kept[at] = item;
  };
  for (int64_t j = 0; j < k; ++j) insert(static_cast<Key<T>>(order_key(line[j * stride]) ^ flip), j, j);
  T last = line[place_of(kept[k - 1]) * stride];
  Key<T> limit = static_cast<Key<T>>(key_of(kept[k - 1]));
  for (int64_t j = k; j < size; ++j) {
    const T x = line[j * stride];
    if constexpr (std::is_floating_point_v<T>)  // a comparison is less than a key
      if (__builtin_expect(descending ? x <= last : x >= last, 1)) continue;
    const Key<T> key = static_cast<Key<T>>(order_key(x) ^ flip);
    if (__builtin_expect(key >= limit, 1)) continue;
    insert(key, j, k - 1);
    last = line[place_of(kept[k - 1]) * stride];
    limit = static_cast<Key<T>>(key_of(kept[k - 1]));
  }
}

template <class I, class T>
void few_first_items(const Lines& lines, int64_t k, bool descending, TensorRef values, int64_t* places) {
  const int64_t capacity = 2 * k + 32;
  const DimSplit& s = lines.split;
  parallel_for(0, s.outer * s.inner, grain_for(s.size * 4), [&](int64_t begin, int64_t end) {
    std::vector<I> buffer(static_cast<size_t>(capacity));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / s.inner, inner = i % s.inner;
      const Line line = lines.at(outer, inner);
      if (k <= kFew) {
        insert_first<I, T>(line, k, descending, buffer.data());
      } else {
        select_first<I, T>(line, k, descending, buffer.data(), capacity);
        std::sort(buffer.data(), buffer.data() + k);
      }
      write_line(line, outer, inner, k, buffer.data(), values, places);
    }
  });
}

void many_first_items(const Lines& lines, int64_t k, bool descending, TensorRef values, int64_t* places) {
  visit_items(lines.input.dtype(), lines.split.size, [&](auto item_type) {
    using I = typename decltype(item_type)::type;
    for_each_line<I>(
        lines, lines.split.size, [&](const Line& line, int64_t outer, int64_t inner, I* items, I* scratch) {
          with_sorted_items(line, descending, items, scratch,
                            [&](const auto* sorted) { write_line(line, outer, inner, k, sorted, values, places); });
        });
  });
}

// ---- one element of the order ---------------------------------------------------------------------------------

enum class Median { kPropagatesNan, kIgnoresNan };

// The rank of the median; elements that are not NaN are the first of the order.
template <class I>
int64_t median_rank(const I* items, const Line& line, Median kind) {
  const uint64_t nan_key = largest_key(line.dtype);
  const int64_t size = line.size;
  const int64_t nans =
      is_floating(line.dtype) ? std::count_if(items, items + size, [&](I item) { return key_of(item) == nan_key; }) : 0;
  if (nans == 0) return (size - 1) / 2;
  if (kind == Median::kPropagatesNan) return size - nans;  // the first NaN
  return nans == size ? 0 : (size - nans - 1) / 2;
}

// One element a line: rank(items, line) says which of the order.
template <class Rank>
void pick(const char* op, TensorRef self, const DimSplit& s, TensorRef values, TensorRef indices, Rank rank) {
  if (values.numel() == 0) return;
  const Lines lines(op, self, s);
  int64_t* const places = indices ? indices.data<int64_t>() : nullptr;
  visit_items(self.dtype(), s.size, [&](auto item_type) {
    using I = typename decltype(item_type)::type;
    for_each_line<I>(lines, 0, [&](const Line& line, int64_t outer, int64_t inner, I* items, I*) {
      load_items(line, line.size, false, items);
      I* const picked = items + rank(items, line);
      std::nth_element(items, picked, items + line.size);
      write_line(line, outer, inner, 1, picked, values, places);
    });
  });
}

void medians(const char* op, TensorRef self, const DimSplit& s, Median kind, TensorRef values, TensorRef indices) {
  pick(op, self, s, values, indices,
       [=](const auto* items, const Line& line) { return median_rank(items, line, kind); });
}

DimSplit flat(TensorRef self) {
  const int64_t shape[] = {self.numel()};
  return DimSplit({shape, 1}, 0);
}

// The last item of the longest run of equal elements; of runs of one length the first. NaN is equal to nothing.
template <class I>
I commonest(const I* items, const Line& line) {
  const bool nans_differ = is_floating(line.dtype);
  const uint64_t nan_key = largest_key(line.dtype);
  I best = items[0];
  int64_t longest = 1, run = 1;
  for (int64_t k = 1; k < line.size; ++k) {
    const uint64_t key = key_of(items[k]);
    run = key == key_of(items[k - 1]) && !(nans_differ && key == nan_key) ? run + 1 : 1;
    if (run > longest) longest = run, best = items[k];
  }
  return best;
}

}  // namespace

void sort(TensorRef self, int64_t dim, bool descending, bool /*stable: always*/, TensorRef values, TensorRef indices) {
  if (values.numel() == 0) return;
  const Lines lines("sort", self, DimSplit(self.shape(), dim));
  many_first_items(lines, lines.split.size, descending, values, indices.data<int64_t>());
}

void topk(TensorRef self, int64_t k, int64_t dim, bool largest, bool /*sorted: always*/, TensorRef values,
          TensorRef indices) {
  if (values.numel() == 0) return;
  if (self.ndim() == 0) k = 1;  // its result has one element also for k = 0
  const Lines lines("topk", self, DimSplit(self.shape(), dim));
  int64_t* const places = indices.data<int64_t>();
  const bool narrow = self.dtype().bits <= 32;
  // Lines of 2^32 elements of few bits, which hold the same ones many times over, are not worth code of their own.
  if (k > lines.split.size / 4 || (narrow && !fits_item(self.dtype(), lines.split.size)))
    return many_first_items(lines, k, largest, values, places);
  visit_keyed("topk", self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    using I = std::conditional_t<sizeof(T) <= 4, Item, WideItem>;
    few_first_items<I, T>(lines, k, largest, values, places);
  });
}

void kthvalue(TensorRef self, int64_t k, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  pick("kthvalue", self, DimSplit(self.shape(), dim), values, indices, [=](const auto*, const Line&) { return k - 1; });
}

void median(TensorRef self, TensorRef out) {
  medians("median", self, flat(self), Median::kPropagatesNan, out, nullptr);
}
void nanmedian(TensorRef self, TensorRef out) {
  medians("nanmedian", self, flat(self), Median::kIgnoresNan, out, nullptr);
}
void median_dim(TensorRef self, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  medians("median", self, DimSplit(self.shape(), dim), Median::kPropagatesNan, values, indices);
}
void nanmedian_dim(TensorRef self, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  medians("nanmedian", self, DimSplit(self.shape(), dim), Median::kIgnoresNan, values, indices);
}

void mode(TensorRef self, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  if (values.numel() == 0) return;
  const Lines lines("mode", self, DimSplit(self.shape(), dim));
  visit_items(self.dtype(), lines.split.size, [&](auto item_type) {
    using I = typename decltype(item_type)::type;
    for_each_line<I>(lines, lines.split.size,
                     [&](const Line& line, int64_t outer, int64_t inner, I* items, I* scratch) {
                       load_items(line, line.size, false, items);
                       sort_items(items, scratch, line.size, line.dtype.bits);
                       const I best = commonest(items, line);
                       write_line(line, outer, inner, 1, &best, values, indices.data<int64_t>());
                     });
  });
}

}  // namespace tw::cpu
