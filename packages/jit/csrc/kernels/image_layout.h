// How batches of images lie in memory: as tensors do, by planes, [image][channel][y][x], or in blocks of 16 channels
// with zeros around each plane, [image][channel / 16][border + y + border][border + x + border][channel % 16]. Two ops
// move them from one to the other, in a graph and with tensors of any kind; the kernels of groups read and write both.
#pragma once

#include <tensorwright/tw.hpp>

#include <array>
#include <string_view>
#include <vector>

namespace tw::jit {

constexpr std::string_view kToBlocks = "jit::to_blocks";  // (images, border)
constexpr std::string_view kToPlanes = "jit::to_planes";  // (blocks, border)
constexpr int64_t kBlockChannels = 16;

using Border = std::array<int64_t, 2>;  // rows above and below, columns on the left and on the right

Tensor to_blocks(TensorRef self, IntList border);
Tensor to_planes(TensorRef self, IntList border);

// The shape of images by planes that lie like that; empty for one that is none of blocks.
std::vector<int64_t> planes_shape(IntList blocks, const Border& border);
std::vector<int64_t> blocks_shape(IntList planes, const Border& border);

}  // namespace tw::jit
