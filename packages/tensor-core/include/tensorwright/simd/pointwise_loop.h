// What generated pointwise kernels are made of: operands that step by a vector or stay, and results.
#pragma once

#include "vec.h"

namespace tw {
namespace TW_ISA_NS {

// An operand read in order. A step of 0 re-reads the same vector, so a kernel has no branch for broadcast operands.
template <class V>
struct Input {
  const char* at;
  int64_t step;

  TW_INLINE_MEMBER Input(const void* from, uint8_t in_step)
      : at(static_cast<const char*>(from)), step(in_step * int64_t(bytes_of<V>)) {}
  TW_INLINE_MEMBER V load(int k) const { return tw::TW_ISA_NS::load<V>(at + k * step); }
  TW_INLINE_MEMBER V first(int count) const { return load_first<V>(at, count); }
  TW_INLINE_MEMBER V up_to(int count) const { return count == lanes_of<V> ? load(0) : first(count); }
  TW_INLINE_MEMBER void advance(int k) { at += k * step; }
};

// The 64 bytes of a splat hold at least one vector, and the second one of a complex operand is then the same.
template <class V>
struct Input<Complex<V>> {
  const char* at;
  int64_t step, upper;

  TW_INLINE_MEMBER Input(const void* from, uint8_t in_step)
      : at(static_cast<const char*>(from)),
        step(in_step * int64_t(2 * sizeof(V))),
        upper(in_step * int64_t(sizeof(V))) {}
  TW_INLINE_MEMBER Complex<V> load(int k) const {
    const char* from = at + k * step;
    return deinterleave(tw::TW_ISA_NS::load<V>(from), tw::TW_ISA_NS::load<V>(from + upper));
  }
  TW_INLINE_MEMBER Complex<V> first(int count) const {
    count = at_most(count, lanes_of<V>);
    return deinterleave(load_first<V>(at, at_most(2 * count, lanes_of<V>)),
                        load_first<V>(at + upper, in_upper<V>(count)));
  }
  TW_INLINE_MEMBER Complex<V> up_to(int count) const { return count == lanes_of<V> ? load(0) : first(count); }
  TW_INLINE_MEMBER void advance(int k) { at += k * step; }
};

template <class V>
struct Output {
  char* at;

  TW_INLINE_MEMBER explicit Output(void* to) : at(static_cast<char*>(to)) {}
  TW_INLINE_MEMBER void store(int k, V v) const { tw::TW_ISA_NS::store(at + k * bytes_of<V>, v); }
  TW_INLINE_MEMBER void store_first(V v, int count) const { tw::TW_ISA_NS::store_first(at, v, count); }
  TW_INLINE_MEMBER void store_up_to(V v, int count) const {
    if (count == lanes_of<V>) {
      store(0, v);
    } else {
      store_first(v, count);
    }
  }
  TW_INLINE_MEMBER void advance(int k) { at += k * bytes_of<V>; }
};

}  // namespace TW_ISA_NS
}  // namespace tw
