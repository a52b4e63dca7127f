// Elements of a few arrays in turn: what stacking along a new last dimension is.
#pragma once

#include <cstdint>

namespace tw::cpu {

constexpr int kMostInterleaved = 4;

// to[i * parts + p] = from[p][i] for elements of `item` bytes; false if there is no such loop (it knows 2 to 4 parts of
// 4 and 8 bytes).
bool interleave(int parts, int64_t item, int64_t count, const char* const* from, char* to);

}  // namespace tw::cpu
