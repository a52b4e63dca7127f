// Values of images and volumes at the points of a grid, and the gradients. An image is a volume of one plane.
#include <algorithm>
#include <limits>

#include <tensorwright/checked.hpp>

#include "cpu/element_types.h"
#include "cpu/image/grid_kernels.h"
#include "cpu/isa_kernels.h"
#include "cpu/staging.h"
#include "declarations/vision.h"

namespace tw::cpu {
namespace {

struct GridProblem {
  GridGeometry geometry;
  int64_t images, channels, points;
  tw_dtype dtype;  // to compute in
  int64_t blocks() const { return (points + kGridBlock - 1) / kGridBlock; }
};

// Images that are smaller than a patch are computed in larger ones, of zeros.
GridProblem problem_of(TensorRef input, TensorRef grid, int64_t mode, int64_t padding, bool align_corners) {
  GridProblem p{{}, input.size(0), input.size(1), 1, compute_dtype(input.dtype())};
  GridGeometry& g = p.geometry;
  g.dims = input.ndim() - 2;
  g.mode = static_cast<GridMode>(mode), g.padding = static_cast<GridPadding>(padding), g.align_corners = align_corners;
  g.columns = g.mode == GridMode::kNearest ? 1 : g.mode == GridMode::kLinear ? 2 : 4;
  int64_t room[3] = {1, 1, 1};
  for (int d = 0; d < 3; ++d) g.size[d] = 1;
  for (int d = 0; d < g.dims; ++d) {
    g.size[d] = input.size(-1 - d), p.points *= grid.size(1 + d);
    room[d] = std::max<int64_t>(g.size[d], g.columns);
  }
  g.row_length = room[0], g.plane_length = checked::mul(room[0], room[1]);
  g.volume_length = checked::mul(g.plane_length, room[2]);
  g.rows = 0;
  for (int z = 0; z < (g.dims == 3 ? g.columns : 1); ++z)
    for (int y = 0; y < g.columns; ++y) g.row_offset[g.rows++] = z * g.plane_length + y * g.row_length;
  if (g.volume_length > std::numeric_limits<int32_t>::max()) p.dtype = kFloat64;  // whose offsets have 64 bits
  return p;
}

std::vector<int64_t> roomy_shape(const GridProblem& p) {
  const GridGeometry& g = p.geometry;
  return {p.images, p.channels, g.volume_length / g.plane_length, g.plane_length / g.row_length, g.row_length};
}

bool is_roomy(const GridProblem& p, TensorRef volumes) {
  return p.images * p.channels * p.geometry.volume_length == volumes.numel();
}

// The part of roomy volumes that the images are.
Tensor images_in(TensorRef roomy, TensorRef like) {
  std::vector<int64_t> strides{roomy.stride(0), roomy.stride(1)};
  for (int d = like.ndim() - 2; d > 0; --d) strides.push_back(roomy.stride(-d));
  return as_strided(roomy, like.shape(), strides, 0);
}

Tensor with_room(const GridProblem& p, TensorRef volumes) {
  if (is_roomy(p, volumes)) return dense(volumes, p.dtype);
  const Tensor roomy = empty(roomy_shape(p), p.dtype);
  clear_bytes(roomy.data<void>(), roomy.numel() * item_size(p.dtype));
  copy_elements(images_in(roomy, volumes), volumes);
  return roomy;
}

// body(patches, image, first point, number of points) for blocks of points.
template <class T, class Body>
void for_blocks(const GridProblem& p, const T* grid, int64_t begin, int64_t end, Body body) {
  const GridKernels<T>& kernels = isa_table<GridKernels<T>>();
  GridPatches<T> patches;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / p.blocks(), first = i % p.blocks() * kGridBlock;
    const int64_t count = std::clamp<int64_t>(p.points - first, 0, kGridBlock);
    kernels.place_patches(p.geometry, count, grid + (image * p.points + first) * p.geometry.dims, patches);
    body(patches, image, first, count);
  }
}

int64_t work_of_block(const GridProblem& p) {
  return kGridBlock * (8 + p.channels * p.geometry.rows * p.geometry.columns / 2);
}

// Of one channel.
int64_t work_of_spreading(const GridProblem& p) {
  return p.points * (8 + p.geometry.rows * p.geometry.columns) + p.geometry.volume_length;
}

void sample(const GridProblem& p, TensorRef self, TensorRef grid, TensorRef out) {
  if (out.numel() == 0) return;
  const Tensor input = with_room(p, self), points = dense(grid, p.dtype);
  StagedResult result(out, p.dtype);
  visit_floating("grid_sampler", p.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto run = isa_table<GridKernels<T>>().sample;
    const T* volumes = input.data<T>();
    T* values = result.data<T>();
    parallel_for(0, p.images * p.blocks(), grain_for(work_of_block(p)), [&](int64_t begin, int64_t end) {
      for_blocks(p, points.data<T>(), begin, end,
                 [&](const GridPatches<T>& patches, int64_t image, int64_t first, int64_t count) {
                   for (int64_t c = image * p.channels; c < (image + 1) * p.channels; ++c)
                     run(p.geometry, patches, count, volumes + c * p.geometry.volume_length,
                         values + c * p.points + first);
                 });
    });
  });
  result.commit();
}

// The points of a block that all elements of their patches count for, and the elements of the others: nothing is left
// to branch on in each channel.
template <class T>
struct SpreadPlan {
  struct Element {
    int64_t point, place;
    T weight;
  };
  int64_t whole_count = 0, element_count = 0;
  int64_t whole[kGridBlock];
  Element elements[kGridBlock * kMostPatchRows * kMostPatchColumns];

  SpreadPlan(const GridGeometry& g, const GridPatches<T>& p, int64_t points) {
    const int64_t all_columns = (1 << g.columns) - 1, all_rows = (1 << g.rows) - 1;
    for (int64_t i = 0; i < points; ++i) {
      if (p.x.counted[i] == all_columns && p.y.counted[i] == all_rows)
        whole[whole_count++] = i;
      else
        add_elements(g, p, i);
    }
  }

 private:
  void add_elements(const GridGeometry& g, const GridPatches<T>& p, int64_t i) {
    for (int r = 0; r < g.rows; ++r)
      for (int j = 0; j < g.columns; ++j)
        if (p.y.counted[i] >> r & p.x.counted[i] >> j & 1)
          elements[element_count++] = {i, p.offset[i] + g.row_offset[r] + j, p.y.weight[r][i] * p.x.weight[j][i]};
  }
};

// Adds the gradients of a block's values in one channel to the elements that those were made of.
template <int columns, class T>
void spread(const GridGeometry& g, const GridPatches<T>& p, const SpreadPlan<T>& plan, const T* grad, T* volume) {
  for (int64_t k = 0; k < plan.whole_count; ++k) {
    const int64_t i = plan.whole[k];
    T* to = volume + p.offset[i];
    if constexpr (columns == 1) {
      *to += grad[i];
    } else {
      for (int r = 0; r < g.rows; ++r) {
        const T row = grad[i] * p.y.weight[r][i];
        for (int j = 0; j < columns; ++j) to[g.row_offset[r] + j] += row * p.x.weight[j][i];
      }
    }
  }
  for (int64_t k = 0; k < plan.element_count; ++k) {
    const typename SpreadPlan<T>::Element& e = plan.elements[k];
    volume[e.place] += grad[e.point] * e.weight;
  }
}

// Channels [begin, end) of all images; every one is summed in the order of the points.
template <class T>
void spread_channels(const GridProblem& p, const T* grad, const T* grid, int64_t begin, int64_t end, T* volumes) {
  const GridGeometry& g = p.geometry;
  const auto run = g.columns == 1 ? spread<1, T> : g.columns == 2 ? spread<2, T> : spread<4, T>;
  std::fill(volumes + begin * g.volume_length, volumes + end * g.volume_length, T(0));
  for (int64_t image = begin / p.channels; image * p.channels < end; ++image) {
    const int64_t from = std::max(begin, image * p.channels), to = std::min(end, (image + 1) * p.channels);
    for_blocks(p, grid, image * p.blocks(), (image + 1) * p.blocks(),
               [&](const GridPatches<T>& patches, int64_t, int64_t first, int64_t count) {
                 const SpreadPlan<T> plan(g, patches, count);
                 for (int64_t c = from; c < to; ++c)
                   run(g, patches, plan, grad + c * p.points + first, volumes + c * g.volume_length);
               });
  }
}

template <class T>
void differentiate(const GridProblem& p, const T* grad, const T* volumes, const T* grid, T* to_volumes, T* to_grid) {
  parallel_for(0, p.images * p.channels, grain_for(work_of_spreading(p)),
               [&](int64_t begin, int64_t end) { spread_channels(p, grad, grid, begin, end, to_volumes); });
  const GridGeometry& g = p.geometry;
  if (g.mode == GridMode::kNearest) return clear(to_grid, p.images * p.points * g.dims);
  const auto run = isa_table<GridKernels<T>>().slopes;
  parallel_for(0, p.images * p.blocks(), grain_for(work_of_block(p)), [&](int64_t begin, int64_t end) {
    for_blocks(p, grid, begin, end, [&](const GridPatches<T>& patches, int64_t image, int64_t first, int64_t count) {
      run(g, patches, count, p.channels, volumes + image * p.channels * g.volume_length,
          grad + image * p.channels * p.points + first, p.points, to_grid + (image * p.points + first) * g.dims);
    });
  });
}

void sample_backward(const GridProblem& p, TensorRef grad, TensorRef self, TensorRef grid, TensorRef grad_self,
                     TensorRef grad_grid) {
  const Tensor grads = dense(grad, p.dtype), input = with_room(p, self), points = dense(grid, p.dtype);
  const bool direct = is_roomy(p, self) && grad_self.dtype() == p.dtype;
  const Tensor to_self = direct ? Tensor::retain(grad_self) : empty(roomy_shape(p), p.dtype);
  StagedResult to_grid(grad_grid, p.dtype);
  visit_floating("grid_sampler", p.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    differentiate(p, grads.data<T>(), input.data<T>(), points.data<T>(), to_self.data<T>(), to_grid.data<T>());
  });
  if (!direct) copy_elements(grad_self, images_in(to_self, self));
  to_grid.commit();
}

}  // namespace

void grid_sampler_2d(TensorRef self, TensorRef grid, int64_t interpolation_mode, int64_t padding_mode,
                     bool align_corners, TensorRef out) {
  sample(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), self, grid, out);
}

void grid_sampler_3d(TensorRef self, TensorRef grid, int64_t interpolation_mode, int64_t padding_mode,
                     bool align_corners, TensorRef out) {
  sample(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), self, grid, out);
}

void grid_sampler_2d_backward(TensorRef grad, TensorRef self, TensorRef grid, int64_t interpolation_mode,
                              int64_t padding_mode, bool align_corners, TensorRef grad_self, TensorRef grad_grid) {
  sample_backward(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), grad, self, grid, grad_self,
                  grad_grid);
}

void grid_sampler_3d_backward(TensorRef grad, TensorRef self, TensorRef grid, int64_t interpolation_mode,
                              int64_t padding_mode, bool align_corners, TensorRef grad_self, TensorRef grad_grid) {
  sample_backward(problem_of(self, grid, interpolation_mode, padding_mode, align_corners), grad, self, grid, grad_self,
                  grad_grid);
}

}  // namespace tw::cpu
