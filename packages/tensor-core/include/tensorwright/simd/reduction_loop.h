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
constexpr int kStrip = 4;  // registers of columns that one pass over the rows accumulates

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

template <class F, class V>
TW_INLINE void store_folded(void* out, V v) {
  V folded = fold_register<F, lanes_of<V> / 2>(v);
  Element<V> result = folded[0];
  std::memcpy(out, &result, sizeof result);
}

template <class F, class V>
TW_INLINE void store_folded(void* out, Complex<V> z) {
  Complex<V> folded = fold_register<F, lanes_of<V> / 2>(z);
  ComplexElement<Element<V>> result = {folded.re[0], folded.im[0]};
  std::memcpy(out, &result, sizeof result);
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

// One block, or less; the map is left behind it.
template <class F, class Map>
TW_INLINE void reduce_block(int64_t n, Map& map, void* out) {
  using V = typename Map::Result;
  constexpr int lanes = lanes_of<V>;
  constexpr int in_tree = lanes < kVirtualLanes ? kVirtualLanes / lanes : 1;
  constexpr int registers = F::template kOrderFree<Element<V>> && in_tree < 4 ? 4 : in_tree;
  constexpr int rounds = registers < 4 ? 4 / registers : 1;
  V total[registers], rest[registers];
  unroll<registers>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template neutral<V>(); });
  for (; n >= rounds * registers * lanes; n -= rounds * registers * lanes) {
    unroll<rounds * registers>(
        [&](int k) TW_INLINE_LAMBDA { total[k % registers] = F::template of<V>(total[k % registers], map.at(k)); });
    map.advance(rounds * registers);
  }
  // What is left goes through memory: a loop over registers would need a copy of the code for each.
  for (int left = int(n); left > 0;) {
    for (V& value : rest) {
      value = F::template neutral<V>();
      if (left > 0) value = select(first_lanes<V>(left), map.first(left), value);
      map.advance(1);
      left -= lanes;
    }
    unroll<registers>([&](int j) TW_INLINE_LAMBDA { total[j] = F::template of<V>(total[j], rest[j]); });
  }
  fold_registers<F, registers / 2>(total);
  store_folded<F>(out, total[0]);
}

constexpr int kBlockElements = 1024;
template <class V>
constexpr int kFoldedBytes = sizeof(Element<V>);
template <class V>
constexpr int kFoldedBytes<Complex<V>> = 2 * sizeof(Element<V>);

// Whole blocks side by side: a block whose 16 lanes fill one or two registers waits for each addition, several do not.
template <class F, int together, class Map>
TW_INLINE void reduce_blocks(Map& map, char* out) {
  using V = typename Map::Result;
  constexpr int lanes = lanes_of<V>, registers = kVirtualLanes / lanes, vectors = kBlockElements / lanes;
  V total[together][registers];
  unroll<together * registers>(
      [&](int k) TW_INLINE_LAMBDA { total[k / registers][k % registers] = F::template neutral<V>(); });
  for (int done = 0; done < vectors; done += registers) {
    unroll<together * registers>([&](int k) TW_INLINE_LAMBDA {
      V& sum = total[k / registers][k % registers];
      sum = F::template of<V>(sum, map.at(k / registers * vectors + k % registers));
    });
    map.advance(registers);
  }
  map.advance((together - 1) * vectors);
  // Through memory: a loop over registers would need a copy of the code for each.
  V halves[together];
  unroll<together>([&](int b) TW_INLINE_LAMBDA {
    fold_registers<F, registers / 2>(total[b]);
    halves[b] = total[b][0];
  });
  for (const V& block : halves) {
    store_folded<F>(out, block);
    out += kFoldedBytes<V>;
  }
}

// A result for each block of 1024 elements; the last may be shorter.
template <class F, class Map>
TW_INLINE void reduce_row(int64_t n, Map map, void* out) {
  using V = typename Map::Result;
  constexpr int registers = lanes_of<V> < kVirtualLanes ? kVirtualLanes / lanes_of<V> : 1;
  char* to = static_cast<char*>(out);
  if constexpr (!F::template kOrderFree<Element<V>> && registers < 4) {
    constexpr int together = 4 / registers;
    for (; n >= together * kBlockElements; n -= together * kBlockElements) {
      reduce_blocks<F, together>(map, to);
      to += together * kFoldedBytes<V>;
    }
  }
  for (; n > 0; n -= kBlockElements) {
    reduce_block<F>(n < kBlockElements ? n : kBlockElements, map, to);
    to += kFoldedBytes<V>;
  }
}

// -- vertical: every column has the tree of its own

template <class V>
struct Column {
  const char* at;
  int64_t row_bytes;
  bool splatted;  // the row's one element serves every column

  TW_INLINE_MEMBER Column(const void* from, int64_t row_stride, uint8_t in_step)
      : at(static_cast<const char*>(from)),
        row_bytes(row_stride * int64_t(sizeof(Element<V>))),
        splatted(in_step == 0) {}
  TW_INLINE_MEMBER V load(int64_t row, int64_t column) const {
    const char* from = at + row * row_bytes;
    if (splatted) return one_element(from);
    return tw::TW_ISA_NS::load<V>(from + column * int64_t(sizeof(Element<V>)));
  }
  TW_INLINE_MEMBER V first(int64_t row, int64_t column, int count) const {
    const char* from = at + row * row_bytes;
    if (splatted) return one_element(from);
    return load_first<V>(from + column * int64_t(sizeof(Element<V>)), count);
  }

 private:
  static TW_INLINE_MEMBER V one_element(const char* from) {
    Element<V> element;
    std::memcpy(&element, from, sizeof element);
    V v;
    splat_into(v, element);
    return v;
  }
};

// Columns of `width` registers: load(row, k) is register k of a row. Lane by lane, so that the sums stay in registers.
template <class F, class V, int width, class Load>
TW_INLINE void reduce_strip(int64_t n, V (&result)[width], Load load) {
  V lane[kVirtualLanes][width];
  const int rows = int(n);
  int present = at_most(rows, kVirtualLanes);
  for (int l = 0; l < present; ++l) {
    V total[width];
    unroll<width>([&](int k) TW_INLINE_LAMBDA { total[k] = F::template neutral<V>(); });
    for (int row = l; row < rows; row += kVirtualLanes) {
      unroll<width>([&](int k) TW_INLINE_LAMBDA { total[k] = F::template of<V>(total[k], load(row, k)); });
    }
    unroll<width>([&](int k) TW_INLINE_LAMBDA { lane[l][k] = total[k]; });
  }
  for (int half = kVirtualLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half && l + half < present; ++l) {
      for (int k = 0; k < width; ++k) lane[l][k] = F::template of<V>(lane[l][k], lane[l + half][k]);
    }
    present = at_most(present, half);
  }
  for (int k = 0; k < width; ++k) result[k] = lane[0][k];
}

template <class F, class Map>
TW_INLINE void reduce_columns(int64_t n, int64_t cols, Map map, void* out) {
  using V = typename Map::Result;
  constexpr int lanes = lanes_of<V>;
  char* to = static_cast<char*>(out);
  int64_t column = 0;
  for (; column + kStrip * lanes <= cols; column += kStrip * lanes) {
    V result[kStrip];
    reduce_strip<F>(n, result, [&](int64_t row, int k) TW_INLINE_LAMBDA { return map.at(row, column + k * lanes); });
    for (int k = 0; k < kStrip; ++k) store(to + (column + k * lanes) * int64_t(sizeof(Element<V>)), result[k]);
  }
  for (; column < cols; column += lanes) {
    V result[1];
    int count = int(cols - column < lanes ? cols - column : lanes);
    reduce_strip<F>(n, result, [&](int64_t row, int) TW_INLINE_LAMBDA { return map.first(row, column, count); });
    store_first(to + column * int64_t(sizeof(Element<V>)), result[0], count);
  }
}

template <class F, class V>
TW_INLINE void combine_columns(int64_t cols, void* acc, const void* other) {
  constexpr int lanes = lanes_of<V>;
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
