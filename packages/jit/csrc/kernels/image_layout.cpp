#include "image_layout.h"

#include <tensorwright/checked.hpp>

namespace tw::jit {
namespace {

constexpr int64_t kMostBorder = 1 << 10;

Border checked_border(IntList border, const char* op) {
  if (border.size() == 2 && border[0] >= 0 && border[1] >= 0 && border[0] <= kMostBorder && border[1] <= kMostBorder)
    return {border[0], border[1]};
  throw Error(TW_E_VALUE, std::string(op) + ": border must be two numbers from 0 to " + std::to_string(kMostBorder));
}

// The part of a dimension between its borders.
Tensor inside(TensorRef t, int64_t dim, int64_t border) {
  static const OpHandle slice("tw::slice");
  return slice.call({to_value(t), to_value(dim), to_value(border), to_value(t.size(static_cast<int>(dim)) - border)});
}

Tensor permuted(TensorRef t, const std::vector<int64_t>& order) {
  static const OpHandle permute("tw::permute");
  return permute.call({to_value(t), to_value(IntList(order))});
}

Tensor reshaped(TensorRef t, const std::vector<int64_t>& shape) {
  static const OpHandle reshape("tw::reshape");
  return reshape.call({to_value(t), to_value(IntList(shape))});
}

}  // namespace

std::vector<int64_t> planes_shape(IntList blocks, const Border& border) {
  if (blocks.size() != 5 || blocks[4] != kBlockChannels) return {};
  const int64_t height = blocks[2] - 2 * border[0], width = blocks[3] - 2 * border[1];
  if (height < 0 || width < 0) return {};
  return {blocks[0], checked::mul(blocks[1], kBlockChannels), height, width};
}

std::vector<int64_t> blocks_shape(IntList planes, const Border& border) {
  if (planes.size() != 4 || planes[1] % kBlockChannels) return {};
  return {planes[0], planes[1] / kBlockChannels, checked::add(planes[2], 2 * border[0]),
          checked::add(planes[3], 2 * border[1]), kBlockChannels};
}

Tensor to_blocks(TensorRef self, IntList around) {
  static const OpHandle pad("tw::constant_pad_nd"), contiguous("tw::contiguous");
  const Border border = checked_border(around, "to_blocks");
  const std::vector<int64_t> shape = blocks_shape(self.shape(), border);
  if (shape.empty())
    throw Error(TW_E_VALUE, "to_blocks: self must be images [N, C, H, W] with a multiple of 16 channels");
  const int64_t padding[] = {border[1], border[1], border[0], border[0]};
  const Tensor padded = pad.call({to_value(self), to_value(IntList(padding, 4))});
  const Tensor split = reshaped(padded, {shape[0], shape[1], kBlockChannels, shape[2], shape[3]});
  return contiguous.call({to_value(static_cast<TensorRef>(permuted(split, {0, 1, 3, 4, 2})))});
}

Tensor to_planes(TensorRef self, IntList around) {
  const Border border = checked_border(around, "to_planes");
  const std::vector<int64_t> shape = planes_shape(self.shape(), border);
  if (shape.empty())
    throw Error(TW_E_VALUE,
                "to_planes: self must be images in blocks, [N, C / 16, H, W, 16], of no fewer rows and columns than "
                "the border has");
  const Tensor images = inside(inside(self, 2, border[0]), 3, border[1]);
  return reshaped(permuted(images, {0, 1, 4, 2, 3}), shape);
}

}  // namespace tw::jit
