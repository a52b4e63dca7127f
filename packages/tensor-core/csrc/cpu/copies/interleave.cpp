#include "cpu/copies/interleave.h"

#include <cstring>

namespace tw::cpu {
namespace {

typedef uint32_t Four __attribute__((vector_size(16)));
typedef uint64_t Two __attribute__((vector_size(16)));

// The vectors of a few elements of each part, in the order in which they are stored.
inline void shuffle(const Four (&in)[2], Four (&out)[2]) {
  out[0] = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5),
  out[1] = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
}
inline void shuffle(const Four (&in)[3], Four (&out)[3]) {
  const Four low = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);   // a0 b0 a1 b1
  const Four high = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);  // a2 b2 a3 b3
  out[0] = __builtin_shufflevector(low, in[2], 0, 1, 4, 2);
  out[1] = __builtin_shufflevector(__builtin_shufflevector(low, in[2], 3, 5, 3, 5), high, 0, 1, 4, 5);
  out[2] = __builtin_shufflevector(in[2], high, 2, 6, 7, 3);
}
inline void shuffle(const Four (&in)[4], Four (&out)[4]) {
  const Four ab_low = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
  out[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
  out[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  out[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  out[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}
inline void shuffle(const Two (&in)[2], Two (&out)[2]) {
  out[0] = __builtin_shufflevector(in[0], in[1], 0, 2), out[1] = __builtin_shufflevector(in[0], in[1], 1, 3);
}
inline void shuffle(const Two (&in)[3], Two (&out)[3]) {
  out[0] = __builtin_shufflevector(in[0], in[1], 0, 2), out[1] = __builtin_shufflevector(in[2], in[0], 0, 3);
  out[2] = __builtin_shufflevector(in[1], in[2], 1, 3);
}
inline void shuffle(const Two (&in)[4], Two (&out)[4]) {
  out[0] = __builtin_shufflevector(in[0], in[1], 0, 2), out[1] = __builtin_shufflevector(in[2], in[3], 0, 2);
  out[2] = __builtin_shufflevector(in[0], in[1], 1, 3), out[3] = __builtin_shufflevector(in[2], in[3], 1, 3);
}

template <class V, int parts>
void run(int64_t count, const char* const* from, char* to) {
  constexpr int64_t item = sizeof(V{}[0]), lanes = sizeof(V) / item;
  const char* in[parts];
  std::memcpy(in, from, sizeof in);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes, to += parts * sizeof(V)) {
    V vectors[parts], shuffled[parts];
    for (int p = 0; p < parts; ++p) std::memcpy(&vectors[p], in[p] + i * item, sizeof(V));
    shuffle(vectors, shuffled);
    std::memcpy(to, shuffled, sizeof shuffled);
  }
  for (; i < count; ++i)
    for (int p = 0; p < parts; ++p, to += item) std::memcpy(to, in[p] + i * item, item);
}

}  // namespace

bool interleave(int parts, int64_t item, int64_t count, const char* const* from, char* to) {
  if (parts < 2 || parts > kMostInterleaved || (item != 4 && item != 8)) return false;
  constexpr decltype(&run<Four, 2>) loops[2][3] = {{run<Four, 2>, run<Four, 3>, run<Four, 4>},
                                                   {run<Two, 2>, run<Two, 3>, run<Two, 4>}};
  loops[item / 8][parts - 2](count, from, to);
  return true;
}

}  // namespace tw::cpu
