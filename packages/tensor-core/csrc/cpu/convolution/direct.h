// Convolution without column matrices: output channels lie in the lanes of vectors, and input values are read where
// they are in a padded copy of a few rows. Sums have one order whatever the instruction set and number of threads.
#pragma once

#include "cpu/convolution/blocked_images.h"
#include "cpu/convolution/geometry.h"
#include "cpu/prepared_layer.h"

namespace tw::cpu {

// [group][block][tap][channel of the block], from weights [group][channel][tap]: what direct_forward reads.
template <class T>
Tensor direct_weights(const ConvolutionGeometry& g, const T* weight);
template <class T>
int64_t direct_weights_size(const ConvolutionGeometry& g);

// `packed`: direct_weights(), or null. `channels_last`: how the input lies; of float32, and without groups and depth.
template <class T>
void direct_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output,
                    const T* packed = nullptr, const PreparedCall& prepared = {}, bool channels_last = false);
// Where images lie in blocks on either side: groups are then whole blocks of channels, or one.
void direct_forward_blocks(const ConvolutionGeometry& g, const ImageMemory& input, const float* weight,
                           const float* bias, const PreparedCall& prepared, const ImageMemory& result);
template <class T>
void direct_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);
template <class T>
void direct_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight);

}  // namespace tw::cpu
