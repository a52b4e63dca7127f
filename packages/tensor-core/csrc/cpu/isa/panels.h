// Panels of matrix products: how operands are copied to where a tile reads them, lines side by side.
#pragma once

#include "cpu/half.h"
#include "cpu/isa/narrowing.h"
#include "cpu/isa/row.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {

// ---- what is multiplied -------------------------------------------------------------------------------------
//
// `kGroup` neighbours in the depth of an operand, numbers of type From, are one number of a panel or vector:
//   along: a vector of them from neighbours in memory;
//   across: one for each line, lines being neighbours in memory and the group's numbers `step` from each other;
//   one: a single one, its numbers `step` from each other.
// `count` is how many numbers, or lines, there are, where those are less than a vector's; `numbers` is kGroup, or fewer
// at the depth's end. What is missing is zero. Sums may be rounded to numbers of 16 bits. Panels are multiplied by the
// tiles of `Tile`.

template <class V>
struct Single {
  using Vector = V;
  using From = Element<V>;
  using Tile = Single;
  static constexpr int kGroup = 1;
  static constexpr bool kRounds = false;
  TW_INLINE_MEMBER static V add(V sum, V left, V right) { return fma(left, right, sum); }
  TW_INLINE_MEMBER static V along(const From* p) { return load<V>(p); }
  TW_INLINE_MEMBER static V along(const From* p, int count) { return load_first<V>(p, count); }
  TW_INLINE_MEMBER static V across(const From* p, int64_t, int) { return load<V>(p); }
  TW_INLINE_MEMBER static V across(const From* p, int64_t, int, int count) { return load_first<V>(p, count); }
  TW_INLINE_MEMBER static From one(const From* p, int64_t, int) { return *p; }
};

// The first numbers of a vector of `size`.
template <class Number, int size>
struct First {
  Number numbers[size] = {};
  TW_INLINE_MEMBER First(const Number* p, int count) { std::memcpy(numbers, p, count * sizeof(Number)); }
};

template <class Number>
struct Rounded {
  static constexpr bool kRounds = true;
  TW_INLINE_MEMBER static void store_rounded(Number* to, F32 sums) {
    auto* const bits = reinterpret_cast<uint16_t*>(to);
    if constexpr (std::is_same_v<Number, cpu::BFloat>)
      store_bfloat(bits, bits_of(sums));
    else
      store_half(bits, bits_of(sums));
  }
  TW_INLINE_MEMBER static void store_rounded(Number* to, F32 sums, int count) {
    Number all[kLanes32];
    store_rounded(all, sums);
    std::memcpy(to, all, count * sizeof(Number));
  }
};

// Numbers of 16 bits as float32.
template <class Number>
struct Widened : Rounded<Number> {
  using Vector = F32;
  using Tile = Single<F32>;
  using From = Number;
  static constexpr int kGroup = 1;
  TW_INLINE_MEMBER static F32 add(F32 sum, F32 left, F32 right) { return fma(left, right, sum); }
  TW_INLINE_MEMBER static F32 along(const Number* p) {
    const auto* const bits = reinterpret_cast<const uint16_t*>(p);
    if constexpr (std::is_same_v<Number, cpu::BFloat>)
      return as_float(widened_bfloat(bits));
    else
      return as_float(widened_half(bits));
  }
  TW_INLINE_MEMBER static F32 along(const Number* p, int count) {
    return along(First<Number, kLanes32>(p, count).numbers);
  }
  TW_INLINE_MEMBER static F32 across(const Number* p, int64_t, int) { return along(p); }
  TW_INLINE_MEMBER static F32 across(const Number* p, int64_t, int, int count) { return along(p, count); }
  TW_INLINE_MEMBER static float one(const Number* p, int64_t, int) { return cpu::to_float(*p); }
};

#if TW_VBYTES == 64
// Two numbers of bfloat16, the first in the lower half of 32 bits, and sums of their products. As text, since the rest
// of what is compiled with this must run on processors without the instruction.
struct BFloatPair : Rounded<cpu::BFloat> {
  using Vector = F32;
  using Tile = BFloatPair;
  using From = cpu::BFloat;
  static constexpr int kGroup = 2;
  TW_INLINE_MEMBER static F32 add(F32 sum, F32 left, F32 right) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
    return sum;
  }
  TW_INLINE_MEMBER static F32 along(const From* p) { return load<F32>(reinterpret_cast<const float*>(p)); }
  TW_INLINE_MEMBER static F32 along(const From* p, int count) {
    return along(First<From, 2 * kLanes32>(p, count).numbers);
  }
  TW_INLINE_MEMBER static F32 across(const From* p, int64_t step, int numbers) {
    const U32 low = widened(reinterpret_cast<const uint16_t*>(p));
    if (numbers == 1) return as_float(low);
    return as_float(low | (widened(reinterpret_cast<const uint16_t*>(p + step)) << 16));
  }
  TW_INLINE_MEMBER static F32 across(const From* p, int64_t step, int numbers, int count) {
    const First<From, kLanes32> low(p, count), high(numbers == 1 ? p : p + step, count);
    From both[2 * kLanes32];
    std::memcpy(both, low.numbers, sizeof low.numbers);
    std::memcpy(both + kLanes32, high.numbers, sizeof high.numbers);
    return across(both, kLanes32, numbers);
  }
  TW_INLINE_MEMBER static float one(const From* p, int64_t step, int numbers) {
    const uint32_t high = numbers == 1 ? 0u : p[step].bits;
    return cpu::bits_float(p->bits | high << 16);
  }
};
#endif

// ---- packing ------------------------------------------------------------------------------------------------

// to[k * width + i] = the k-th group of line i < lanes, whose numbers are neighbours; lines that do not exist are the
// first one again.
template <class Terms>
TW_INLINE void pack_lines(const typename Terms::From* from, int64_t line, int64_t lines, int64_t depth, int64_t width,
                          Element<typename Terms::Vector>* to) {
  using V = typename Terms::Vector;
  constexpr int n = lanes_of<V>, block = n * Terms::kGroup;
  int64_t offset[n];
  for (int i = 0; i < n; ++i) offset[i] = i < lines ? i * line : 0;
  V tile[n];
  for (; depth >= block; depth -= block, from += block, to += n * width) {
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) tile[i] = Terms::along(from + offset[i]);
    transpose(tile);
#pragma GCC unroll 16
    for (int j = 0; j < n; ++j) store(to + j * width, tile[j]);
  }
  if (depth == 0) return;
  const int rest = static_cast<int>(depth);
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) tile[i] = Terms::along(from + offset[i], rest);
  transpose(tile);
#pragma GCC unroll 16
  for (int j = 0; j < n; ++j)
    if (j * Terms::kGroup < rest) store(to + j * width, tile[j]);
}

// The same where lines are neighbours: all of a vector's, or the first of them.
template <class Terms, class... Count>
TW_INLINE void pack_across(const typename Terms::From* from, int64_t step, int64_t depth, int64_t width,
                           Element<typename Terms::Vector>* to, Count... lines) {
  constexpr int group = Terms::kGroup;
  for (; depth >= group; depth -= group, from += group * step, to += width)
    store(to, Terms::across(from, step, group, lines...));
  if (depth > 0) store(to, Terms::across(from, step, static_cast<int>(depth), lines...));
}

// The same where neither are.
template <class Terms>
TW_INLINE void pack_elements(const typename Terms::From* from, int64_t line, int64_t step, int64_t lines, int64_t depth,
                             int64_t width, Element<typename Terms::Vector>* to) {
  constexpr int group = Terms::kGroup;
  for (; depth > 0; depth -= group, from += group * step, to += width)
    for (int64_t i = 0; i < lines; ++i)
      to[i] = Terms::one(from + i * line, step, depth < group ? static_cast<int>(depth) : group);
}

// to[k * width + i] = the k-th group of from[i * line + number * step], for i < count.
template <class Terms>
__attribute__((noinline)) void pack(const typename Terms::From* from, int64_t line, int64_t step, int64_t count,
                                    int64_t depth, int64_t width, Element<typename Terms::Vector>* to) {
  constexpr int n = lanes_of<typename Terms::Vector>;
  for (int64_t i = 0; i < count; i += n) {
    const int64_t lines = count - i < n ? count - i : n;
    const typename Terms::From* const first = from + i * line;
    if (step == 1)
      pack_lines<Terms>(first, line, lines, depth, width, to + i);
    else if (line == 1 && lines == n)
      pack_across<Terms>(first, step, depth, width, to + i);
    else if (line == 1)
      pack_across<Terms>(first, step, depth, width, to + i, static_cast<int>(lines));
    else
      pack_elements<Terms>(first, line, step, lines, depth, width, to + i);
  }
}

// ---- panels of the left operand -----------------------------------------------------------------------------

// One panel's part of a few groups. Where there are more rows than the panel has, reading these does no harm.
template <class Terms>
TW_INLINE void pack_part(const typename Terms::From* from, int64_t step, int64_t rows, int64_t depth, int64_t width,
                         Element<typename Terms::Vector>* to) {
  constexpr int n = lanes_of<typename Terms::Vector>;
  for (int64_t v = 0; v < width; v += n)
    if (rows - v >= n)
      pack_across<Terms>(from + v, step, depth, width, to + v);
    else if (rows > v)
      pack_across<Terms>(from + v, step, depth, width, to + v, static_cast<int>(rows - v));
}

// Rows that lie side by side are read in runs of memory: eight groups of the depth for all panels before the next ones.
// Of more, lines whose addresses differ by powers of two push each other out of the first-level cache before the next
// panel reads the rest of them; with fewer, panels are written a line or two at a time.
template <class Terms>
void pack_runs(const cpu::LeftPanels& p, const typename Terms::From* from, int64_t step,
               Element<typename Terms::Vector>* to) {
  constexpr int64_t runs = 8 * Terms::kGroup;
  for (int64_t k = 0; k < p.depth; k += runs) {
    const int64_t depth = p.depth - k < runs ? p.depth - k : runs;
    for (int64_t i = 0; i < p.count; ++i)
      pack_part<Terms>(from + k * step + p.begin[i], step, p.rows - p.begin[i], depth, p.width,
                       to + i * p.panel + k / Terms::kGroup * p.width);
  }
}

template <class Terms>
void pack_left(const cpu::LeftPanels& p, const typename Terms::From* from, int64_t row, int64_t step,
               Element<typename Terms::Vector>* to) {
  if (row == 1 && step != 1) return pack_runs<Terms>(p, from, step, to);
  for (int64_t i = 0; i < p.count; ++i)
    pack<Terms>(from + p.begin[i] * row, row, step, p.begin[i + 1] - p.begin[i], p.depth, p.width, to + i * p.panel);
}

}  // namespace TW_ISA_NS
}  // namespace tw
