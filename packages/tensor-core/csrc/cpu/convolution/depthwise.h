// Depthwise convolution of planes that are not very large: channels lie in the lanes of vectors.
#pragma once

#include "cpu/convolution/geometry.h"

namespace tw::cpu {

bool suits_depthwise(const ConvolutionGeometry& g);

template <class T>
void depthwise_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output);
template <class T>
void depthwise_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);
template <class T>
void depthwise_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight);

}  // namespace tw::cpu
