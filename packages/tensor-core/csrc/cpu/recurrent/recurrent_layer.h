// What the layers of recurrent networks share: the order of their steps, the states before each, and how steps are run.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "cpu/bind.h"
#include "cpu/element_types.h"
#include "cpu/matmul/packed_panels.h"
#include "cpu/staging.h"

namespace tw::cpu {

// The times of a layer in the order of its steps. Step i works on the first `rows(i)` samples, whose inputs and outputs
// are rows from `first(i)` on. Sequences that have ended, or, backwards in time, not begun, are the last samples.
class LayerSteps {
 public:
  // `sequence` is [T, N, ...], or [sum of batch_sizes, ...].
  LayerSteps(TensorRef sequence, IntList batch_sizes, bool reverse);

  int64_t count() const { return count_; }
  int64_t samples() const { return samples_; }
  int64_t rows(int64_t step) const { return sizes_.empty() ? samples_ : sizes_[time(step)]; }
  int64_t first(int64_t step) const {
    return sizes_.empty() ? static_cast<int64_t>(time(step)) * samples_ : firsts_[time(step)];
  }
  // Samples that step i has in common with the step before, and with the one after.
  int64_t continued(int64_t step) const { return step == 0 ? 0 : std::min(rows(step), rows(step - 1)); }
  int64_t going_on(int64_t step) const { return step + 1 == count_ ? 0 : std::min(rows(step), rows(step + 1)); }

 private:
  size_t time(int64_t step) const { return static_cast<size_t>(reverse_ ? count_ - 1 - step : step); }

  bool reverse_;
  int64_t count_, samples_;
  std::vector<int64_t> sizes_, firsts_;
};

// The states before a step, one row for each sample: of the step before, and the first ones.
template <class T>
struct StatesBefore {
  const T *continued, *start;
  int64_t count, size;  // how many samples continue; features

  // `all` are the states after all steps.
  StatesBefore(const LayerSteps& steps, int64_t step, const T* all, const T* first, int64_t features)
      : continued(step > 0 ? all + steps.first(step - 1) * features : nullptr),
        start(first),
        count(steps.continued(step)),
        size(features) {}
  const T* row(int64_t sample) const { return (sample < count ? continued : start) + sample * size; }
  // As panels.multiply, with the states of the first `rows` samples on the left.
  void multiply(const PackedPanels<T>& panels, int64_t part, int64_t group, PanelProduct<T> product,
                int64_t rows) const;
};

// A part of the features: panels [first, last), which are `units` features from `unit` on.
struct Groups {
  int64_t first, last, unit, units;
};

// out = input weight^T + bias for the inputs of a few steps at a time, which then are in the cache where steps add to
// them. The weight is that of `parts` gates.
template <class T>
class InputSums {
 public:
  InputSums(const LayerSteps& steps, TensorRef input, TensorRef weight, TensorRef bias, int64_t parts, TensorRef out);
  // Before step i adds to these columns of the sums.
  void prepare(int64_t i, const Groups& groups) const;

 private:
  struct Rows {
    int64_t first, count;
  };
  Tensor input_, bias_;
  PackedPanels<T> panels_;
  T* out_;
  std::vector<Rows> rows_;  // what is summed before each step
};

// A generated kernel of a pointwise op, on rows of the type's elements. To be looked up once.
template <class T, int results, int operands>
class GateKernel {
 public:
  explicit GateKernel(const char* op)
      : kernel_(pointwise_kernel(op, sizeof(T) == 4 ? ComputeType::kF32 : ComputeType::kF64)) {}
  void operator()(int64_t n, T* const (&out)[results], const T* const (&in)[operands]) const {
    void* outs[results];
    const void* ins[operands];
    uint8_t steps[operands];
    for (int r = 0; r < results; ++r) outs[r] = out[r];
    for (int k = 0; k < operands; ++k) ins[k] = in[k], steps[k] = 1;
    kernel_(n, outs, ins, steps);
  }

 private:
  PointwiseKernel kernel_;
};

using StepFunction = std::function<void(int64_t step, const Groups& groups)>;

// step(i, groups) from the first step to the last; groups of a step share nothing.
template <class T>
void run_steps(const LayerSteps& steps, const PackedPanels<T>& panels, const StepFunction& step);
// From the last to the first, and in the end carry(0, groups), to the first states.
template <class T>
void run_steps_back(const LayerSteps& steps, const PackedPanels<T>& panels, const StepFunction& step,
                    const StepFunction& carry);

// The state after each sample's last step.
void copy_last(const LayerSteps& steps, TensorRef all, TensorRef first, TensorRef last);

// Where a gradient that is carried from step to step starts: zeros if there is none.
void start_gradient(TensorRef given, TensorRef out);

}  // namespace tw::cpu
