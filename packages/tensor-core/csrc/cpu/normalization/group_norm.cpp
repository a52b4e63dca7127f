// Normalisation of groups of channels: the channels of one group of one sample lie side by side.
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/staging.h"
#include "declarations/normalization_group.h"

namespace tw::cpu {
namespace {

struct Groups {
  int64_t samples, channels, positions, groups;
  Groups(TensorRef t, int64_t group) : samples(t.size(0)), channels(t.size(1)), positions(1), groups(group) {
    for (int d = 2; d < t.ndim(); ++d) positions *= t.size(d);
  }
  int64_t count() const { return samples * groups; }
  int64_t per_group() const { return channels / groups; }
  int64_t length() const { return per_group() * positions; }
};

template <class T>
void normalize_group(const Groups& g, int64_t i, const T* x, const T* weight, const T* bias, T eps, T* y, T* mean,
                     T* rstd) {
  const auto& kernels = isa_table<BatchNormKernels<T>>();
  const int64_t n = g.length(), first = i % g.groups * g.per_group();
  x += i * n, y += i * n;
  *mean = kernels.sum(n, x) / static_cast<T>(n);
  *rstd = 1 / std::sqrt(kernels.squared_deviations(n, x, *mean) / static_cast<T>(n) + eps);
  if (!weight && !bias) return kernels.apply(n, x, *mean, *rstd, T(0), y);
  for (int64_t c = 0; c < g.per_group(); ++c) {
    const T scale = weight ? *rstd * weight[first + c] : *rstd, shift = bias ? bias[first + c] : T(0);
    if (g.positions == 1)
      y[c] = (x[c] - *mean) * scale + shift;
    else
      kernels.apply(g.positions, x + c * g.positions, *mean, scale, shift, y + c * g.positions);
  }
}

// What the gradients are made of: for each channel of each sample the sums of grad and of grad * (x - mean).
template <class T>
struct Backward {
  Groups g;
  const T *grad, *x, *mean, *rstd, *weight;
  std::vector<T> sums, products;

  void input_gradient(int64_t i, T* out) {
    const auto& kernels = isa_table<BatchNormKernels<T>>();
    const int64_t n = g.length(), first = i % g.groups * g.per_group(), row = i * g.per_group();
    const T center = mean[i], scale = rstd[i];
    T sum = 0, product = 0;
    for (int64_t c = 0; c < g.per_group(); ++c) {
      const size_t at = static_cast<size_t>(row + c);
      const int64_t place = (row + c) * g.positions;
      kernels.backward_sums(g.positions, grad + place, x + place, center, &sums[at], &products[at]);
      const T w = weight ? weight[first + c] : T(1);
      sum += w * sums[at], product += w * products[at];
    }
    const T slope = -scale * scale * scale * product / static_cast<T>(n), shift = -scale * sum / static_cast<T>(n);
    for (int64_t c = 0; c < g.per_group(); ++c) {
      const T factor = weight ? scale * weight[first + c] : scale;
      const int64_t place = (row + c) * g.positions;
      kernels.backward_blend(g.positions, grad + place, x + place, center, factor, slope, shift, out + place);
    }
  }

  void channel_gradients(T* grad_weight, T* grad_bias) const {
    for (int64_t c = 0; c < g.channels; ++c) {
      T w = 0, b = 0;
      for (int64_t n = 0; n < g.samples; ++n) {
        const size_t at = static_cast<size_t>(n * g.channels + c);
        w += products[at] * rstd[n * g.groups + c / g.per_group()];
        b += sums[at];
      }
      grad_weight[c] = w, grad_bias[c] = b;
    }
  }
};

}  // namespace

void native_group_norm(TensorRef self, TensorRef weight, TensorRef bias, int64_t /*N*/, int64_t /*C*/, int64_t /*HxW*/,
                       int64_t group, double eps, TensorRef out, TensorRef mean, TensorRef rstd) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), scale = dense_optional(weight, dtype), shift = dense_optional(bias, dtype);
  StagedResult result(out, dtype);
  const Groups g(self, group);
  visit_floating("group_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    parallel_for(0, g.count(), grain_for(g.length() * 4), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        normalize_group(g, i, input.data<T>(), scale ? scale.data<T>() : nullptr, shift ? shift.data<T>() : nullptr,
                        static_cast<T>(eps), result.data<T>(), mean.data<T>() + i, rstd.data<T>() + i);
    });
  });
  result.commit();
}

void native_group_norm_backward(TensorRef grad, TensorRef self, TensorRef mean, TensorRef rstd, TensorRef weight,
                                int64_t group, TensorRef grad_self, TensorRef grad_weight, TensorRef grad_bias) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = dense(grad, dtype), input = dense(self, dtype), means = dense(mean, dtype),
               rstds = dense(rstd, dtype), scale = dense_optional(weight, dtype);
  StagedResult input_result(grad_self, dtype), weight_result(grad_weight, dtype), bias_result(grad_bias, dtype);
  visit_floating("group_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Groups g(self, group);
    const std::vector<T> zeros(static_cast<size_t>(g.samples * g.channels), T(0));
    Backward<T> b{g,
                  grads.data<T>(),
                  input.data<T>(),
                  means.data<T>(),
                  rstds.data<T>(),
                  scale ? scale.data<T>() : nullptr,
                  zeros,
                  zeros};
    parallel_for(0, g.count(), grain_for(g.length() * 4), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) b.input_gradient(i, input_result.data<T>());
    });
    b.channel_gradients(weight_result.data<T>(), bias_result.data<T>());
  });
  input_result.commit(), weight_result.commit(), bias_result.commit();
}

}  // namespace tw::cpu
