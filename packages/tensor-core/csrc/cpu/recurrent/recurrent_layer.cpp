#include "cpu/recurrent/recurrent_layer.h"

#include <tensorwright/checked.hpp>

#include <algorithm>

#include "threads/pool.h"

namespace tw::cpu {

LayerSteps::LayerSteps(TensorRef sequence, IntList batch_sizes, bool reverse)
    : reverse_(reverse),
      count_(batch_sizes.empty() ? sequence.size(0) : static_cast<int64_t>(batch_sizes.size())),
      samples_(batch_sizes.empty() ? sequence.size(1) : batch_sizes[0]),
      sizes_(batch_sizes.vec()) {
  int64_t sum = 0;
  for (const int64_t size : sizes_) firsts_.push_back(sum), sum = checked::add(sum, size);
}

template <class T>
void StatesBefore<T>::multiply(const PackedPanels<T>& panels, int64_t part, int64_t group, PanelProduct<T> product,
                               int64_t rows) const {
  product.left_row = size;
  product.left = continued, product.rows = count;
  if (count > 0) panels.multiply(part, group, product);
  if (count == rows) return;
  product.left = start + count * size, product.rows = rows - count;
  if (product.add) product.add += count * product.add_row;
  product.out += count * product.out_row;
  panels.multiply(part, group, product);
}
template struct StatesBefore<float>;
template struct StatesBefore<double>;

namespace {

// A thread keeps its part of the packed weight in its cache from step to step, so there are as many parts as threads,
// unless they would be too small.
template <class T>
void run_step(const LayerSteps& steps, int64_t i, const PackedPanels<T>& panels, const StepFunction& step) {
  constexpr int64_t kLeastProducts = int64_t{1} << 18;
  const int64_t each = steps.rows(i) * panels.parts() * panels.depth() * panels.width();
  const int64_t threads = threads::num_threads(), share = (panels.groups() + threads - 1) / threads;
  threads::stop_if_interrupted();
  parallel_for(0, panels.groups(), std::max(share, kLeastProducts / std::max<int64_t>(each, 1)),
               [&](int64_t first, int64_t last) {
                 const int64_t unit = first * panels.width(), end = std::min(last * panels.width(), panels.cols());
                 step(i, {first, last, unit, end - unit});
               });
}

}  // namespace

template <class T>
void run_steps(const LayerSteps& steps, const PackedPanels<T>& panels, const StepFunction& step) {
  for (int64_t i = 0; i < steps.count(); ++i) run_step(steps, i, panels, step);
}

template <class T>
void run_steps_back(const LayerSteps& steps, const PackedPanels<T>& panels, const StepFunction& step,
                    const StepFunction& carry) {
  for (int64_t i = steps.count(); i-- > 0;) run_step(steps, i, panels, step);
  if (steps.count() > 0) run_step(steps, 0, panels, carry);
}

template void run_steps(const LayerSteps&, const PackedPanels<float>&, const StepFunction&);
template void run_steps(const LayerSteps&, const PackedPanels<double>&, const StepFunction&);
template void run_steps_back(const LayerSteps&, const PackedPanels<float>&, const StepFunction&, const StepFunction&);
template void run_steps_back(const LayerSteps&, const PackedPanels<double>&, const StepFunction&, const StepFunction&);

void copy_last(const LayerSteps& steps, TensorRef all, TensorRef first, TensorRef last) {
  const int64_t row = first.size(1) * first.dtype().bits / 8;
  const auto* from = all.data<char>();
  if (steps.count() == 0) std::copy_n(first.data<char>(), steps.samples() * row, last.data<char>());
  for (int64_t i = 0; i < steps.count(); ++i) {
    const int64_t begin = steps.going_on(i);
    std::copy_n(from + (steps.first(i) + begin) * row, (steps.rows(i) - begin) * row, last.data<char>() + begin * row);
  }
}

void project_inputs(TensorRef input, TensorRef weight, TensorRef bias, TensorRef out) {
  Gemm p(input.dtype());
  p.depth = weight.size(1), p.cols = weight.size(0);
  p.rows = input.ndim() == 3 ? input.size(0) * input.size(1) : input.size(0);
  p.left = {input.data<void>(), p.depth, 1};
  p.right = {weight.data<void>(), 1, p.depth};
  p.result = out.data<void>(), p.result_row_stride = p.cols;
  if (bias) p.bias = bias.data<void>();
  p.beta = 0;
  Tensor packed;  // all columns of it meet rows of the input that are packed once
  if (p.rows > 1) packed = pack_right(p.dtype, p.right, p.depth, p.cols), p.packed_right = packed.data<void>();
  gemm(p);
}

void start_gradient(TensorRef given, TensorRef out) {
  if (given)
    copy_elements(out, given);
  else
    clear_bytes(out.data<void>(), out.numel() * item_size(out.dtype()));
}

}  // namespace tw::cpu
