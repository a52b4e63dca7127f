// Sorting along one dimension, and what needs only part of the order: the k largest elements, the k-th, the median,
// the commonest. NaN counts as the largest value; equal elements keep their order.
#include "cpu/ordering/sort_keys.h"
#include "cpu/staging.h"
#include "declarations/ordering.h"

namespace tw::cpu {
namespace {

// Work on the lines of a tensor along a dimension: f(line, items, scratch) gives the places of what the results hold,
// in order, at the start of the items.
template <class I, class T, class F>
void for_each_line(const DimSplit& s, const T* in, int64_t scratch, F&& f) {
  parallel_for(0, s.outer * s.inner, grain_for(s.size * 16), [&](int64_t begin, int64_t end) {
    const ItemBuffer<I> buffer(s.size + scratch);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / s.inner, inner = i % s.inner;
      f(in + outer * s.size * s.inner + inner, outer, inner, buffer.data(), buffer.data() + s.size);
    }
  });
}

// Results of `wanted` elements a line: the elements at the places of the items, and the places.
template <class I, class T>
void write_line(const DimSplit& s, int64_t wanted, const T* line, int64_t outer, int64_t inner, const I* items,
                T* values, int64_t* places) {
  const int64_t at = outer * wanted * s.inner + inner, step = s.inner;
  parallel_for(0, wanted, kItemsOfChunk, [=](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t place = place_of(items[k]);
      values[at + k * step] = line[place * step];
      places[at + k * step] = place;
    }
  });
}

// ---- the first k of a line ------------------------------------------------------------------------------------

// The `k` smallest items of a line, in no order, at the start of `buffer`, which has room for `capacity`. Once there
// are k of them, few of the others are smaller than all but k: most are dropped at a glance at their keys.
template <class I, class T>
void select_first(const T* line, int64_t stride, int64_t size, int64_t k, bool descending, I* buffer,
                  int64_t capacity) {
  const Key<T> flip = static_cast<Key<T>>(descending ? ~Key<T>{0} : Key<T>{0});
  int64_t count = std::min(size, capacity);
  load_items(line, stride, 0, count, descending, buffer);
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
void insert_first(const T* line, int64_t stride, int64_t size, int64_t k, bool descending, I* kept) {
  const Key<T> flip = static_cast<Key<T>>(descending ? ~Key<T>{0} : Key<T>{0});
  const auto item_at = [=](int64_t j) {
    const Key<T> key = static_cast<Key<T>>(order_key(line[j * stride]) ^ flip);
    return static_cast<I>(static_cast<I>(key) << kPlaceBits<I>) | static_cast<I>(j);
  };
  const auto insert = [=](I item, int64_t at) {
    for (; at > 0 && kept[at - 1] > item; --at) kept[at] = kept[at - 1];
    kept[at] = item;
  };
  for (int64_t j = 0; j < k; ++j) insert(item_at(j), j);
  T last = line[place_of(kept[k - 1]) * stride];
  for (int64_t j = k; j < size; ++j) {
    if constexpr (std::is_floating_point_v<T>) {  // a comparison is less than a key
      const T x = line[j * stride];
      if (__builtin_expect(descending ? x <= last : x >= last, 1)) continue;
    }
    const I item = item_at(j);
    if (__builtin_expect(item > kept[k - 1], 1)) continue;
    insert(item, k - 1);
    last = line[place_of(kept[k - 1]) * stride];
  }
}

template <class I, class T>
void few_first_items(const DimSplit& s, int64_t k, bool descending, const T* in, T* values, int64_t* places) {
  const int64_t capacity = 2 * k + 32;
  parallel_for(0, s.outer * s.inner, grain_for(s.size * 4), [&](int64_t begin, int64_t end) {
    std::vector<I> buffer(static_cast<size_t>(capacity));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / s.inner, inner = i % s.inner;
      const T* line = in + outer * s.size * s.inner + inner;
      if (k <= kFew) {
        insert_first(line, s.inner, s.size, k, descending, buffer.data());
      } else {
        select_first(line, s.inner, s.size, k, descending, buffer.data(), capacity);
        std::sort(buffer.data(), buffer.data() + k);
      }
      write_line(s, k, line, outer, inner, buffer.data(), values, places);
    }
  });
}

template <class I, class T>
void many_first_items(const DimSplit& s, int64_t k, bool descending, const T* in, T* values, int64_t* places) {
  for_each_line<I>(s, in, s.size, [&](const T* line, int64_t outer, int64_t inner, I* items, I* scratch) {
    with_sorted_items(line, s.inner, s.size, descending, items, scratch,
                      [&](const auto* sorted) { write_line(s, k, line, outer, inner, sorted, values, places); });
  });
}

// ---- one element of the order ---------------------------------------------------------------------------------

template <class T>
constexpr bool kHasNan = std::is_same_v<T, Half> || std::is_same_v<T, BFloat> || std::is_floating_point_v<T>;

enum class Median { kPropagatesNan, kIgnoresNan };

// The rank of the median; elements that are not NaN are the first of the order.
template <class I>
int64_t median_rank(const I* items, int64_t size, uint64_t nan_key, bool has_nan, Median kind) {
  const int64_t nans =
      has_nan ? std::count_if(items, items + size, [&](I item) { return key_of(item) == nan_key; }) : 0;
  if (nans == 0) return (size - 1) / 2;
  if (kind == Median::kPropagatesNan) return size - nans;  // the first NaN
  return nans == size ? 0 : (size - nans - 1) / 2;
}

// One element a line: rank(items) says which of the order.
template <class Rank>
void pick(const char* op, TensorRef self, const DimSplit& s, TensorRef values, TensorRef indices, Rank rank) {
  if (values.numel() == 0) return;
  const Tensor input = dense(self);
  visit_items(op, self.dtype(), s.size, [&](auto item_type, auto type) {
    using I = typename decltype(item_type)::type;
    using T = typename decltype(type)::type;
    int64_t* places = indices ? indices.data<int64_t>() : nullptr;
    for_each_line<I>(s, input.data<T>(), 0, [&](const T* line, int64_t outer, int64_t inner, I* items, I*) {
      load_items(line, s.inner, 0, s.size, false, items);
      const int64_t k = rank(items, std::numeric_limits<Key<T>>::max(), kHasNan<T>);
      std::nth_element(items, items + k, items + s.size);
      const int64_t place = place_of(items[k]);
      values.data<T>()[outer * s.inner + inner] = line[place * s.inner];
      if (places) places[outer * s.inner + inner] = place;
    });
  });
}

void medians(const char* op, TensorRef self, const DimSplit& s, Median kind, TensorRef values, TensorRef indices) {
  pick(op, self, s, values, indices, [&](const auto* items, uint64_t nan_key, bool has_nan) {
    return median_rank(items, s.size, nan_key, has_nan, kind);
  });
}

DimSplit flat(TensorRef self) {
  const int64_t shape[] = {self.numel()};
  return DimSplit({shape, 1}, 0);
}

// The last item of the longest run of equal elements; of runs of one length the first. NaN is equal to nothing.
template <class I>
I commonest(const I* items, int64_t size, uint64_t nan_key, bool has_nan) {
  I best = items[0];
  int64_t longest = 1, run = 1;
  for (int64_t k = 1; k < size; ++k) {
    const uint64_t key = key_of(items[k]);
    run = key == key_of(items[k - 1]) && !(has_nan && key == nan_key) ? run + 1 : 1;
    if (run > longest) longest = run, best = items[k];
  }
  return best;
}

}  // namespace

void sort(TensorRef self, int64_t dim, bool descending, bool /*stable: always*/, TensorRef values, TensorRef indices) {
  if (values.numel() == 0) return;
  const DimSplit s(self.shape(), dim);
  const Tensor input = dense(self);
  visit_items("sort", self.dtype(), s.size, [&](auto item_type, auto type) {
    using I = typename decltype(item_type)::type;
    using T = typename decltype(type)::type;
    many_first_items<I>(s, s.size, descending, input.data<T>(), values.data<T>(), indices.data<int64_t>());
  });
}

void topk(TensorRef self, int64_t k, int64_t dim, bool largest, bool /*sorted: always*/, TensorRef values,
          TensorRef indices) {
  if (values.numel() == 0) return;
  if (self.ndim() == 0) k = 1;  // its result has one element also for k = 0
  const DimSplit s(self.shape(), dim);
  const Tensor input = dense(self);
  visit_items("topk", self.dtype(), s.size, [&](auto item_type, auto type) {
    using I = typename decltype(item_type)::type;
    using T = typename decltype(type)::type;
    const auto first_of_lines = k > s.size / 4 ? many_first_items<I, T> : few_first_items<I, T>;
    first_of_lines(s, k, largest, input.data<T>(), values.data<T>(), indices.data<int64_t>());
  });
}

void kthvalue(TensorRef self, int64_t k, int64_t dim, bool /*keepdim*/, TensorRef values, TensorRef indices) {
  pick("kthvalue", self, DimSplit(self.shape(), dim), values, indices,
       [=](const auto*, uint64_t, bool) { return k - 1; });
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
  const DimSplit s(self.shape(), dim);
  const Tensor input = dense(self);
  visit_items("mode", self.dtype(), s.size, [&](auto item_type, auto type) {
    using I = typename decltype(item_type)::type;
    using T = typename decltype(type)::type;
    for_each_line<I>(s, input.data<T>(), s.size,
                     [&](const T* line, int64_t outer, int64_t inner, I* items, I* scratch) {
                       load_items(line, s.inner, 0, s.size, false, items);
                       sort_items(items, scratch, s.size, static_cast<int>(sizeof(T) * 8));
                       const I best = commonest(items, s.size, std::numeric_limits<Key<T>>::max(), kHasNan<T>);
                       values.data<T>()[outer * s.inner + inner] = line[place_of(best) * s.inner];
                       indices.data<int64_t>()[outer * s.inner + inner] = place_of(best);
                     });
  });
}

}  // namespace tw::cpu
