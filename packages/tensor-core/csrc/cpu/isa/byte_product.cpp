// Tiles of products of 8-bit integers with sums of 32 bits. All arithmetic is exact (modulo 2^32), so instruction sets
// may group numbers as they like: four bytes, or two numbers of 16 bits, to a lane of 32.
#include <utility>

#include "cpu/isa/row.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tw {
namespace TW_ISA_NS {
namespace {

using cpu::ByteTile;

#if TW_VBYTES == 64 || defined(__aarch64__)
constexpr int kTileRows[] = {1, 2, 4, 8, 14};  // 28 of 32 registers hold sums
#else
constexpr int kTileRows[] = {1, 2, 4, 6};  // 12 of 16
#endif
constexpr int kSizes = sizeof(kTileRows) / sizeof(kTileRows[0]), kMostRows = kTileRows[kSizes - 1];
constexpr int kCols = 2 * lanes_of<I32>;

// ---- lanes of 32 bits ---------------------------------------------------------------------------------------

// Bytes, one for each lane.
TW_INLINE I32 widened(const int8_t* from) {
#if TW_VBYTES == 64
  return (I32)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif TW_VBYTES == 32
  return (I32)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#else
  return I32{from[0], from[1], from[2], from[3]};
#endif
}

// Two signed numbers of 16 bits.
struct Pairs {
  static constexpr int kGroup = 2;
  // sum += the products
  TW_INLINE_MEMBER static I32 add(I32 sum, I32 left, I32 right) {
#if TW_VBYTES == 64
    return sum + (I32)_mm512_madd_epi16((__m512i)left, (__m512i)right);
#elif TW_VBYTES == 32
    return sum + (I32)_mm256_madd_epi16((__m256i)left, (__m256i)right);
#elif defined(__x86_64__)
    return sum + (I32)_mm_madd_epi16((__m128i)left, (__m128i)right);
#else
    return sum + ((left << 16) >> 16) * ((right << 16) >> 16) + (left >> 16) * (right >> 16);
#endif
  }
  TW_INLINE_MEMBER static I32 join(const I32* rows) { return (rows[0] & 0xffff) | (rows[1] << 16); }
  // Part 0 or 1 of four bytes.
  TW_INLINE_MEMBER static I32 part_of(I32 bytes, int part) {
    const I32 low = part ? bytes << 8 : bytes << 24, high = part ? bytes : bytes << 16;
    return ((low >> 24) & 0xffff) | ((high >> 24) << 16);
  }
  TW_INLINE_MEMBER static I32 sum_up(I32 sums, I32) { return sums; }
};

#if TW_VBYTES > 16
// Four bytes, unsigned ones on the left, for processors with VNNI. As text, since the rest of this file must run on
// those without.
struct Quads {
  static constexpr int kGroup = 4;
  TW_INLINE_MEMBER static I32 add(I32 sum, I32 left, I32 right) {
#if TW_VBYTES == 64
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
#else
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(left), "x"(right));
#endif
    return sum;
  }
  TW_INLINE_MEMBER static I32 join(const I32* rows) {
    return (rows[0] & 0xff) | ((rows[1] & 0xff) << 8) | ((rows[2] & 0xff) << 16) | (rows[3] << 24);
  }
  TW_INLINE_MEMBER static I32 part_of(I32 bytes, int) { return bytes; }
  TW_INLINE_MEMBER static I32 sum_up(I32 sums, I32 right) { return add(sums, splat<I32>(0x01010101), right); }
};
#endif

// ---- panels of the right operand ----------------------------------------------------------------------------

// Neighbouring columns are neighbours in memory.
template <class Dot>
void pack_rows(const int8_t* from, int64_t row, int64_t groups, int32_t* to, int32_t* sums) {
  constexpr int n = lanes_of<I32>;
  I32 sum[2] = {load<I32>(sums), load<I32>(sums + n)};
  for (int64_t k = 0; k < groups; ++k, from += Dot::kGroup * row)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      I32 rows[Dot::kGroup];
#pragma GCC unroll 4
      for (int g = 0; g < Dot::kGroup; ++g) rows[g] = widened(from + g * row + v * n);
      const I32 joined = Dot::join(rows);
      store(to + k * kCols + v * n, joined);
      sum[v] = Dot::sum_up(sum[v], joined);
    }
  store(sums, sum[0]), store(sums + n, sum[1]);
}

// Neighbouring rows are, four of which are moved at a time.
template <class Dot>
void pack_columns(const int8_t* from, int64_t column, int64_t groups, int32_t* to, int32_t* sums) {
  constexpr int n = lanes_of<I32>, parts = 4 / Dot::kGroup;
  for (int v = 0; v < 2; ++v) {
    I32 sum = load<I32>(sums + v * n);
    for (int64_t k = 0; k + n * parts <= groups; k += n * parts) {
      I32 block[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i)
        block[i] = load<I32>(reinterpret_cast<const int32_t*>(from + (v * n + i) * column + k * Dot::kGroup));
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < n; ++i)
#pragma GCC unroll 2
        for (int part = 0; part < parts; ++part) {
          const I32 joined = Dot::part_of(block[i], part);
          store(to + (k + i * parts + part) * kCols + v * n, joined);
          sum = Dot::sum_up(sum, joined);
        }
    }
    store(sums + v * n, sum);
  }
}

// ---- tiles --------------------------------------------------------------------------------------------------

// Rows are addressed from every third, since an address has a base and one multiple.
template <class Dot, int rows>
void sum_tile(const ByteTile& t) {
  constexpr int n = lanes_of<I32>, bases = (rows + 2) / 3;
  I32 sum[rows][2] = {};
  const int32_t* left[bases];
  const int64_t row = t.left_row;
#pragma GCC unroll 5
  for (int b = 0; b < bases; ++b) left[b] = t.left + 3 * b * row;
  constexpr int64_t kLine = 16;
  const int32_t *right = t.right, *next = t.left + rows * row;  // rows that follow, which the next tile reads
  for (int64_t k = t.groups; k > 0; --k, right += kCols, next += kLine) {
    __builtin_prefetch(next);
    const I32 columns[2] = {load<I32>(right), load<I32>(right + n)};
#pragma GCC unroll 14
    for (int i = 0; i < rows; ++i) {
      const I32 value = splat<I32>(left[i / 3][i % 3 * row]);
      sum[i][0] = Dot::add(sum[i][0], value, columns[0]);
      sum[i][1] = Dot::add(sum[i][1], value, columns[1]);
    }
#pragma GCC unroll 5
    for (int b = 0; b < bases; ++b) ++left[b];
  }
  const int32_t* const add = t.add;
  int32_t* const out = t.out;
  const int64_t add_row = t.add_row, out_row = t.out_row;
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) store(out + i * out_row + v * n, sum[i][v] + load<I32>(add + i * add_row + v * n));
}

template <class Dot, int... i>
TW_INLINE void run_tile(const ByteTile& t, int size, std::integer_sequence<int, i...>) {
  static constexpr void (*kTiles[])(const ByteTile&) = {sum_tile<Dot, kTileRows[i]>...};
  kTiles[size](t);
}

// Rows or columns that do not exist are summed beside the result.
template <class Dot>
void tile(const ByteTile& t, int64_t rows, int64_t cols) {
  constexpr auto sizes = std::make_integer_sequence<int, kSizes>();
  int size = 0;
  while (kTileRows[size] < rows) ++size;
  if (kTileRows[size] == rows && cols == kCols) return run_tile<Dot>(t, size, sizes);
  static constexpr int32_t zeros[kCols] = {};
  int32_t sums[kMostRows * kCols];
  ByteTile whole = t;
  whole.add = zeros, whole.add_row = 0;
  whole.out = sums, whole.out_row = kCols;
  run_tile<Dot>(whole, size, sizes);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      t.out[i * t.out_row + j] = static_cast<int32_t>(static_cast<uint32_t>(sums[i * kCols + j]) +
                                                      static_cast<uint32_t>(t.add[i * t.add_row + j]));
}

template <class Dot>
constexpr cpu::ByteProductKernels kKernels = {
    kMostRows, kCols, Dot::kGroup, 4 / Dot::kGroup * lanes_of<I32>, pack_rows<Dot>, pack_columns<Dot>, tile<Dot>};

}  // namespace

extern const cpu::ByteProductKernels kBytePairs, kByteQuads;
const cpu::ByteProductKernels kBytePairs = kKernels<Pairs>;
#if TW_VBYTES > 16
const cpu::ByteProductKernels kByteQuads = kKernels<Quads>;
#endif

}  // namespace TW_ISA_NS
}  // namespace tw
