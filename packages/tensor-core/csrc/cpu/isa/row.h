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

// Asks for the memory of 16 elements.
template <class V>
TW_INLINE void fetch(const Element<V>* p) {
  constexpr int64_t kLine = 64, kBytes = kVirtualLanes * sizeof(Element<V>);
  for (int64_t at = 0; at < kBytes; at += kLine) __builtin_prefetch(reinterpret_cast<const char*>(p) + at);
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

// How many rows are gone through in turn, where they are short: each waits for its own sums. Not in double, which would
// be as much code again.
template <class V>
constexpr int kTogether = sizeof(Element<V>) == 4 ? 2 : 1;

// body(first row, constant number of rows) for all rows of n elements: several of those that are one block, else one.
template <int together, class F>
TW_INLINE void for_rows(int64_t rows, int64_t n, F body) {
  int64_t row = 0;
  if constexpr (together > 1)
    if (n <= kTreeBlock)
      for (; row + together <= rows; row += together) body(row, std::integral_constant<int, together>{});
  for (; row < rows; ++row) body(row, std::integral_constant<int, 1>{});
}

// Folds value(position, row) over a block of positions of `count` rows in turn: the additions of one do not wait for
// those of another. `beside(i)` is called before the 16 positions from i on.
template <class Fold, class V, int count, class F, class G>
TW_INLINE void reduce_block(int64_t begin, int64_t end, F value, G beside, Element<V> (&folded)[count]) {
  constexpr int registers = Sixteen<Fold, V>::kRegisters;
  Sixteen<Fold, V> rows[count];
  unroll<count>([&](int row) TW_INLINE_LAMBDA { rows[row].clear(); });
  for (; begin + kVirtualLanes <= end; begin += kVirtualLanes) {
    beside(begin);
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      rows[row].take_whole(begin, [&](auto at) TW_INLINE_LAMBDA { return value(at, row); });
    });
  }
  if (begin < end) {
    // Through memory: a loop over registers would need a copy of the code for each.
    V rest[count * registers];
    int k = 0;
    for (V& values : rest) {
      const int row = k / registers, skipped = k % registers * lanes_of<V>;
      const int left = static_cast<int>(end - begin) - skipped;
      values = Fold::template neutral<V>();
      if (left > 0) values = select(first_lanes<V>(left), value(Part<V>{begin + skipped, left}, row), values);
      ++k;
    }
    unroll<count * registers>([&](int i) TW_INLINE_LAMBDA {
      V& lanes = rows[i / registers].lanes[i % registers];
      lanes = Fold::template of<V>(lanes, rest[i]);
    });
  }
  unroll<count>([&](int row) TW_INLINE_LAMBDA { folded[row] = rows[row].fold(); });
}

// Folds value(position, row) over all positions of a row, or of several that are one block.
template <class Fold, class V, int count, class F, class G>
TW_INLINE void reduce_rows(int64_t n, F value, G beside, Element<V> (&totals)[count]) {
  if constexpr (count > 1) {
    reduce_block<Fold, V>(0, n, value, beside, totals);
  } else {
    BlockTree<Fold, V> tree;
    int64_t begin = 0;
    do {
      reduce_block<Fold, V>(begin, begin + at_most(n - begin, kTreeBlock), value, beside, totals);
      tree.push(totals[0]);
      begin += kTreeBlock;
    } while (begin < n);
    totals[0] = tree.total();
  }
}

// The same for a fold that any order gives the same bits for, with `chains` additions at a time for each row.
template <class Fold, class V, int chains, int count, class F>
TW_INLINE void reduce_rows_in_any_order(int64_t n, F value, Element<V> (&totals)[count]) {
  constexpr int64_t kStep = chains * lanes_of<V>;
  V folded[count][chains];
  unroll<count * chains>([&](int k) TW_INLINE_LAMBDA { folded[k % count][k / count] = Fold::template neutral<V>(); });
  const auto take = [&](int row, int chain, auto at) TW_INLINE_LAMBDA {
    folded[row][chain] = Fold::template of<V>(folded[row][chain], value(at, row));
  };
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep)
    unroll<count * chains>([&](int k)
                               TW_INLINE_LAMBDA { take(k % count, k / count, Whole<V>{i + k / count * lanes_of<V>}); });
  for (; i < n; i += lanes_of<V>) {
    const int left = at_most(static_cast<int>(n - i), lanes_of<V>);
    unroll<count>([&](int row) TW_INLINE_LAMBDA {
      const V rest = value(Part<V>{i, left}, row);
      folded[row][0] =
          Fold::template of<V>(folded[row][0], select(first_lanes<V>(left), rest, Fold::template neutral<V>()));
    });
  }
  unroll<count>([&](int row) TW_INLINE_LAMBDA {
    for (int k = 1; k < chains; ++k) folded[row][0] = Fold::template of<V>(folded[row][0], folded[row][k]);
    totals[row] = fold_register<Fold, lanes_of<V> / 2>(folded[row][0])[0];
  });
}

// Folds value(position) over all positions of a row.
template <class Fold, class V, class F>
TW_INLINE Element<V> reduce_row(int64_t n, F value) {
  Element<V> total[1];
  reduce_rows<Fold, V>(
      n, [=](auto at, int) TW_INLINE_LAMBDA { return value(at); }, [](int64_t) TW_INLINE_LAMBDA {}, total);
  return total[0];
}

// Two functions of the same positions folded in one pass.
template <class Fold, class V, class F, class G>
TW_INLINE void reduce_rows_together(int64_t n, F first, G second, Element<V>* one, Element<V>* two) {
  BlockTree<Fold, V> trees[2];
  int64_t begin = 0;
  do {
    Element<V> folded[2];
    reduce_block<Fold, V>(
        begin, begin + at_most(n - begin, kTreeBlock),
        [=](auto at, int k) TW_INLINE_LAMBDA { return k == 0 ? first(at) : second(at); },
        [](int64_t) TW_INLINE_LAMBDA {}, folded);
    trees[0].push(folded[0]);
    trees[1].push(folded[1]);
    begin += kTreeBlock;
  } while (begin < n);
  *one = trees[0].total();
  *two = trees[1].total();
}

}  // namespace TW_ISA_NS
}  // namespace tw
