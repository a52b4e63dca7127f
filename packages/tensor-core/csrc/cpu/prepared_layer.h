// Products and convolutions that a program calls again and again with the same weight, followed by pointwise ops: the
// eager kernels, which are handed the weight as they read it, and give away parts of the result while these are in the
// cache. The same sums in the same order, hence the same bits.
#pragma once

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

namespace tw::cpu {

struct PreparedCall {
  TensorRef weight;  // what prepare_*() made of the op's; null: nothing
  tw_part_fn follow = nullptr;
  void* context = nullptr;

  // Elements [first, first + count) of the result are done, and lie at `memory`.
  void done(int64_t first, int64_t count, void* memory) const {
    if (follow && count > 0) follow(context, first, count, memory);
  }
};

// Null where calls with a prepared weight would be no faster.
Tensor prepare_linear(TensorRef weight);
void linear_prepared(TensorRef self, TensorRef weight, TensorRef bias, const PreparedCall& prepared, TensorRef out);

struct ConvolutionArguments {
  TensorRef self, weight, bias;
  IntList stride, padding, dilation;
  int64_t groups;
};
Tensor prepare_convolution(const ConvolutionArguments& a, IntList out_shape);
void convolution_prepared(const ConvolutionArguments& a, const PreparedCall& prepared, TensorRef out);

}  // namespace tw::cpu
