// Element copies and fills on the CPU.
#include "cpu/copies/copy.h"

#include <algorithm>
#include <cstring>

#include "cpu/copies/cast.h"
#include "cpu/copies/movement.h"
#include "cpu/copies/plane.h"
#include "cpu/space.h"
#include "runtime/dtype.h"
#include "threads/pool.h"

namespace tw::cpu {

namespace {

constexpr int64_t kChunk = 32768;  // elements of one chunk of a parallel loop
constexpr int64_t kTile = 64;      // rows and columns of a transposed tile: its cache lines fit the first level

// Exchanges dimensions so that the one along which the source is dense comes right before the last (along which
// the destination is). Says whether there is such a dimension, so that tiles are to be square.
bool prepare_transpose(Space& space, int64_t src_item) {
  const int last = space.ndim - 1;
  if (last < 1 || space.strides[1][last] == src_item) return false;
  for (int d = 0; d < last; ++d) {
    if (space.strides[1][d] != src_item || space.shape[d] < 8) continue;
    std::swap(space.shape[d], space.shape[last - 1]);
    for (int s = 0; s < 2; ++s) std::swap(space.strides[s][d], space.strides[s][last - 1]);
    return true;
  }
  return false;
}

// The last two dimensions cut into tiles; every tile of every outer index is one unit of work.
struct Tiling {
  int64_t rows, cols;  // of the plane
  int64_t tile_rows, tile_cols;
  int64_t row_tiles, col_tiles, outer;

  Tiling(const Space& space, bool square) {
    const int n = space.ndim;
    cols = n > 0 ? space.shape[n - 1] : 1;
    rows = n > 1 ? space.shape[n - 2] : 1;
    tile_cols = square ? kTile : std::min(cols, kChunk);
    tile_rows = square ? kTile : std::max<int64_t>(1, std::min(rows, kChunk / tile_cols));
    row_tiles = (rows - 1) / tile_rows + 1;
    col_tiles = (cols - 1) / tile_cols + 1;
    outer = space.numel / (rows * cols);
  }
  int64_t count() const { return outer * row_tiles * col_tiles; }
  int64_t per_chunk() const { return std::max<int64_t>(1, kChunk / (tile_rows * tile_cols)); }
};

// The byte offset of an index over all but the last two dimensions.
int64_t outer_offset(const Space& space, int stream, int64_t index) {
  int64_t bytes = 0;
  for (int d = space.ndim - 3; d >= 0; --d) {
    bytes += index % space.shape[d] * space.strides[stream][d];
    index /= space.shape[d];
  }
  return bytes;
}

int64_t plane_stride(const Space& space, int stream, int from_end) {
  return space.ndim >= from_end ? space.strides[stream][space.ndim - from_end] : 0;
}

// Kernels that transpose a tile, for a copy without a cast between the two dense directions; null for others.
TransposeKernel transpose_kernel(const Space& space, bool transposed, tw_dtype from, tw_dtype to) {
  const int64_t item = item_size(to);
  if (!transposed || from != to || space.strides[0][space.ndim - 1] != item) return nullptr;
  if (item == 4) return movement_kernels().transpose_32;
  return item == 8 ? movement_kernels().transpose_64 : nullptr;
}

struct CopyPlan {
  const Space& space;
  Tiling tiling;
  CastFn cast;
  int64_t item;               // 0 if the dtypes differ
  TransposeKernel transpose;  // or null
  char* dst;
  const char* src;

  void copy_tile(int64_t unit) const {
    const Tiling& t = tiling;
    const int64_t col = unit % t.col_tiles * t.tile_cols, row = unit / t.col_tiles % t.row_tiles * t.tile_rows;
    const int64_t outer = unit / (t.col_tiles * t.row_tiles);
    const int64_t rows = std::min(t.tile_rows, t.rows - row), cols = std::min(t.tile_cols, t.cols - col);
    const int64_t dr = plane_stride(space, 0, 2), dc = plane_stride(space, 0, 1);
    const int64_t sr = plane_stride(space, 1, 2), sc = plane_stride(space, 1, 1);
    char* to = dst + outer_offset(space, 0, outer) + row * dr + col * dc;
    const char* from = src + outer_offset(space, 1, outer) + row * sr + col * sc;
    if (transpose) return transpose(cols, rows, from, sc, to, dr);
    copy_plane(cast, item, rows, cols, from, {sr, sc}, to, {dr, dc});
  }
};

}  // namespace

void copy_elements(TensorRef dst, TensorRef src) {
  if (dst.numel() == 0) return;
  const int64_t item = item_size(dst.dtype());
  if (dst.dtype() == src.dtype() && dst.is_contiguous() && src.is_contiguous() && dst.numel() == src.numel() &&
      dst.numel() <= kChunk) {
    std::memmove(dst.data<void>(), src.data<void>(), dst.numel() * item);
    return;
  }
  Space space(dst.shape().data(), dst.ndim());
  space.add(dst.get());
  space.add(src.get());
  space.reorder_by_first();
  const bool transposed = prepare_transpose(space, item_size(src.dtype()));
  const CopyPlan plan{space,
                      Tiling(space, transposed),
                      cast_function(dtype_id(src.dtype()), dtype_id(dst.dtype())),
                      src.dtype() == dst.dtype() ? item : 0,
                      transpose_kernel(space, transposed, src.dtype(), dst.dtype()),
                      dst.data<char>(),
                      src.data<char>()};
  check(threads::parallel_for(0, plan.tiling.count(), plan.tiling.per_chunk(), [&plan](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) plan.copy_tile(unit);
  }));
}

namespace {

// n elements, dense: the first few by hand, the rest as copies of what is there, doubling.
void fill_run(char* to, int64_t n, const char* value, int64_t item) {
  if (std::all_of(value, value + item, [&](char c) { return c == value[0]; })) {
    std::memset(to, value[0], n * item);
    return;
  }
  const int64_t bytes = n * item;
  std::memcpy(to, value, item);
  for (int64_t done = item; done < bytes;) {
    const int64_t step = std::min({done, bytes - done, int64_t{4096}});
    std::memcpy(to + done, to, step);
    done += step;
  }
}

}  // namespace

void clear_bytes(void* data, int64_t bytes) {
  constexpr int64_t kPiece = int64_t{1} << 20, kMost = int64_t{1} << 60;  // more than there can be
  char* to = static_cast<char*>(data);
  check(threads::parallel_for(0, checked::within(bytes, 0, kMost), kPiece, [to](int64_t begin, int64_t end) {
    std::memset(to + begin, 0, static_cast<size_t>(end - begin));
  }));
}

void fill_elements(TensorRef dst, const void* value) {
  if (dst.numel() == 0) return;
  Space space(dst.shape().data(), dst.ndim());
  space.add(dst.get());
  space.reorder_by_first();
  const DtypeId id = dtype_id(dst.dtype());
  const CastFn spread = cast_function(id, id);
  const int64_t item = item_size(dst.dtype()), step = plane_stride(space, 0, 1);
  const char* from = static_cast<const char*>(value);
  char* to = dst.data<char>();
  check(threads::parallel_for(0, space.numel, kChunk, [&](int64_t begin, int64_t end) {
    for (Walker walk(space, begin); begin < end;) {
      const int64_t n = std::min(end - begin, walk.left_in_run());
      if (step == item || n == 1)
        fill_run(to + walk.offset(0), n, from, item);
      else
        spread(n, from, 0, to + walk.offset(0), step);
      begin += n;
      walk.advance(n);
    }
  }));
}

}  // namespace tw::cpu
