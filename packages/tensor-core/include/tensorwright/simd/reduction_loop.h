// The reduction tree over one block, for generated reduction kernels: 16 virtual lanes, each folding every sixteenth
// element in order, then lanes l and l + 8, l + 4, l + 2, l + 1 combined. How many lanes a register holds changes
// nothing: the tree is the same for every instruction set. See docs/expression-language.md.
#pragma once

#include <limits>
#include <type_traits>

#include "pointwise_loop.h"

namespace tw {
namespace TW_ISA_NS {

constexpr int kVirtualLanes = 16;

// -- combining functions. Combining with the neutral value changes no bit, so a lane that has no element can hold it;
// that is why sum's is -0. What is order-free gives the same bits by any tree, so more chains may run side by side.

template <class E>
constexpr E kHighest =
    std::numeric_limits<E>::has_infinity ? std::numeric_limits<E>::infinity() : std::numeric_limits<E>::max();
template <class E>
constexpr E kLowest =
    std::numeric_limits<E>::has_infinity ? -std::numeric_limits<E>::infinity() : std::numeric_limits<E>::min();

template <class V>
struct Neutral {
  static TW_INLINE_MEMBER V sum() { return splat<V>(Element<V>(-0.0)); }
  static TW_INLINE_MEMBER V product() { return splat<V>(1); }
};
template <class V>
struct Neutral<Complex<V>> {
  static TW_INLINE_MEMBER Complex<V> sum() { return {Neutral<V>::sum(), Neutral<V>::sum()}; }
  static TW_INLINE_MEMBER Complex<V> product() { return {Neutral<V>::product(), V{}}; }
};

template <class V>
TW_INLINE V product(V a, V b) {
  return mul(a, b);
}
template <class V>
TW_INLINE auto is_one(Complex<V> z) {
  return and_(eq(z.re, splat<V>(1)), eq(bitcast(z.im), Signed<V>{}));
}
// A factor of exactly 1 leaves the other as it is, be that infinite.
template <class V>
TW_INLINE Complex<V> product(Complex<V> a, Complex<V> b) {
  return select(is_one(a), b, select(is_one(b), a, mul(a, b)));
}

#define TW_COMBINE(Name, order_free, neutral_value, combined) \
  struct Name {                                               \
    template <class E>                                        \
    static constexpr bool kOrderFree = order_free;            \
    template <class V>                                        \
    static TW_INLINE_MEMBER V neutral() {                     \
      return neutral_value;                                   \
    }                                                         \
    template <class V>                                        \
    static TW_INLINE_MEMBER V of(V a, V b) {                  \
      return combined;                                        \
    }                                                         \
  };
TW_COMBINE(Sum, std::is_integral<E>::value, Neutral<V>::sum(), add(a, b))
TW_COMBINE(Prod, std::is_integral<E>::value, Neutral<V>::product(), product(a, b))
TW_COMBINE(Max, true, splat<V>(kLowest<Element<V>>), maximum(a, b))
TW_COMBINE(Min, true, splat<V>(kHighest<Element<V>>), minimum(a, b))
TW_COMBINE(Any, true, splat_mask<V>(false), or_(a, b))
TW_COMBINE(All, true, splat_mask<V>(true), and_(a, b))
#undef TW_COMBINE

// -- the lanes of one register, combined in tree order

// Lane i of the result is lane i + distance of v, wrapping around.
template <int distance, class V, int... i>
TW_INLINE V rotate(V v, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(v, v, ((i + distance) % int(sizeof...(i)))...);
}

template <int distance, class V, int... i>
TW_INLINE Complex<V> rotate(Complex<V> z, std::integer_sequence<int, i...> lanes) {
  return {rotate<distance>(z.re, lanes), rotate<distance>(z.im, lanes)};
}

template <class F, int distance, class V>
TW_INLINE V fold_register(V v) {
  if constexpr (distance == 0) {
    return v;
  } else {
    V above = rotate<distance>(v, std::make_integer_sequence<int, lanes_of<V>>());
    return fold_register<F, distance / 2>(F::template of<V>(v, above));
  }
}

template <class V>
TW_INLINE void store_lane(void* out, V v) {
  Element<V> first = v[0];
  std::memcpy(out, &first, sizeof first);
}
template <class V>
TW_INLINE void store_lane(void* out, Complex<V> z) {
  ComplexElement<Element<V>> first = {z.re[0], z.im[0]};
  std::memcpy(out, &first, sizeof first);
}

template <class F, class V>
TW_INLINE void store_folded(void* out, V v) {
  store_lane(out, fold_register<F, lanes_of<V> / 2>(v));
}

// Truth values combine to the same whatever the order, so masks fold as bytes.
template <class F, class M>
TW_INLINE void store_folded_mask(void* out, M m) {
  uint8_t bytes[TW_VBYTES];
  store(bytes, m);
  M8 folded = load_first<M8>(bytes, 1);
  for (int i = 1; i < lanes_of<M>; ++i) folded = F::template of<M8>(folded, load_first<M8>(bytes + i, 1));
  store_first(out, folded, 1);
}
template <class F>
TW_INLINE void store_folded(void* out, M8 m) {
  store_folded_mask<F>(out, m);
}
template <class F>
TW_INLINE void store_folded(void* out, M32 m) {
  store_folded_mask<F>(out, m);
}
template <class F>
TW_INLINE void store_folded(void* out, M64 m) {
  store_folded_mask<F>(out, m);
}

template <class F, int half, class V, int registers>
TW_INLINE void fold_registers(V (&total)[registers]) {
  if constexpr (half > 0) {
    unroll<half>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template of<V>(total[j], total[j + half]); });
    fold_registers<F, half / 2>(total);
  }
}

// -- horizontal: map.at(k) is the k-th vector of mapped elements from here, map.first(count) its first lanes

template <class V>
constexpr int kTreeRegisters = lanes_of<V> < kVirtualLanes ? kVirtualLanes / lanes_of<V> : 1;

// n elements, register by register in turn; the map is left behind them.
template <class F, class Map, class V, int registers>
TW_INLINE void accumulate(int64_t n, Map& map, V (&total)[registers]) {
  constexpr int lanes = lanes_of<V>, rounds = registers < 4 ? 4 / registers : 1;
  V rest[registers];
  unroll<registers>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template neutral<V>(); });
  for (; n >= rounds * registers * lanes; n -= rounds * registers * lanes) {
    unroll<rounds * registers>(
        [&](int k) TW_INLINE_LAMBDA { total[k % registers] = F::template of<V>(total[k % registers], map.at(k)); });
    map.advance(rounds * registers);
  }
  if constexpr (rounds > 1)
    for (; n >= registers * lanes; n -= registers * lanes) {
      unroll<registers>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template of<V>(total[j], map.at(j)); });
      map.advance(registers);
    }
  // What is left goes through memory: a loop over registers would need a copy of the code for each.
  if (int left = int(n); left > 0) {
    for (V& value : rest) {
      value = F::template neutral<V>();
      if (left > 0) value = select(first_lanes<V>(left), map.first(left), value);
      map.advance(1);
      left -= lanes;
    }
    unroll<registers>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template of<V>(total[j], rest[j]); });
  }
  fold_registers<F, registers / 2>(total);
}

constexpr int kBlockElements = 1024;
constexpr int kRowHeight = 5;  // of the tree over a call's blocks, at most 32

// Block by block, combined as a binary counter carries. Blocks do not wait for each other, so that a processor that
// looks far enough ahead begins the next while the additions of one wait.
template <class F, class Map>
TW_INLINE void reduce_row(int64_t n, Map map, void* out) {
  using V = typename Map::Result;
  if constexpr (F::template kOrderFree<Element<V>>) {
    V total[kTreeRegisters<V> < 4 ? 4 : kTreeRegisters<V>];
    accumulate<F>(n, map, total);
    store_folded<F>(out, total[0]);
  } else {
    V waiting[kRowHeight + 1], total[kTreeRegisters<V>];
    int height = 0;
    for (int done = 0;; ++done) {
      accumulate<F>(n < kBlockElements ? n : kBlockElements, map, total);
      V block = fold_register<F, lanes_of<V> / 2>(total[0]);
      for (int carry = done; carry & 1; carry >>= 1) block = F::template of<V>(waiting[--height], block);
      waiting[height++] = block;
      n -= kBlockElements;
      if (n <= 0) break;
    }
    V whole = waiting[--height];
    while (height > 0) whole = F::template of<V>(waiting[--height], whole);
    store_lane(out, whole);
  }
}

// Rows of at most a block: between two of them there is nothing that a processor would wait for.
template <class F, class Map>
TW_INLINE void reduce_short_rows(int64_t rows, int64_t n, const void* in, int64_t row_bytes, void* out) {
  using V = typename Map::Result;
  constexpr bool order_free = F::template kOrderFree<Element<V>>;
  V total[order_free && kTreeRegisters<V> < 4 ? 4 : kTreeRegisters<V>];
  for (int64_t row = 0; row < rows; ++row) {
    Map map{{static_cast<const char*>(in) + row * row_bytes, 1}};
    accumulate<F>(n, map, total);
    store_folded<F>(static_cast<char*>(out) + row * int64_t(sizeof(Element<V>)), total[0]);
  }
}

// -- vertical: every column has the tree of its own

// Rows of an operand, some elements apart; one with a step of 0 is a vector that serves all of them.
template <class V>
struct Column {
  Input<V> first_row;
  int64_t row_bytes, column_bytes;

  TW_INLINE_MEMBER Column(const void* from, int64_t row_stride, uint8_t in_step)
      : first_row(from, in_step),
        row_bytes(in_step * row_stride * int64_t(sizeof(Element<V>))),
        column_bytes(in_step * int64_t(sizeof(Element<V>))) {}
  TW_INLINE_MEMBER V load(int64_t row, int64_t column) const { return place(row, column).load(0); }
  TW_INLINE_MEMBER V first(int64_t row, int64_t column, int count) const { return place(row, column).first(count); }

 private:
  TW_INLINE_MEMBER Input<V> place(int64_t row, int64_t column) const {
    Input<V> here = first_row;
    here.at += row * row_bytes + column * column_bytes;
    return here;
  }
};

// Registers of one row that are folded at a time: 16 lanes of them fit in the first-level cache.
template <class V>
constexpr int kStrip = 1024 / (sizeof(V) > TW_VBYTES ? sizeof(V) : TW_VBYTES);

// Adds `together` rows from `row` on, 16 apart and so of one lane, to that lane's registers.
template <class F, int together, int unrolled, class Map, class V>
TW_INLINE void add_rows(const Map& map, int64_t row, int64_t column, int64_t columns, V* lane) {
  constexpr int lanes = lanes_of<V>;
  const auto add = [&](int k, auto read) TW_INLINE_LAMBDA {
    V total = lane[k];
    unroll<together>([&](int i)
                         TW_INLINE_LAMBDA { total = F::template of<V>(total, read(row + i * kVirtualLanes, k)); });
    lane[k] = total;
  };
  const auto whole = [&](int64_t at, int k) TW_INLINE_LAMBDA { return map.at(at, column + k * lanes); };
  const int width = int(columns / lanes);
  int k = 0;
  if constexpr (unrolled > 1)
    for (; k + unrolled <= width; k += unrolled) unroll<unrolled>([&](int i) TW_INLINE_LAMBDA { add(k + i, whole); });
  for (; k < width; ++k) add(k, whole);
  if (k * lanes < columns)
    add(k,
        [&](int64_t at, int) TW_INLINE_LAMBDA { return map.first(at, column + k * lanes, int(columns - k * lanes)); });
}

// Folds rows as they follow in memory, which is what prefetchers follow, each into the lane that it belongs to; two
// rows of a lane at once take half of its loads and stores. Lanes beyond the columns hold anything.
template <class F, int unrolled, class Map>
TW_INLINE void reduce_strip(int64_t n, const Map& map, int64_t column, int64_t columns, void* out) {
  using V = typename Map::Result;
  constexpr int lanes = lanes_of<V>;
  const int rows = int(n), width = int((columns + lanes - 1) / lanes);
  int present = at_most(rows, kVirtualLanes), row = 0;
  V total[kVirtualLanes * kStrip<V>];
  for (int i = 0; i < present * width; ++i) total[i] = F::template neutral<V>();
  if constexpr (unrolled > 1)
    for (; row + 2 * kVirtualLanes <= rows; row += 2 * kVirtualLanes)
      for (int l = 0; l < kVirtualLanes; ++l)
        add_rows<F, 2, unrolled>(map, row + l, column, columns, total + l * width);
  for (; row < rows; ++row) add_rows<F, 1, 1>(map, row, column, columns, total + row % kVirtualLanes * width);
  for (int half = kVirtualLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < (present - half) * width; ++i) total[i] = F::template of<V>(total[i], total[i + half * width]);
    present = at_most(present, half);
  }
  for (int k = 0; k < width; ++k)
    store_first(static_cast<char*>(out) + (column + k * lanes) * int64_t(sizeof(Element<V>)), total[k],
                at_most(int(columns) - k * lanes, lanes));
}

template <class F, int unrolled, class Map>
TW_INLINE void reduce_columns(int64_t n, int64_t cols, Map map, void* out) {
  constexpr int64_t width = kStrip<typename Map::Result> * lanes_of<typename Map::Result>;
  for (int64_t column = 0; column < cols; column += width)
    reduce_strip<F, unrolled>(n, map, column, cols - column < width ? cols - column : width, out);
}

template <class F, class V>
TW_INLINE void combine_columns(int64_t cols, void* acc, const void* other) {
  constexpr int lanes = lanes_of<V>;
  if constexpr (!F::template kOrderFree<Element<V>>)
    if (cols == 1) {  // a part of a register would wait until the stores of both have left the store buffer
      Element<V> elements[2];
      std::memcpy(&elements[0], acc, sizeof elements[0]);
      std::memcpy(&elements[1], other, sizeof elements[1]);
      V both[2];
      splat_into(both[0], elements[0]);
      splat_into(both[1], elements[1]);
      return store_lane(acc, F::template of<V>(both[0], both[1]));
    }
  Input<V> left(acc, 1), right(other, 1);
  Output<V> to(acc);
  for (; cols >= lanes; cols -= lanes) {
    to.store(0, F::template of<V>(left.load(0), right.load(0)));
    left.advance(1);
    right.advance(1);
    to.advance(1);
  }
  const int count = int(cols);
  if (count > 0) to.store_first(F::template of<V>(left.first(count), right.first(count)), count);
}

}  // namespace TW_ISA_NS
}  // namespace tw
