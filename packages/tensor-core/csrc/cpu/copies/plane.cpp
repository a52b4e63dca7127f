#include "cpu/copies/plane.h"

#include <algorithm>
#include <cstring>

namespace tw::cpu {

namespace {

constexpr int64_t kShortRow = 16;      // elements of a row that is not worth a call of its own
constexpr int64_t kRowsAtATime = 256;  // of columns of short rows: their cache lines stay in the first level

template <int bytes>
void copy_rows(int64_t rows, const char* from, int64_t from_row, char* to, int64_t to_row) {
  for (int64_t i = 0; i < rows; ++i) std::memcpy(to + i * to_row, from + i * from_row, bytes);
}

// Rows of a few bytes: a copy of known length is a load and a store.
bool copy_dense_rows(int64_t rows, int64_t bytes, const char* from, int64_t from_row, char* to, int64_t to_row) {
  switch (bytes) {
    case 4:
      return copy_rows<4>(rows, from, from_row, to, to_row), true;
    case 8:
      return copy_rows<8>(rows, from, from_row, to, to_row), true;
    case 12:
      return copy_rows<12>(rows, from, from_row, to, to_row), true;
    case 16:
      return copy_rows<16>(rows, from, from_row, to, to_row), true;
    case 24:
      return copy_rows<24>(rows, from, from_row, to, to_row), true;
    case 32:
      return copy_rows<32>(rows, from, from_row, to, to_row), true;
    case 64:
      return copy_rows<64>(rows, from, from_row, to, to_row), true;
    default:
      return false;
  }
}

}  // namespace

void copy_plane(CastFn cast, int64_t item, int64_t rows, int64_t cols, const char* from, PlaneSteps source, char* to,
                PlaneSteps target) {
  const bool dense = item && source.element == item && target.element == item;
  if (dense && copy_dense_rows(rows, cols * item, from, source.row, to, target.row)) return;
  if (cols >= kShortRow || cols >= rows) {
    for (int64_t i = 0; i < rows; ++i)
      cast(cols, from + i * source.row, source.element, to + i * target.row, target.element);
    return;
  }
  for (int64_t i = 0; i < rows; i += kRowsAtATime)
    for (int64_t j = 0; j < cols; ++j)
      cast(std::min(kRowsAtATime, rows - i), from + i * source.row + j * source.element, source.row,
           to + i * target.row + j * target.element, target.row);
}

}  // namespace tw::cpu
