// Convolution with neighbouring pixels of a row in the lanes of vectors: for groups of few result channels, which would
// leave lanes empty. Depthwise convolutions are the usual ones.
#pragma once

#include "cpu/convolution/geometry.h"

namespace tw::cpu {

// Whether rows fill lanes better than channels or, if they `suit_images`, images.
template <class T>
bool suits_rows(const ConvolutionGeometry& g, bool backward, bool suits_images);
bool suits_rows_backward_weight(const ConvolutionGeometry& g);

template <class T>
void row_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output);
template <class T>
void row_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);
template <class T>
void row_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight);

}  // namespace tw::cpu
