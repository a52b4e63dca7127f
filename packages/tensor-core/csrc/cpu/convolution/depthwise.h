// Depthwise convolution of planes that are not very large: channels lie in the lanes of vectors.
#pragma once

#include "cpu/convolution/blocked_images.h"
#include "cpu/convolution/geometry.h"

namespace tw::cpu {

bool suits_depthwise(const ConvolutionGeometry& g);

template <class T>
void depthwise_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output);
template <class T>
void depthwise_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);
template <class T>
void depthwise_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight);

// From blocks to blocks: channels lie in lanes already. `packed`: depthwise_weights(), or null.
bool is_depthwise(const ConvolutionGeometry& g);
Tensor depthwise_weights(const ConvolutionGeometry& g, const float* weight);
void depthwise_forward_blocks(const ConvolutionGeometry& g, const ImageMemory& input, const float* weight,
                              const float* bias, const PreparedCall& prepared, const ImageMemory& result);

}  // namespace tw::cpu
