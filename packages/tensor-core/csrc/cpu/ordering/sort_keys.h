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

// Element types whose keys are made each in a way of its own. Signed integers pass as unsigned ones of their size: what
// tells their order from that one is the bit that key_flip turns.
template <class F>
void visit_keyed(const char* op, tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kFloat16:
      return f(Type<Half>());
    case DtypeId::kBFloat16:
      return f(Type<BFloat>());
    case DtypeId::kBool:
    case DtypeId::kUInt8:
    case DtypeId::kInt8:
      return f(Type<uint8_t>());
    case DtypeId::kUInt16:
    case DtypeId::kInt16:
      return f(Type<uint16_t>());
    case DtypeId::kUInt32:
    case DtypeId::kInt32:
      return f(Type<uint32_t>());
    case DtypeId::kUInt64:
    case DtypeId::kInt64:
      return f(Type<uint64_t>());
    case DtypeId::kFloat32:
      return f(Type<float>());
    case DtypeId::kFloat64:
      return f(Type<double>());
    default:
      unsupported_dtype(op, dtype);
  }
}

// The bits in which keys of the order asked for differ from order_key of a type that visit_keyed gives.
template <class T>
Key<T> key_flip(tw_dtype dtype, bool descending) {
  const Key<T> sign = static_cast<Key<T>>(dtype.code == TW_DT_INT ? Key<T>{1} << (sizeof(T) * 8 - 1) : 0);
  return static_cast<Key<T>>(descending ? ~sign : sign);
}

// That of NaN, in a dtype that has it.
inline uint64_t largest_key(tw_dtype dtype) { return ~uint64_t{0} >> (64 - dtype.bits); }

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

// Elements of a dtype, `stride` apart.
struct Line {
  const char* op;  // in whose name a dtype without keys is refused
  tw_dtype dtype;
  const void* data;
  int64_t stride, size;
};

// Items of the first `count` elements of a line, by how far their keys lie above `least`.
template <class I>
void load_items(const Line& line, int64_t count, bool descending, I* items, uint64_t least = 0);
extern template void load_items<Item>(const Line&, int64_t, bool, Item*, uint64_t);
extern template void load_items<WideItem>(const Line&, int64_t, bool, WideItem*, uint64_t);

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

// The least key of a line of elements of 64 bits, and how many bits tell it from the largest one.
struct KeyRange {
  uint64_t least = ~uint64_t{0};
  int bits = 0;

  KeyRange(const Line& line, bool descending);
};

// f(the items of a line in order); items and scratch have room for all. Keys of 64 bits that lie close together, as
// indices and labels do, are sorted as narrow ones.
template <class I, class F>
void with_sorted_items(const Line& line, bool descending, I* items, I* scratch, F&& f) {
  if (line.dtype.bits == 64) {
    const KeyRange range(line, descending);
    if (range.bits <= 32 && line.size <= int64_t{1} << 32) {
      Item* const narrow = reinterpret_cast<Item*>(items);
      load_items(line, line.size, descending, narrow, range.least);
      sort_items(narrow, reinterpret_cast<Item*>(scratch), line.size, range.bits);
      return f(narrow);
    }
  }
  load_items(line, line.size, descending, items);
  sort_items(items, scratch, line.size, line.dtype.bits);
  f(items);
}

// Whether items of a dtype and a length fit in the narrow kind.
inline bool fits_item(tw_dtype dtype, int64_t length) { return dtype.bits <= 32 && length <= int64_t{1} << 32; }

// f(Type<I>) for the kind of item that lines of a dtype and a length need.
template <class F>
void visit_items(tw_dtype dtype, int64_t length, F&& f) {
  if (fits_item(dtype, length))
    f(Type<Item>());
  else
    f(Type<WideItem>());
}

}  // namespace tw::cpu
