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

template <class T>
InputSums<T>::InputSums(const LayerSteps& steps, TensorRef input, TensorRef weight, TensorRef bias, int64_t parts,
                        TensorRef out)
    : input_(dense(input)),
      bias_(dense_optional(bias, input.dtype())),
      panels_({weight.data<void>(), 1, weight.size(1)}, weight.size(1), weight.size(0) / parts, parts),
      out_(out.data<T>()),
      rows_(static_cast<size_t>(steps.count())) {
  constexpr int64_t kLeastRows = 32;  // below, a panel would come from far away for too little
  for (int64_t i = 0; i < steps.count();) {
    const int64_t begin = i;
    int64_t rows = 0;
    while (i < steps.count() && rows < kLeastRows) rows += steps.rows(i++);
    rows_[static_cast<size_t>(begin)] = {std::min(steps.first(begin), steps.first(i - 1)), rows};
  }
}

template <class T>
void InputSums<T>::prepare(int64_t i, const Groups& groups) const {
  const Rows rows = rows_[static_cast<size_t>(i)];
  if (rows.count == 0) return;
  const int64_t depth = panels_.depth(), row = panels_.parts() * panels_.cols();
  for (int64_t group = groups.first; group < groups.last; ++group)
    for (int64_t part = 0; part < panels_.parts(); ++part) {
      const int64_t col = part * panels_.cols() + group * panels_.width();
      panels_.multiply(part, group,
                       {input_.template data<T>() + rows.first * depth, depth, rows.count,
                        bias_ ? bias_.template data<T>() + col : nullptr, 0, out_ + rows.first * row + col, row});
    }
}
template class InputSums<float>;
template class InputSums<double>;

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

void start_gradient(TensorRef given, TensorRef out) {
  if (given)
    copy_elements(out, given);
  else
    clear_bytes(out.data<void>(), out.numel() * item_size(out.dtype()));
}

}  // namespace tw::cpu
