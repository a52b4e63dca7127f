// Negative log-likelihood of class indices, and its gradient. The input is [samples, classes, positions].
#include <atomic>

#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/loss.h"

namespace tw::cpu {
namespace {

struct Problem {
  int64_t samples = 1, classes, positions = 1;
  int64_t ignore_index;
  int64_t targets() const { return samples * positions; }
  // The place of target i's class value in the input.
  int64_t place(int64_t i, int64_t label) const {
    return (i / positions * classes + label) * positions + i % positions;
  }
};

Problem problem_of(IntList shape, int64_t ignore_index) {
  Problem p;
  p.ignore_index = ignore_index;
  const size_t class_dim = shape.size() > 1 ? 1 : 0;
  p.classes = shape[class_dim];
  if (class_dim == 1) p.samples = shape[0];
  for (size_t d = class_dim + 1; d < shape.size(); ++d) p.positions *= shape[d];
  return p;
}

void check_targets(const Problem& p, const int64_t* targets) {
  for (int64_t i = 0; i < p.targets(); ++i)
    if (targets[i] != p.ignore_index && (targets[i] < 0 || targets[i] >= p.classes))
      throw fail(TW_E_INDEX, "nll_loss: target ", targets[i], " is out of range for ", p.classes, " classes");
}

enum class Reduction { kNone, kMean, kSum };
Reduction reduction_of(std::string_view name) {
  return name == "none" ? Reduction::kNone : name == "mean" ? Reduction::kMean : Reduction::kSum;
}

template <class T>
void each_loss(const Problem& p, const T* input, const int64_t* targets, const T* weight, T* losses) {
  for (int64_t i = 0; i < p.targets(); ++i) {
    const int64_t label = targets[i];
    losses[i] = label == p.ignore_index ? T(0) : -(weight ? weight[label] : T(1)) * input[p.place(i, label)];
  }
}

// Sums run in order and in double: there are few values, and the result is the number that people read.
template <class T>
void total_loss(const Problem& p, const T* input, const int64_t* targets, const T* weight, bool mean, T* result,
                T* total_weight) {
  double sum = 0, weights = 0;
  for (int64_t i = 0; i < p.targets(); ++i) {
    const int64_t label = targets[i];
    if (label == p.ignore_index) continue;
    const double w = weight ? static_cast<double>(weight[label]) : 1.0;
    sum -= w * static_cast<double>(input[p.place(i, label)]);
    weights += w;
  }
  *result = static_cast<T>(mean ? sum / weights : sum);
  *total_weight = static_cast<T>(weights);
}

template <class T>
void spread_gradient(const Problem& p, const T* grad, const int64_t* targets, const T* weight, T total_weight,
                     Reduction reduction, T* out) {
  clear(out, p.targets() * p.classes);
  for (int64_t i = 0; i < p.targets(); ++i) {
    const int64_t label = targets[i];
    if (label == p.ignore_index) continue;
    T g = reduction == Reduction::kNone ? grad[i] : *grad;
    if (reduction == Reduction::kMean) g /= total_weight;
    out[p.place(i, label)] = -(weight ? weight[label] : T(1)) * g;
  }
}

}  // namespace

void nll_loss_forward(TensorRef self, TensorRef target, TensorRef weight, std::string_view reduction,
                      int64_t ignore_index, TensorRef out, TensorRef total_weight) {
  const Problem p = problem_of(self.shape(), ignore_index);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor input = dense(self, dtype), targets = dense(target, kInt64), weights = dense_optional(weight, dtype);
  check_targets(p, targets.data<int64_t>());
  StagedResult result(out, dtype), total(total_weight, dtype);
  visit_floating("nll_loss", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* w = weights ? weights.data<T>() : nullptr;
    const Reduction how = reduction_of(reduction);
    if (how == Reduction::kNone) {
      each_loss(p, input.data<T>(), targets.data<int64_t>(), w, result.data<T>());
      *total.data<T>() = 0;
    } else {
      total_loss(p, input.data<T>(), targets.data<int64_t>(), w, how == Reduction::kMean, result.data<T>(),
                 total.data<T>());
    }
  });
  result.commit();
  total.commit();
}

void nll_loss_backward(TensorRef grad, TensorRef target, TensorRef weight, TensorRef total_weight, IntList input_shape,
                       std::string_view reduction, int64_t ignore_index, TensorRef out) {
  const Problem p = problem_of(input_shape, ignore_index);
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor grads = dense(grad, dtype), targets = dense(target, kInt64), weights = dense_optional(weight, dtype),
               total = dense(total_weight, dtype);
  check_targets(p, targets.data<int64_t>());
  StagedResult result(out, dtype);
  visit_floating("nll_loss_backward", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    spread_gradient(p, grads.data<T>(), targets.data<int64_t>(), weights ? weights.data<T>() : nullptr,
                    *total.data<T>(), reduction_of(reduction), result.data<T>());
  });
  result.commit();
}

}  // namespace tw::cpu
