// Philox4x32-10 in vectors, and the distributions made of its words.
#include "cpu/isa/functions.h"
#include "cpu/isa/row.h"
#include "cpu/isa_kernels.h"

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::kGroupCounters;
using cpu::kGroupWords;

constexpr int kRounds = 10;
constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;  // of words 0 and 2
constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;              // steps of the key

// Words of as many counters as a vector has 64-bit lanes; each word sits in the low half of its lane, and in the high
// one sits anything.
struct Block {
  U64 word[4];
};
typedef uint32_t HalfWords __attribute__((vector_size(TW_VBYTES / 2)));

// Of the low halves of the lanes, whatever is in the high ones.
TW_INLINE U64 wide_product(U64 x, uint32_t by) {
  const U64 factor = uint64_t(by) - U64{};
#if defined(__x86_64__) && TW_VBYTES == 64
  return (U64)_mm512_mul_epu32((__m512i)x, (__m512i)factor);
#elif defined(__x86_64__) && TW_VBYTES == 32
  return (U64)_mm256_mul_epu32((__m256i)x, (__m256i)factor);
#elif defined(__x86_64__)
  return (U64)_mm_mul_epu32((__m128i)x, (__m128i)factor);
#else
  return (x & uint64_t(0xFFFFFFFFu)) * factor;
#endif
}

TW_INLINE U64 xor3(U64 a, U64 b, U64 c) {
#if TW_VBYTES == 64
  return (U64)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
  return a ^ b ^ c;
#endif
}

// 0, 1, 2, ...
TW_INLINE U64 lane_numbers() {
  U64 result;
  for (int i = 0; i < kLanes64; ++i) result[i] = uint64_t(i);
  return result;
}

TW_INLINE Block philox(Block x, uint32_t key0, uint32_t key1) {
#pragma GCC unroll 10
  for (int round = 0; round < kRounds; ++round) {
    const U64 p0 = wide_product(x.word[0], kMultiplier0), p1 = wide_product(x.word[2], kMultiplier1);
    x = {
        {xor3(p1 >> 32, x.word[1], uint64_t(key0) - U64{}), p1, xor3(p0 >> 32, x.word[3], uint64_t(key1) - U64{}), p0}};
    key0 += kWeyl0, key1 += kWeyl1;
  }
  return x;
}

void philox_words(uint64_t key, uint64_t counter, int64_t groups, uint32_t* out) {
  for (int64_t g = 0; g < groups; ++g, out += kGroupWords)
    for (int lane = 0; lane < kGroupCounters; lane += kLanes64) {
      const U64 counters = lane_numbers() + (counter + uint64_t(g * kGroupCounters + lane));
      const Block first{{counters & uint64_t(0xFFFFFFFFu), counters >> 32, U64{}, U64{}}};
      const Block x = philox(first, uint32_t(key), uint32_t(key >> 32));
#pragma GCC unroll 4
      for (int w = 0; w < 4; ++w) {
        const HalfWords words = __builtin_convertvector(x.word[w], HalfWords);
        std::memcpy(out + w * kGroupCounters + lane, &words, sizeof words);
      }
    }
}

// ---- float32: a word makes a number --------------------------------------------------------------------------

TW_INLINE I32 words_at(const uint32_t* words) { return load<I32>(words); }

// (0, 1], to take logarithms of.
TW_INLINE F32 positive_uniform(I32 word) {
  return add(mul(to_float(ushr_by<1>(word)), splat<F32>(0x1p-31f)), splat<F32>(0x1p-32f));
}

void uniform_f32(int64_t groups, const uint32_t* words, float* out) {
  for (int64_t i = 0; i < groups * kGroupWords; i += kLanes32)
    store(out + i, mul(to_float(ushr_by<8>(words_at(words + i))), splat<F32>(0x1p-24f)));
}

void normal_f32(int64_t groups, const uint32_t* words, float* out) {
  constexpr float kTurn = 0x1.921fb6p-29f;           // 2 pi / 2^32, for angles in [-pi, pi)
  for (int64_t pair = 0; pair < groups * 2; ++pair)  // words 0 and 1, then 2 and 3, of 16 counters
    for (int lane = 0; lane < kGroupCounters; lane += kLanes32) {
      const int64_t first = pair * 2 * kGroupCounters + lane, second = first + kGroupCounters;
      const F32 radius = sqrt(mul(splat<F32>(-2.0f), log(positive_uniform(words_at(words + first)))));
      const F32 angle = mul(to_float(words_at(words + second)), splat<F32>(kTurn));
      store(out + first, mul(radius, cos(angle)));
      store(out + second, mul(radius, sin(angle)));
    }
}

void exponential_f32(int64_t groups, const uint32_t* words, float* out) {
  for (int64_t i = 0; i < groups * kGroupWords; i += kLanes32)
    store(out + i, neg(log(positive_uniform(words_at(words + i)))));
}

// ---- float64: two words make a number ------------------------------------------------------------------------

// 53 random bits of each of the vector's counters, from words `first` and `first` + 1, as an integer.
TW_INLINE I64 wide_bits(const uint32_t* words, int first, int lane) {
  I64 bits{};
  for (int i = 0; i < kLanes64; ++i) {
    const uint64_t low = words[first * kGroupCounters + lane + i],
                   high = words[(first + 1) * kGroupCounters + lane + i];
    bits[i] = int64_t((low | high << 32) >> 11);
  }
  return bits;
}

// out gets 32 values a group: `f` of words 0 and 1, then of words 2 and 3.
template <class F>
TW_INLINE void each_pair(int64_t groups, const uint32_t* words, double* out, F f) {
  for (int64_t g = 0; g < groups; ++g, words += kGroupWords, out += kGroupWords / 2)
    for (int half = 0; half < 2; ++half)
      for (int lane = 0; lane < kGroupCounters; lane += kLanes64)
        store(out + half * kGroupCounters + lane, f(to_float(wide_bits(words, 2 * half, lane))));
}

// (0, 1]
TW_INLINE F64 positive_uniform(F64 bits) { return mul(add(bits, splat<F64>(1.0)), splat<F64>(0x1p-53)); }

void uniform_f64(int64_t groups, const uint32_t* words, double* out) {
  each_pair(groups, words, out, [](F64 bits) TW_INLINE_LAMBDA { return mul(bits, splat<F64>(0x1p-53)); });
}

void exponential_f64(int64_t groups, const uint32_t* words, double* out) {
  each_pair(groups, words, out, [](F64 bits) TW_INLINE_LAMBDA { return neg(log(positive_uniform(bits))); });
}

void normal_f64(int64_t groups, const uint32_t* words, double* out) {
  constexpr double kTurn = 0x1.921fb54442d18p-51;  // 2 pi / 2^53
  for (int64_t g = 0; g < groups; ++g, words += kGroupWords, out += kGroupWords / 2)
    for (int lane = 0; lane < kGroupCounters; lane += kLanes64) {
      const F64 u = positive_uniform(to_float(wide_bits(words, 0, lane)));
      const F64 angle = mul(to_float(wide_bits(words, 2, lane)), splat<F64>(kTurn));
      const F64 radius = sqrt(mul(splat<F64>(-2.0), log(u)));
      store(out + lane, mul(radius, cos(angle)));
      store(out + kGroupCounters + lane, mul(radius, sin(angle)));
    }
}

// ---- dropout --------------------------------------------------------------------------------------------------

// Words as numbers of the type's lanes, comparable with a threshold.
TW_INLINE I32 ordered_words(F32, const uint32_t* words, int count) {
  return xor_(load_first<I32>(words, count), splat<I32>(INT32_MIN));
}
TW_INLINE I64 ordered_words(F64, const uint32_t* words, int count) {
  I64 result{};
  for (int i = 0; i < count; ++i) result[i] = int64_t(words[i]) + INT32_MIN;
  return result;
}

template <class V>
void drop(int64_t n, const uint32_t* words, uint32_t threshold, const Element<V>* x, Element<V> scale,
          Element<V>* out) {
  const auto least = splat<Signed<V>>(Element<Signed<V>>(int64_t(threshold) + INT32_MIN));
  for (int64_t i = 0; i < n; i += lanes_of<V>) {
    const int count = int(at_most(n - i, lanes_of<V>));
    const auto keep = ge(ordered_words(V{}, words + i, count), least);
    store_first(out + i, select(keep, mul(load_first<V>(x + i, count), splat<V>(scale)), V{}), count);
  }
}

}  // namespace

extern const cpu::DropoutKernels<float> kDropoutF32;
extern const cpu::DropoutKernels<double> kDropoutF64;
const cpu::DropoutKernels<float> kDropoutF32 = {drop<F32>};
const cpu::DropoutKernels<double> kDropoutF64 = {drop<F64>};
extern const cpu::PhiloxKernel kPhilox;
extern const cpu::DistributionKernels<float> kDistributionsF32;
extern const cpu::DistributionKernels<double> kDistributionsF64;
const cpu::PhiloxKernel kPhilox = {philox_words};
const cpu::DistributionKernels<float> kDistributionsF32 = {uniform_f32, normal_f32, exponential_f32};
const cpu::DistributionKernels<double> kDistributionsF64 = {uniform_f64, normal_f64, exponential_f64};

}  // namespace TW_ISA_NS
}  // namespace tw
