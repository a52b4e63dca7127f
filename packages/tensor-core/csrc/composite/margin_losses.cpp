// Losses that compare scores, distances or distributions.
#include <tensorwright/ops/comparison.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/creation.hpp>
#include <tensorwright/ops/indexing.hpp>
#include <tensorwright/ops/linalg_norms.hpp>
#include <tensorwright/ops/loss_margin.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/scan.hpp>
#include <tensorwright/ops/statistics.hpp>
#include <tensorwright/ops/views.hpp>

#include <cmath>

#include "composite/loss_reduction.h"
#include "declarations/loss_margin.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

constexpr int64_t kLast[] = {-1};
constexpr int64_t kLastTwo[] = {-2, -1};
constexpr double kPi = 3.14159265358979323846;

Tensor hinge(TensorRef x) { return ops::clamp_min(x, 0); }

bool has_data(TensorRef t) { return t.device().type == TW_DEVICE_CPU; }

}  // namespace

Tensor margin_ranking_loss(TensorRef input1, TensorRef input2, TensorRef target, double margin,
                           std::string_view reduction) {
  return reduced(hinge(ops::sub(margin, ops::mul(target, ops::sub(input1, input2)))), reduction);
}

Tensor hinge_embedding_loss(TensorRef self, TensorRef target, double margin, std::string_view reduction) {
  const Tensor apart = ops::where(ops::ne(target, 1), hinge(ops::sub(margin, self)), 0);
  const Tensor near = ops::where(ops::ne(target, -1), self, 0);
  return reduced(ops::add(apart, near), reduction);
}

Tensor cosine_embedding_loss(TensorRef input1, TensorRef input2, TensorRef target, double margin,
                             std::string_view reduction) {
  constexpr double kEps = 1e-12;  // added to squared lengths
  const auto squared_length = [](TensorRef x) { return ops::add(ops::sum(ops::mul(x, x), IntList(kLast, 1)), kEps); };
  const Tensor product = ops::sum(ops::mul(input1, input2), IntList(kLast, 1));
  const Tensor lengths = ops::sqrt(ops::mul(squared_length(input1), squared_length(input2)));
  const Tensor cosine = ops::div(product, lengths);
  const Tensor alike = ops::where(ops::eq(target, 1), ops::sub(1, cosine), 0);
  const Tensor unlike = ops::where(ops::eq(target, -1), hinge(ops::sub(cosine, margin)), 0);
  return reduced(ops::add(alike, unlike), reduction);
}

Tensor soft_margin_loss(TensorRef self, TensorRef target, std::string_view reduction) {
  return reduced(ops::neg(ops::log_sigmoid(ops::mul(self, target))), reduction);
}

Tensor multi_margin_loss(TensorRef self, TensorRef target, const Scalar& p, const Scalar& margin, TensorRef weight,
                         std::string_view reduction) {
  if (!p.equals(1.0) && !p.equals(2.0)) throw fail(TW_E_VALUE, "multi_margin_loss: p must be 1 or 2, got ", p.real());
  if (self.ndim() == 1 && target.ndim() == 1)  // one sample, but losses [1]
    return ops::multi_margin_loss(ops::unsqueeze(self, 0), target, p, margin, weight, reduction);
  const int64_t classes = self.size(-1);
  const Tensor of_label = ops::gather(self, -1, ops::unsqueeze(target, -1));
  Tensor losses = hinge(ops::add(ops::sub(margin, of_label), self));
  if (p.equals(2.0)) losses = ops::square(losses);
  // The label itself adds max(0, margin)^p, whatever its score is.
  const double own = std::pow(std::fmax(margin.real(), 0.0), p.real());
  Tensor sums = ops::sub(ops::sum(losses, IntList(kLast, 1)), own);
  if (weight) {
    const Tensor factors = ops::index_select(weight, 0, ops::reshape(target, {target.numel()}));
    sums = ops::mul(sums, ops::reshape(factors, target.shape()));
  }
  return reduced(ops::div(sums, static_cast<double>(classes)), reduction);
}

Tensor multilabel_margin_loss(TensorRef self, TensorRef target, std::string_view reduction) {
  if (self.ndim() == 0)
    return ops::multilabel_margin_loss(ops::reshape(self, {1}), ops::reshape(target, {1}), reduction);
  const int64_t classes = self.size(-1);
  const Tensor listed = ops::cumprod(ops::to_dtype(ops::ge(target, 0), kInt64), -1);  // 1 up to the first negative
  const Tensor labels = ops::mul(target, listed);                                     // 0 where nothing is listed
  const Tensor counts = ops::scatter_add(ops::zeros_like(listed), -1, labels, listed);
  const Tensor pairs = ops::logical_and(ops::unsqueeze(ops::gt(listed, 0), -1), ops::unsqueeze(ops::eq(counts, 0), -2));
  const Tensor chosen = ops::unsqueeze(ops::gather(self, -1, labels), -1);
  const Tensor losses = hinge(ops::add(ops::sub(1, chosen), ops::unsqueeze(self, -2)));
  const Tensor sums = ops::sum(ops::where(pairs, losses, 0), IntList(kLastTwo, 2));
  return reduced(ops::div(sums, static_cast<double>(classes)), reduction);
}

Tensor multilabel_soft_margin_loss(TensorRef self, TensorRef target, TensorRef weight, std::string_view reduction) {
  // log(sigmoid(-x)) is log(sigmoid(x)) - x
  Tensor losses = ops::sub(ops::mul(ops::sub(1, target), self), ops::log_sigmoid(self));
  if (weight) losses = ops::mul(losses, weight);
  return reduced(ops::mean(losses, IntList(kLast, 1)), reduction);
}

Tensor pairwise_distance(TensorRef x1, TensorRef x2, double p, double eps, bool keepdim) {
  return ops::norm(ops::add(ops::sub(x1, x2), eps), p, IntList(kLast, 1), keepdim);
}

Tensor triplet_margin_loss(TensorRef anchor, TensorRef positive, TensorRef negative, double margin, double p,
                           double eps, bool swap, std::string_view reduction) {
  const Tensor near = ops::pairwise_distance(anchor, positive, p, eps);
  Tensor far = ops::pairwise_distance(anchor, negative, p, eps);
  if (swap) far = ops::minimum(far, ops::pairwise_distance(positive, negative, p, eps));
  return reduced(hinge(ops::add(ops::sub(near, far), margin)), reduction);
}

Tensor poisson_nll_loss(TensorRef self, TensorRef target, bool log_input, bool full, double eps,
                        std::string_view reduction) {
  Tensor losses = log_input ? ops::sub(ops::exp(self), ops::mul(target, self))
                            : ops::sub(self, ops::mul(target, ops::log(ops::add(self, eps))));
  if (full) {
    // t log t - t + log(2 pi t) / 2; targets up to 1 stand for 1 so that their logarithms stay finite
    const Tensor large = ops::gt(target, 1), t = ops::where(large, target, 1);
    const Tensor stirling =
        ops::add(ops::sub(ops::mul(t, ops::log(t)), t), ops::mul(ops::log(ops::mul(t, 2 * kPi)), 0.5));
    losses = ops::add(losses, ops::where(large, stirling, 0));
  }
  return reduced(std::move(losses), reduction);
}

namespace {

// The variance shaped to broadcast over the input.
Tensor broadcast_variance(TensorRef self, const Operand& var) {
  if (!var.is_tensor()) return ops::full({}, var.scalar(), self.dtype(), self.device());
  const TensorRef given = var.tensor();
  const std::vector<int64_t> shape = given.shape().vec(), wanted = self.shape().vec();
  if (shape == wanted || shape.empty()) return Tensor::retain(given);
  if (shape.size() + 1 == wanted.size() && std::equal(shape.begin(), shape.end(), wanted.begin()))
    return ops::unsqueeze(given, -1);
  int differing = 0;
  bool by_ones = shape.size() == wanted.size();
  for (size_t d = 0; by_ones && d < shape.size(); ++d)
    if (shape[d] != wanted[d]) ++differing, by_ones = shape[d] == 1;
  if (!by_ones || differing > 1)
    throw fail(TW_E_SHAPE, "gaussian_nll_loss: var must have the input's shape ", self.shape(),
               ", or that without its last dimension, or with one dimension of 1, got ", given.shape());
  return Tensor::retain(given);
}

}  // namespace

Tensor gaussian_nll_loss(TensorRef self, TensorRef target, const Operand& var, bool full, double eps,
                         std::string_view reduction) {
  const Tensor given = broadcast_variance(self, var);
  if (has_data(given) && *ops::any(ops::lt(given, 0)).data<bool>())
    throw fail(TW_E_VALUE, "gaussian_nll_loss: var has negative values");
  // The limit moves the value without stopping the gradient.
  const Tensor limited = ops::add(given, ops::detach(ops::sub(ops::clamp_min(given, eps), given)));
  Tensor losses = ops::add(ops::log(limited), ops::div(ops::square(ops::sub(self, target)), limited));
  losses = ops::mul(losses, 0.5);
  if (full) losses = ops::add(losses, 0.5 * std::log(2 * kPi));
  return reduced(std::move(losses), reduction);
}

}  // namespace tw::composite
