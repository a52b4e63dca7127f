// Hand-written SIMD kernels, compiled once for each instruction set (csrc/cpu/isa/*.cpp). They work on one contiguous
// row, or on the segments of one channel; splitting tensors into those is done by their callers in csrc/cpu. Sums
// follow the reduction tree of docs/expression-language.md, so results are the same bits on every instruction set.
#pragma once

#include <cstdint>

#include "cpu/isa.h"

namespace tw::cpu {

template <class T>
struct SoftmaxKernels {
  void (*softmax)(int64_t n, const T* x, T* y);
  void (*log_softmax)(int64_t n, const T* x, T* y);
  void (*softmax_backward)(int64_t n, const T* grad, const T* y, T* out);
  void (*log_softmax_backward)(int64_t n, const T* grad, const T* y, T* out);
};

// weight and bias may be null. mean and rstd are one value each.
template <class T>
struct LayerNormKernels {
  void (*forward)(int64_t n, const T* x, const T* weight, const T* bias, T eps, T* y, T* mean, T* rstd);
  void (*backward)(int64_t n, const T* grad, const T* x, const T* weight, T mean, T rstd, T* out);
  // grad_weight += grad * (x - mean) * rstd, grad_bias += grad
  void (*accumulate)(int64_t n, const T* grad, const T* x, T mean, T rstd, T* grad_weight, T* grad_bias);
};

// The elements of one channel: `count` segments of `length` neighbours, `stride` apart.
struct Segments {
  int64_t count, length, stride;
};
template <class T>
struct BatchNormKernels {
  void (*moments)(Segments s, const T* x, T* mean, T* variance);
  // y = (x - mean) * scale + shift
  void (*apply)(Segments s, const T* x, T mean, T scale, T shift, T* y);
  // The sums of grad and of grad * (x - mean).
  void (*backward_sums)(Segments s, const T* grad, const T* x, T mean, T* sum, T* product_sum);
  // out = ((grad - a) - (x - mean) * b) * scale
  void (*backward_apply)(Segments s, const T* grad, const T* x, T mean, T a, T b, T scale, T* out);
};

// Random numbers come in groups of 16 Philox counters: 64 words of 32 bits, ordered by word, then by counter.
constexpr int64_t kGroupCounters = 16;
constexpr int64_t kGroupWords = 64;
template <class T>
constexpr int64_t kGroupValues = kGroupWords * 4 / static_cast<int64_t>(sizeof(T));  // 64 floats, 32 doubles
template <class T>
struct DistributionKernels {                                       // of `groups` groups of words
  void (*uniform)(int64_t groups, const uint32_t* words, T* out);  // [0, 1), 24 or 53 bits
  void (*normal)(int64_t groups, const uint32_t* words, T* out);
  void (*exponential)(int64_t groups, const uint32_t* words, T* out);  // rate 1
};
struct PhiloxKernel {
  void (*words)(uint64_t key, uint64_t counter, int64_t groups, uint32_t* out);
};

// The variant of a kernel table for this machine, e.g. `isa_table<SoftmaxKernels<float>>()`.
template <class Table>
const Table& isa_table();

}  // namespace tw::cpu
