// Elements as keys: unsigned integers whose order is the order of the elements, NaN being the largest and -0 equal
// to 0, joined with the place of each. Items of one line are all different, so every sorting algorithm is a stable one.
#pragma once

#include <tensorwright/checked.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpu/element_types.h"
#include "cpu/half.h"

namespace tw::cpu {

template <size_t Size>
struct KeyType;
template <>
struct KeyType<1> {
  using type = uint8_t;
};
template <>
struct KeyType<2> {
  using type = uint16_t;
};
template <>
struct KeyType<4> {
  using type = uint32_t;
};
template <>
struct KeyType<8> {
  using type = uint64_t;
};
template <class T>
using Key = typename KeyType<sizeof(T)>::type;

// Of a floating type, from its bits: those of infinity tell NaN.
template <class U>
U float_key(U bits, U infinity) {
  constexpr U kSign = static_cast<U>(U{1} << (sizeof(U) * 8 - 1));
  const U magnitude = static_cast<U>(bits & ~kSign);
  if (magnitude > infinity) return std::numeric_limits<U>::max();
  if (magnitude == 0) return kSign;
  const U negative = static_cast<U>(U{0} - static_cast<U>(bits >> (sizeof(U) * 8 - 1)));  // all ones; no branch
  return static_cast<U>(bits ^ static_cast<U>(negative | kSign));
}

inline uint8_t order_key(uint8_t x) { return x; }
inline uint16_t order_key(uint16_t x) { return x; }
inline uint32_t order_key(uint32_t x) { return x; }
inline uint64_t order_key(uint64_t x) { return x; }
inline uint8_t order_key(int8_t x) { return static_cast<uint8_t>(static_cast<uint8_t>(x) ^ 0x80u); }
inline uint16_t order_key(int16_t x) { return static_cast<uint16_t>(static_cast<uint16_t>(x) ^ 0x8000u); }
inline uint32_t order_key(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }
inline uint64_t order_key(int64_t x) { return static_cast<uint64_t>(x) ^ (uint64_t{1} << 63); }
inline uint16_t order_key(Half x) { return float_key<uint16_t>(x.bits, 0x7C00); }
inline uint16_t order_key(BFloat x) { return float_key<uint16_t>(x.bits, 0x7F80); }
inline uint32_t order_key(float x) { return float_key<uint32_t>(float_bits(x), 0x7F800000u); }
inline uint64_t order_key(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, 8);
  return float_key<uint64_t>(bits, uint64_t{0x7FF} << 52);
}

// Equality of elements: NaN is equal to nothing.
template <class T>
bool same_value(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat>)
    return to_float(a) == to_float(b);
  else
    return a == b;
}

// Element types that have keys; bool counts as uint8.
template <class F>
void visit_sortable(const char* op, tw_dtype dtype, F&& f) {
  if (dtype == kFloat16) return f(Type<Half>());
  if (dtype == kBFloat16) return f(Type<BFloat>());
  visit_ordered(op, dtype, std::forward<F>(f));
}

// An item: the key above, the place below. Keys of up to 32 bits share 64 with places of up to 32.
using Item = uint64_t;
__extension__ typedef unsigned __int128 WideItem;

template <class I>
constexpr int kPlaceBits = sizeof(I) * 4;
template <class I>
int64_t place_of(I item) {
  return static_cast<int64_t>(static_cast<uint64_t>(item & ((I{1} << kPlaceBits<I>)-1)));
}
template <class I>
uint64_t key_of(I item) {
  return static_cast<uint64_t>(item >> kPlaceBits<I>);
}

constexpr int64_t kItemsOfChunk = 32768;  // of a line that is shared among threads

// Items of `count` elements of a line, the first of which has place `first`.
template <class I, class T>
void load_items(const T* line, int64_t stride, int64_t first, int64_t count, bool descending, I* items,
                Key<T> least = 0) {
  const Key<T> flip = static_cast<Key<T>>(descending ? ~Key<T>{0} : Key<T>{0});
  parallel_for(0, count, kItemsOfChunk, [=](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const Key<T> key = static_cast<Key<T>>((order_key(line[(first + k) * stride]) ^ flip) - least);
      items[k] = static_cast<I>(static_cast<I>(key) << kPlaceBits<I>) | static_cast<I>(first + k);
    }
  });
}

// Puts items that stand in the order of their places in the order of their keys; `scratch` has room for as many. Long
// lines are shared among threads.
template <class I>
void sort_items(I* items, I* scratch, int64_t count, int key_bits);
extern template void sort_items<Item>(Item*, Item*, int64_t, int);
extern template void sort_items<WideItem>(WideItem*, WideItem*, int64_t, int);

// Room for items, not initialised.
template <class I>
class ItemBuffer {
 public:
  explicit ItemBuffer(int64_t count) : memory_(empty({checked::mul(count, int64_t{sizeof(I)})}, kUInt8)) {}
  I* data() const { return reinterpret_cast<I*>(memory_.data<uint8_t>()); }

 private:
  Tensor memory_;
};

// The least key of a line, and how many bits tell it from the largest one.
template <class T>
struct KeyRange {
  Key<T> least = std::numeric_limits<Key<T>>::max();
  int bits = 0;

  KeyRange(const T* line, int64_t stride, int64_t count, bool descending) {
    const Key<T> flip = static_cast<Key<T>>(descending ? ~Key<T>{0} : Key<T>{0});
    Key<T> most = 0;
    for (int64_t k = 0; k < count; ++k) {
      const Key<T> key = static_cast<Key<T>>(order_key(line[k * stride]) ^ flip);
      least = std::min(least, key), most = std::max(most, key);
    }
    for (Key<T> rest = static_cast<Key<T>>(most - least); rest; rest = static_cast<Key<T>>(rest >> 1)) ++bits;
  }
};

// f(the items of a line in order); items and scratch have room for `count`. Keys of 64 bits that lie close together,
// as indices and labels do, are sorted as narrow ones.
template <class I, class T, class F>
void with_sorted_items(const T* line, int64_t stride, int64_t count, bool descending, I* items, I* scratch, F&& f) {
  if constexpr (sizeof(T) == 8) {
    const KeyRange<T> range(line, stride, count, descending);
    if (range.bits <= 32 && count <= int64_t{1} << 32) {
      Item* const narrow = reinterpret_cast<Item*>(items);
      load_items(line, stride, 0, count, descending, narrow, range.least);
      sort_items(narrow, reinterpret_cast<Item*>(scratch), count, range.bits);
      return f(narrow);
    }
  }
  load_items(line, stride, 0, count, descending, items);
  sort_items(items, scratch, count, static_cast<int>(sizeof(T) * 8));
  f(items);
}

// Whether items of an element type and a length fit in the narrow kind.
template <class T>
bool fits_item(int64_t length) {
  return sizeof(T) <= 4 && length <= int64_t{1} << 32;
}

// f(Type<I>, Type<T>) for the element type of a dtype and the kind of item that lines of a length need.
template <class F>
void visit_items(const char* op, tw_dtype dtype, int64_t length, F&& f) {
  visit_sortable(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if (fits_item<T>(length))
      f(Type<Item>(), type);
    else
      f(Type<WideItem>(), type);
  });
}

}  // namespace tw::cpu
