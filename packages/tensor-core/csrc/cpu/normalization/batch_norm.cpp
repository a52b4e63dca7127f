// Normalisation of channels. [N, C, ...] is read in the order of memory, a segment for each sample and channel, whose
// sums are then added up by channel. Where segments would be very short ([N, C] above all) the tensor is laid out with
// the channel first, so that each channel is one segment.
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/isa_kernels.h"
#include "cpu/staging.h"
#include "declarations/normalization.h"

namespace tw::cpu {
namespace {

constexpr int64_t kShortSegment = 8;

struct Channels {
  int64_t count, per_channel;
  int64_t samples, length;  // segments of a channel, and how long they are
  bool channel_first;       // the staged layout is [C, N * length]

  explicit Channels(IntList shape) : count(shape[1]), samples(shape[0]), length(1) {
    for (size_t d = 2; d < shape.size(); ++d) length *= shape[d];
    per_channel = samples * length;
    channel_first = length < kShortSegment;
    if (channel_first) samples = 1, length = per_channel;
  }
};

// The view of [N, C, ...] with the first two dimensions exchanged.
Tensor exchanged(TensorRef t) {
  std::vector<int64_t> shape = t.shape().vec(), strides = t.strides().vec();
  std::swap(shape[0], shape[1]), std::swap(strides[0], strides[1]);
  return as_strided(t, shape, strides, 0);
}

// The input in the layout that `channels` describes.
Tensor staged_channels(TensorRef t, const Channels& channels, tw_dtype dtype) {
  if (!channels.channel_first) return dense(t, dtype);
  const Tensor view = exchanged(t);
  Tensor copy = empty(view.shape(), dtype, t.device());
  copy_elements(copy, view);
  return copy;
}

// A result in that layout.
class ChannelResult {
 public:
  ChannelResult(TensorRef out, const Channels& channels, tw_dtype dtype)
      : target_(channels.channel_first ? exchanged(out) : Tensor::retain(out)),
        staged_(channels.channel_first || out.dtype() != dtype ? empty(target_.shape(), dtype) : target_) {}
  template <class T>
  T* data() const {
    return staged_.data<T>();
  }
  void commit() {
    if (staged_.get() != target_.get()) copy_elements(target_, staged_);
  }

 private:
  Tensor target_, staged_;
};

// f(sample, channel, offset of the segment), in the order of memory.
template <class F>
void for_each_segment(const Channels& channels, F&& f) {
  parallel_for(0, channels.samples * channels.count, grain_for(channels.length), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / channels.count, i % channels.count, i * channels.length);
  });
}

// Sums over each channel of what `part(channel, offset)` gives for its segments.
template <class T, class F>
std::vector<T> channel_sums(const Channels& channels, F&& part) {
  std::vector<T> parts(static_cast<size_t>(channels.count * channels.samples)),
      sums(static_cast<size_t>(channels.count));
  for_each_segment(channels, [&](int64_t sample, int64_t c, int64_t at) {
    parts[static_cast<size_t>(c * channels.samples + sample)] = part(c, at);
  });
  for (int64_t c = 0; c < channels.count; ++c)
    sums[static_cast<size_t>(c)] =
        isa_table<BatchNormKernels<T>>().sum(channels.samples, &parts[static_cast<size_t>(c * channels.samples)]);
  return sums;
}

// Optional vectors of one value per channel.
template <class T>
T value_or(const Tensor& t, int64_t c, T otherwise) {
  return t ? t.data<T>()[c] : otherwise;
}

template <class T>
void batch_statistics(const Channels& channels, const T* x, T* mean, T* variance) {
  const auto& kernels = isa_table<BatchNormKernels<T>>();
  const T size = static_cast<T>(channels.per_channel);
  const std::vector<T> sums =
      channel_sums<T>(channels, [&](int64_t, int64_t at) { return kernels.sum(channels.length, x + at); });
  for (int64_t c = 0; c < channels.count; ++c) mean[c] = sums[static_cast<size_t>(c)] / size;
  const std::vector<T> squares = channel_sums<T>(
      channels, [&](int64_t c, int64_t at) { return kernels.squared_deviations(channels.length, x + at, mean[c]); });
  for (int64_t c = 0; c < channels.count; ++c) variance[c] = squares[static_cast<size_t>(c)] / size;
}

template <class T>
void update_running(const Channels& channels, TensorRef running, const T* batch, T momentum, T correction) {
  StagedResult result(running, sizeof(T) == 4 ? kFloat32 : kFloat64);
  if (result.tensor().get() != running.get()) copy_elements(result.tensor(), running);
  for (int64_t c = 0; c < channels.count; ++c) {
    T& value = result.data<T>()[c];
    value = (1 - momentum) * value + momentum * (batch[c] * correction);
  }
  result.commit();
}

// The running tensors may have any strides; results of StagedResult are contiguous ones.
void update_running_any(const Channels& channels, TensorRef running, const Tensor& batch, double momentum,
                        double correction) {
  const bool is_dense = running.is_contiguous();
  const Tensor target = is_dense ? Tensor::retain(running) : dense(running);
  visit_floating("batch_norm", batch.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    update_running(channels, target, batch.data<T>(), static_cast<T>(momentum), static_cast<T>(correction));
  });
  if (!is_dense) copy_elements(running, target);
}

template <class T>
void invert(const Channels& channels, const T* variance, double eps, T* invstd) {
  for (int64_t c = 0; c < channels.count; ++c) invstd[c] = T(1) / std::sqrt(variance[c] + static_cast<T>(eps));
}

}  // namespace

void native_batch_norm(TensorRef self, TensorRef weight, TensorRef bias, TensorRef running_mean, TensorRef running_var,
                       bool training, double momentum, double eps, TensorRef out, TensorRef save_mean,
                       TensorRef save_invstd) {
  const Channels channels(self.shape());
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = staged_channels(self, channels, dtype), scale = dense_optional(weight, dtype),
               shift = dense_optional(bias, dtype);
  Tensor variance = training ? empty({channels.count}, dtype) : dense(running_var, dtype);
  if (!training) copy_elements(save_mean, running_mean);
  ChannelResult result(out, channels, dtype);
  visit_floating("batch_norm", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    T *mean = save_mean.data<T>(), *invstd = save_invstd.data<T>();
    if (training) batch_statistics(channels, input.data<T>(), mean, variance.data<T>());
    invert(channels, variance.data<T>(), eps, invstd);
    const auto& kernels = isa_table<BatchNormKernels<T>>();
    for_each_segment(channels, [&](int64_t, int64_t c, int64_t at) {
      kernels.apply(channels.length, input.data<T>() + at, mean[c], invstd[c] * value_or(scale, c, T(1)),
                    value_or(shift, c, T(0)), result.data<T>() + at);
    });
  });
  result.commit();
  if (!training || !running_mean || channels.per_channel == 0) return;
  const double n = static_cast<double>(channels.per_channel);
  update_running_any(channels, running_mean, Tensor::retain(save_mean), momentum, 1.0);
  update_running_any(channels, running_var, variance, momentum, n / (n - 1));
}

namespace {

template <class T>
struct Gradients {
  const T *grad, *x, *mean, *invstd;
  Tensor scale;
  T *grad_self, *grad_weight, *grad_bias;
};

template <class T>
void backward(const Channels& channels, bool training, const Gradients<T>& g) {
  const auto& kernels = isa_table<BatchNormKernels<T>>();
  const size_t count = static_cast<size_t>(channels.count * channels.samples);
  std::vector<T> sums(count), products(count);
  for_each_segment(channels, [&](int64_t sample, int64_t c, int64_t at) {
    const size_t place = static_cast<size_t>(c * channels.samples + sample);
    kernels.backward_sums(channels.length, g.grad + at, g.x + at, g.mean[c], &sums[place], &products[place]);
  });
  std::vector<T> deviation(static_cast<size_t>(channels.count));  // mean of grad * (x - mean) * invstd^2
  const T size = static_cast<T>(channels.per_channel);
  for (int64_t c = 0; c < channels.count; ++c) {
    const size_t place = static_cast<size_t>(c * channels.samples);
    const T product = kernels.sum(channels.samples, &products[place]);
    g.grad_bias[c] = kernels.sum(channels.samples, &sums[place]), g.grad_weight[c] = product * g.invstd[c];
    deviation[static_cast<size_t>(c)] = product / size * g.invstd[c] * g.invstd[c];
  }
  for_each_segment(channels, [&](int64_t, int64_t c, int64_t at) {
    const T factor = g.invstd[c] * value_or(g.scale, c, T(1));
    if (training)
      kernels.backward_apply(channels.length, g.grad + at, g.x + at, g.mean[c], g.grad_bias[c] / size,
                             deviation[static_cast<size_t>(c)], factor, g.grad_self + at);
    else
      kernels.apply(channels.length, g.grad + at, T(0), factor, T(0), g.grad_self + at);
  });
}

}  // namespace

void native_batch_norm_backward(TensorRef grad, TensorRef self, TensorRef weight, TensorRef running_mean,
                                TensorRef running_var, TensorRef save_mean, TensorRef save_invstd, bool training,
                                double eps, TensorRef grad_self, TensorRef grad_weight, TensorRef grad_bias) {
  const Channels channels(self.shape());
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor grads = staged_channels(grad, channels, dtype), input = staged_channels(self, channels, dtype),
               scale = dense_optional(weight, dtype), mean = dense(training ? save_mean : running_mean, dtype);
  Tensor invstd = training ? dense(save_invstd, dtype) : empty({channels.count}, dtype);
  const Tensor variance = training ? Tensor() : dense(running_var, dtype);
  ChannelResult result(grad_self, channels, dtype);
  StagedResult weight_result(grad_weight, dtype), bias_result(grad_bias, dtype);
  visit_floating("batch_norm_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if (!training) invert(channels, variance.data<T>(), eps, invstd.data<T>());
    backward<T>(channels, training,
                {grads.data<T>(), input.data<T>(), mean.data<T>(), invstd.data<T>(), scale, result.data<T>(),
                 weight_result.data<T>(), bias_result.data<T>()});
  });
  result.commit(), weight_result.commit(), bias_result.commit();
}

}  // namespace tw::cpu
