// Loops over rows of memory in vectors, and sums over them in the reduction tree: 16 virtual lanes, blocks of 1024.
#pragma once

#include <tensorwright/simd/reduction_loop.h>

#define TW_INLINE_LAMBDA __attribute__((always_inline))

namespace tw {
namespace TW_ISA_NS {

// A vector's worth of positions in a row: all of them, or the first few at the row's end.
template <class V>
struct Whole {
  int64_t at;
  TW_INLINE_MEMBER V operator()(const Element<V>* p) const { return load<V>(p + at); }
  TW_INLINE_MEMBER void store(Element<V>* p, V v) const { tw::TW_ISA_NS::store(p + at, v); }
};
template <class V>
struct Part {
  int64_t at;
  int count;
  TW_INLINE_MEMBER V operator()(const Element<V>* p) const { return load_first<V>(p + at, count); }
  TW_INLINE_MEMBER void store(Element<V>* p, V v) const { store_first(p + at, v, count); }
};

// body(position) for each vector of a row.
template <class V, class F>
TW_INLINE void for_row(int64_t n, F body) {
  int64_t i = 0;
  for (; i + lanes_of<V> <= n; i += lanes_of<V>) body(Whole<V>{i});
  if (i < n) body(Part<V>{i, static_cast<int>(n - i)});
}

// The 16 virtual lanes of a block.
template <class Fold, class V>
struct Sixteen {
  static constexpr int kRegisters = kVirtualLanes / lanes_of<V>;
  V lanes[kRegisters];

  TW_INLINE_MEMBER void clear() {
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) lanes[r] = Fold::template neutral<V>();
  }
  template <class F>
  TW_INLINE_MEMBER void take_whole(int64_t at, F value) {
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r)
      lanes[r] = Fold::template of<V>(lanes[r], value(Whole<V>{at + r * lanes_of<V>}));
  }
  template <class F>
  TW_INLINE_MEMBER void take(int64_t begin, int64_t end, F value) {
    int64_t i = begin;
    for (; i + kVirtualLanes <= end; i += kVirtualLanes) take_whole(i, value);
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) take_rest(r, i + r * lanes_of<V>, end, value);
  }
  TW_INLINE_MEMBER Element<V> fold() const {
    V folded[kRegisters];
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) folded[r] = lanes[r];
#pragma GCC unroll 4
    for (int half = kRegisters / 2; half > 0; half /= 2)
#pragma GCC unroll 4
      for (int r = 0; r < half; ++r) folded[r] = Fold::template of<V>(folded[r], folded[r + half]);
    return fold_register<Fold, lanes_of<V> / 2>(folded[0])[0];
  }

 private:
  template <class F>
  TW_INLINE_MEMBER void take_rest(int r, int64_t at, int64_t end, F value) {
    if (at + lanes_of<V> <= end) {
      lanes[r] = Fold::template of<V>(lanes[r], value(Whole<V>{at}));
    } else if (at < end) {
      const int count = static_cast<int>(end - at);
      const V rest = select(first_lanes<V>(count), value(Part<V>{at, count}), Fold::template neutral<V>());
      lanes[r] = Fold::template of<V>(lanes[r], rest);
    }
  }
};

// Block results combined as a balanced binary tree in order: entry k holds what 2^k blocks gave.
template <class Fold, class V>
struct BlockTree {
  Element<V> partial[56];
  int height = 0;
  int64_t blocks = 0;

  TW_INLINE_MEMBER static Element<V> combine(Element<V> a, Element<V> b) {
    return Fold::template of<V>(splat<V>(a), splat<V>(b))[0];
  }
  TW_INLINE_MEMBER void push(Element<V> block) {
    for (int64_t k = blocks++; k & 1; k >>= 1) block = combine(partial[--height], block);
    partial[height++] = block;
  }
  TW_INLINE_MEMBER Element<V> total() const {
    Element<V> result = partial[height - 1];
    for (int k = height - 2; k >= 0; --k) result = combine(partial[k], result);
    return result;
  }
};

constexpr int64_t kTreeBlock = 1024;

// Folds value(position) over all positions of a row.
template <class Fold, class V, class F>
TW_INLINE Element<V> reduce_row(int64_t n, F value) {
  BlockTree<Fold, V> tree;
  int64_t begin = 0;
  do {
    Sixteen<Fold, V> block;
    block.clear();
    block.take(begin, begin + at_most(n - begin, kTreeBlock), value);
    tree.push(block.fold());
    begin += kTreeBlock;
  } while (begin < n);
  return tree.total();
}

// Two functions of the same positions folded in one pass: the additions of one do not wait for those of the other.
template <class Fold, class V, class F, class G>
TW_INLINE void reduce_rows_together(int64_t n, F first, G second, Element<V>* one, Element<V>* two) {
  BlockTree<Fold, V> trees[2];
  int64_t begin = 0;
  do {
    const int64_t end = begin + at_most(n - begin, kTreeBlock);
    Sixteen<Fold, V> a, b;
    a.clear();
    b.clear();
    for (; begin + kVirtualLanes <= end; begin += kVirtualLanes) {
      a.take_whole(begin, first);
      b.take_whole(begin, second);
    }
    a.take(begin, end, first);
    b.take(begin, end, second);
    trees[0].push(a.fold());
    trees[1].push(b.fold());
    begin = end;
  } while (begin < n);
  *one = trees[0].total();
  *two = trees[1].total();
}

}  // namespace TW_ISA_NS
}  // namespace tw
