#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/loss.hpp>
#include <tensorwright/ops/normalization.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include "composite/loss_reduction.h"
#include "declarations/loss.h"

namespace tw::composite {

namespace {

Tensor scaled(TensorRef losses, TensorRef weight) { return weight ? ops::mul(losses, weight) : Tensor::retain(losses); }

int64_t class_dim(TensorRef scores) { return scores.ndim() > 1 ? 1 : 0; }

// One weight per class, shaped to broadcast over the scores.
Tensor class_weights(TensorRef weight, TensorRef scores) {
  std::vector<int64_t> shape(static_cast<size_t>(scores.ndim()), 1);
  shape[static_cast<size_t>(class_dim(scores))] = weight.numel();
  return ops::reshape(weight, shape);
}

// -sum over classes of weight * target * log-probability; target may be null for ones.
Tensor class_sum(TensorRef log_probabilities, TensorRef target, TensorRef weight) {
  Tensor terms = target ? ops::mul(log_probabilities, target) : Tensor::retain(log_probabilities);
  if (weight) terms = ops::mul(terms, class_weights(weight, terms));
  const int64_t dims[] = {class_dim(log_probabilities)};
  return ops::neg(ops::sum(terms, IntList(dims, 1), false));
}

Tensor probability_loss(TensorRef log_probabilities, TensorRef target, TensorRef weight, std::string_view reduction,
                        double smoothing) {
  const int64_t classes = log_probabilities.size(static_cast<int>(class_dim(log_probabilities)));
  const Tensor goal = smoothing > 0
                          ? ops::add(ops::mul(target, 1 - smoothing), smoothing / static_cast<double>(classes))
                          : Tensor::retain(target);
  return reduced(class_sum(log_probabilities, goal, weight), reduction);
}

// (1 - s) * loss of the label + s / classes * loss of all classes.
Tensor smoothed_label_loss(TensorRef log_probabilities, TensorRef target, TensorRef weight, int64_t ignore_index,
                           std::string_view reduction, double smoothing) {
  const int64_t classes = log_probabilities.size(static_cast<int>(class_dim(log_probabilities)));
  // total_weight is what 'mean' divides by, whatever the reduction asked for.
  const Tensor total = std::get<1>(ops::nll_loss_forward(log_probabilities, target, weight, "mean", ignore_index));
  const Tensor label = ops::nll_loss(log_probabilities, target, weight, ignore_index, reduction);
  Tensor all = ops::masked_fill(class_sum(log_probabilities, TensorRef(), weight), ops::eq(target, ignore_index), 0);
  if (reduction != "none") all = ops::sum(all);
  if (reduction == "mean") all = ops::div(all, ops::detach(total));
  return ops::add(ops::mul(label, 1 - smoothing), ops::mul(all, smoothing / static_cast<double>(classes)));
}

}  // namespace

Tensor nll_loss(TensorRef self, TensorRef target, TensorRef weight, int64_t ignore_index, std::string_view reduction) {
  return std::get<0>(ops::nll_loss_forward(self, target, weight, reduction, ignore_index));
}

Tensor cross_entropy(TensorRef self, TensorRef target, TensorRef weight, int64_t ignore_index,
                     std::string_view reduction, double label_smoothing) {
  const Tensor log_probabilities = ops::log_softmax(self, class_dim(self));
  if (is_floating(target.dtype()))
    return probability_loss(log_probabilities, target, weight, reduction, label_smoothing);
  if (label_smoothing > 0)
    return smoothed_label_loss(log_probabilities, target, weight, ignore_index, reduction, label_smoothing);
  return ops::nll_loss(log_probabilities, target, weight, ignore_index, reduction);
}

Tensor mse_loss(TensorRef self, TensorRef target, std::string_view reduction) {
  return reduced(ops::square(ops::sub(self, target)), reduction);
}

Tensor l1_loss(TensorRef self, TensorRef target, std::string_view reduction) {
  return reduced(ops::abs(ops::sub(self, target)), reduction);
}

Tensor smooth_l1_loss(TensorRef self, TensorRef target, std::string_view reduction, double beta) {
  if (beta == 0) return ops::l1_loss(self, target, reduction);
  return reduced(ops::smooth_l1(self, target, beta), reduction);
}

Tensor huber_loss(TensorRef self, TensorRef target, std::string_view reduction, double delta) {
  return reduced(ops::mul(ops::smooth_l1(self, target, delta), delta), reduction);
}

Tensor binary_cross_entropy(TensorRef self, TensorRef target, TensorRef weight, std::string_view reduction) {
  return reduced(scaled(ops::bce_terms(self, target), weight), reduction);
}

Tensor binary_cross_entropy_with_logits(TensorRef self, TensorRef target, TensorRef weight, TensorRef pos_weight,
                                        std::string_view reduction) {
  if (!pos_weight) return reduced(scaled(ops::bce_logit_terms(self, target), weight), reduction);
  const Tensor log_probability = ops::log_sigmoid(self), negative_part = ops::mul(ops::sub(1, target), self);
  const Tensor positive_weight = ops::add(ops::mul(ops::sub(pos_weight, 1), target), 1);
  return reduced(scaled(ops::sub(negative_part, ops::mul(log_probability, positive_weight)), weight), reduction);
}

Tensor kl_div(TensorRef self, TensorRef target, std::string_view reduction, bool log_target) {
  if (is_floating(self.dtype()) && self.dtype().bits == 16) {  // the two terms nearly cancel
    const Tensor wide =
        ops::kl_div(ops::to_dtype(self, kFloat32), ops::to_dtype(target, kFloat32), reduction, log_target);
    return ops::to_dtype(wide, self.dtype());
  }
  const Tensor losses = log_target ? ops::mul(ops::exp(target), ops::sub(target, self))
                                   : ops::sub(ops::xlogy(target, target), ops::mul(target, self));
  if (reduction == "batchmean") return self.ndim() == 0 ? losses : ops::div(ops::sum(losses), self.size(0));
  return reduced(losses, reduction);
}

}  // namespace tw::composite
