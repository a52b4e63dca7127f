// The inner part of sampling images and volumes at the points of a grid, compiled for each instruction set.
//
// The elements that a value is made of form a patch of `rows` rows of `columns` neighbours, the same for all points
// but for where it begins: 1, 2 or 4 columns in each row of 1, 2 or 4 of one plane, or of two planes. A patch lies
// inside of its image; elements of it that do not count, beside the image's border, have no weight.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tw::cpu {

enum class GridMode : int64_t { kLinear, kNearest, kCubic };
enum class GridPadding : int64_t { kZeros, kBorder, kReflection };

constexpr int64_t kGridBlock = 128;  // points at a time
constexpr int kMostPatchRows = 4, kMostPatchColumns = 4;

// Distances in elements; directions are x, y, z. At least a patch fits into the volume that `row_length` and
// `plane_length` say, which is larger than `size` for smaller images.
struct GridGeometry {
  int dims;
  int64_t size[3];
  int64_t row_length, plane_length, volume_length;
  GridMode mode;
  GridPadding padding;
  bool align_corners;
  int columns, rows;                   // of a patch
  int64_t row_offset[kMostPatchRows];  // from its beginning
};

// What patches are along one direction, for a block of points.
template <class T>
struct GridStretches {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

  Index lowest[kGridBlock], counted[kGridBlock];  // the first element; a bit for each that counts
  T weight[4][kGridBlock];
  T slope[4][kGridBlock];  // of the weights, by the point's coordinate; not for single elements
};

// Rows are along y and z: `y` has as many entries as a patch has rows, with the products of their weights, and of y's
// slopes with z's weights; z.slope has the products of y's weights with z's slopes.
template <class T>
struct GridPatches {
  typename GridStretches<T>::Index offset[kGridBlock];  // of a patch's first element in its volume
  GridStretches<T> x, y, z;
};

template <class T>
struct GridKernels {
  // The patches of `count` <= kGridBlock points, of which `points` has all coordinates.
  void (*place_patches)(const GridGeometry& grid, int64_t count, const T* points, GridPatches<T>& patches);
  // The points' values in one volume.
  void (*sample)(const GridGeometry& grid, const GridPatches<T>& patches, int64_t count, const T* volume, T* out);
  // For each point the sums over channels of grad, whose channels are `grad_step` apart, times the slopes of the
  // point's value by its coordinates. Patches of more than one element.
  void (*slopes)(const GridGeometry& grid, const GridPatches<T>& patches, int64_t count, int64_t channels,
                 const T* volumes, const T* grad, int64_t grad_step, T* out);
};

}  // namespace tw::cpu
