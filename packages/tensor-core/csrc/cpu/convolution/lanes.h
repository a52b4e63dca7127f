// Convolution of many small images: a batch of images lies in the lanes of vectors, so that every pixel of every
// channel is one full vector.
#pragma once

#include "cpu/convolution/geometry.h"

namespace tw::cpu {

// Whether the images fill lanes well, or at least better than the channels of the result (of one group) would, and are
// small enough to be kept that way.
template <class T>
bool suits_lanes(const ConvolutionGeometry& g, int64_t result_channels);

template <class T>
void lane_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output);
template <class T>
void lane_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);

}  // namespace tw::cpu
