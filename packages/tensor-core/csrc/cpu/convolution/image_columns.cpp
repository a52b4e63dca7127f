// Patches of images as columns, and back.
#include <algorithm>
#include <tensorwright/checked.hpp>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/vision.h"

namespace tw::cpu {
namespace {

struct PatchAxis {
  int64_t size, out, stride, padding, dilation;
  // The patches first to last whose tap k lies inside.
  int64_t first_inside(int64_t k) const {
    const int64_t start = k * dilation - padding;
    return start >= 0 ? 0 : std::min((-start + stride - 1) / stride, out);
  }
  int64_t last_inside(int64_t k) const {
    const int64_t room = size - 1 - (k * dilation - padding);
    return room < 0 ? 0 : std::min(room / stride + 1, out);
  }
};

struct Patches {
  int64_t channels;  // of all images
  int64_t kernel[2];
  PatchAxis y, x;
  int64_t pixels() const { return y.size * x.size; }
  int64_t column_count() const { return y.out * x.out; }
  int64_t taps() const { return kernel[0] * kernel[1]; }
};

Patches patches_of(int64_t channels, IntList image, IntList kernel, IntList dilation, IntList padding, IntList stride) {
  const auto axis = [&](size_t d) {
    const int64_t size = image[image.size() - 2 + d], most = int64_t{1} << 61;  // sums of few of these fit
    const int64_t border = checked::within(padding[d], 0, most), padded = size + 2 * border;
    const int64_t spacing = kernel[d] == 1 ? 1 : checked::within(dilation[d], 1, padded);
    const int64_t reach = checked::within(checked::mul(spacing, checked::sub(kernel[d], 1)), 0, padded - 1);
    const int64_t step = std::clamp<int64_t>(stride[d], 1, most);
    return PatchAxis{size, (padded - reach - 1) / step + 1, step, border, spacing};
  };
  const int64_t most = int64_t{1} << 48;  // there is a row of columns for each tap
  return {channels, {checked::within(kernel[0], 1, most), checked::within(kernel[1], 1, most)}, axis(0), axis(1)};
}

// f(row of columns, pixels of the image, patches) for each tap and row of patches inside the image: `count` patches
// from column `first` on meet every stride-th pixel from `pixel` on.
template <class F>
void for_each_run(const Patches& p, F&& f) {
  for (int64_t ky = 0; ky < p.kernel[0]; ++ky)
    for (int64_t kx = 0; kx < p.kernel[1]; ++kx) {
      const int64_t row = ky * p.kernel[1] + kx, first = p.x.first_inside(kx);
      const int64_t count = p.x.last_inside(kx) - first;
      for (int64_t y = p.y.first_inside(ky); count > 0 && y < p.y.last_inside(ky); ++y) {
        const int64_t pixel_y = y * p.y.stride + ky * p.y.dilation - p.y.padding;
        const int64_t pixel_x = first * p.x.stride + kx * p.x.dilation - p.x.padding;
        f(row * p.column_count() + y * p.x.out + first, pixel_y * p.x.size + pixel_x, count);
      }
    }
}

template <class T>
void columns_of_channel(const Patches& p, const T* image, T* columns) {
  std::fill_n(columns, p.taps() * p.column_count(), T(0));
  for_each_run(p, [&](int64_t column, int64_t pixel, int64_t count) {
    for (int64_t i = 0; i < count; ++i) columns[column + i] = image[pixel + i * p.x.stride];
  });
}

template <class T>
void image_of_channel(const Patches& p, const T* columns, T* image) {
  std::fill_n(image, p.pixels(), T(0));
  for_each_run(p, [&](int64_t column, int64_t pixel, int64_t count) {
    for (int64_t i = 0; i < count; ++i) image[pixel + i * p.x.stride] += columns[column + i];
  });
}

void run(const Patches& p, TensorRef from, TensorRef to, bool to_columns) {
  const tw_dtype dtype = compute_dtype(to.dtype());
  const Tensor source = dense(from, dtype);
  StagedResult result(to, dtype);
  visit_floating("im2col", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const int64_t columns = p.taps() * p.column_count(), pixels = p.pixels();
    parallel_for(0, p.channels, grain_for(columns), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        if (to_columns)
          columns_of_channel(p, source.data<T>() + c * pixels, result.data<T>() + c * columns);
        else
          image_of_channel(p, source.data<T>() + c * columns, result.data<T>() + c * pixels);
      }
    });
  });
  result.commit();
}

int64_t channels_of(TensorRef image) {
  int64_t channels = 1;
  for (int d = 0; d < image.ndim() - 2; ++d) channels *= image.size(d);
  return channels;
}

}  // namespace

void im2col(TensorRef self, IntList kernel_size, IntList dilation, IntList padding, IntList stride, TensorRef out) {
  if (out.numel() == 0) return;
  run(patches_of(channels_of(self), self.shape(), kernel_size, dilation, padding, stride), self, out, true);
}

void col2im(TensorRef self, IntList output_size, IntList kernel_size, IntList dilation, IntList padding, IntList stride,
            TensorRef out) {
  if (out.numel() == 0) return;
  run(patches_of(channels_of(out), output_size, kernel_size, dilation, padding, stride), self, out, false);
}

}  // namespace tw::cpu
