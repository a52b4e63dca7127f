// Convolution without column matrices: output channels lie in the lanes of vectors, and input values are read where
// they are in a padded copy of a few rows. Sums have one order whatever the instruction set and number of threads.
#pragma once

#include "cpu/convolution_geometry.h"

namespace tw::cpu {

template <class T>
void direct_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output);
template <class T>
void direct_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input);
template <class T>
void direct_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight);

}  // namespace tw::cpu
