// Connectionist temporal classification: the likelihood of a sequence of labels, summed over its alignments.
//
// A sequence of S labels becomes 2S + 1 states: blank, label, blank, ..., blank. alpha[t][s] is the logarithm of the
// probability of all ways to be in state s at time t, its emission included; beta[t][s] of all ways to go on from
// there to the end, without the emission at t. The recursion runs on numbers or on pairs of a number and its tangent.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/staging.h"
#include "declarations/loss_sequence.h"

namespace tw::cpu {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct Dual {
  double value, tangent;
};

double value_of(double x) { return x; }
double value_of(Dual x) { return x.value; }
double plus(double a, double b) { return a + b; }
Dual plus(Dual a, Dual b) { return {a.value + b.value, a.tangent + b.tangent}; }
double minus(double a, double b) { return a - b; }
Dual minus(Dual a, Dual b) { return {a.value - b.value, a.tangent - b.tangent}; }
void never(double& x) { x = kNever; }
void never(Dual& x) { x = {kNever, 0}; }

double log_sum(double a, double b) {
  const double most = std::max(a, b);
  if (most == kNever) return kNever;
  return most + std::log1p(std::exp(std::min(a, b) - most));
}
Dual log_sum(Dual a, Dual b) {
  const double sum = log_sum(a.value, b.value);
  if (sum == kNever) return {kNever, 0};
  return {sum, std::exp(a.value - sum) * a.tangent + std::exp(b.value - sum) * b.tangent};
}

struct Problem {
  int64_t times, samples, classes, blank;
  bool zero_infinity;
  Tensor log_probs, labels;
  std::vector<int64_t> input_lengths, target_lengths, starts;  // starts: of each sample's labels

  int64_t states(int64_t n) const { return 2 * target_lengths[static_cast<size_t>(n)] + 1; }
  int64_t label(int64_t n, int64_t state) const {
    return state % 2 == 0 ? blank : labels.data<int64_t>()[starts[static_cast<size_t>(n)] + state / 2];
  }
  // Whether the blank before this state may be left out.
  bool skips(int64_t n, int64_t state) const {
    return state % 2 == 1 && state >= 3 && label(n, state) != label(n, state - 2);
  }
  int64_t place(int64_t t, int64_t n, int64_t label) const { return (t * samples + n) * classes + label; }
};

std::vector<int64_t> lengths_of(const char* name, TensorRef lengths, int64_t most) {
  const Tensor values = dense(lengths, kInt64);
  const int64_t* begin = values.data<int64_t>();
  for (int64_t n = 0; n < values.numel(); ++n)
    if (begin[n] < 0 || begin[n] > most)
      throw fail(TW_E_VALUE, "ctc_loss: ", name, "[", n, "] is ", begin[n], ", expected 0 to ", most);
  return std::vector<int64_t>(begin, begin + values.numel());
}

void check_labels(const Problem& p) {
  const int64_t* labels = p.labels.data<int64_t>();
  for (size_t n = 0; n < p.starts.size(); ++n)
    for (int64_t i = p.starts[n]; i < p.starts[n] + p.target_lengths[n]; ++i)
      if (labels[i] < 0 || labels[i] >= p.classes)
        throw fail(TW_E_INDEX, "ctc_loss: target ", labels[i], " is out of range for ", p.classes, " classes");
}

Problem problem_of(TensorRef log_probs, TensorRef targets, TensorRef input_lengths, TensorRef target_lengths,
                   int64_t blank, bool zero_infinity) {
  Problem p{log_probs.size(0), log_probs.size(1), log_probs.size(2), blank, zero_infinity, {}, {}, {}, {}, {}};
  p.log_probs = dense(log_probs, kFloat64);
  p.labels = dense(targets, kInt64);
  p.input_lengths = lengths_of("input_lengths", input_lengths, p.times);
  p.target_lengths = lengths_of("target_lengths", target_lengths, targets.size(-1));
  int64_t start = 0;
  for (int64_t n = 0; n < p.samples; ++n) {
    p.starts.push_back(targets.ndim() == 2 ? n * targets.size(1) : start);
    start += p.target_lengths[static_cast<size_t>(n)];
    if (targets.ndim() == 1 && start > targets.numel())
      throw fail(TW_E_VALUE, "ctc_loss: target_lengths add up to more than the ", targets.numel(), " targets");
  }
  check_labels(p);
  return p;
}

double emission(const Problem& p, const double* /*direction*/, int64_t at, double) {
  return p.log_probs.data<double>()[at];
}
Dual emission(const Problem& p, const double* direction, int64_t at, Dual) {
  return {p.log_probs.data<double>()[at], direction[at]};
}

// The lattice of one sample, [time][state].
template <class N>
struct Lattice {
  const Problem& p;
  const double* direction;
  int64_t sample, times, states;
  std::vector<N> alpha, beta;

  Lattice(const Problem& problem, const double* towards, int64_t n)
      : p(problem),
        direction(towards),
        sample(n),
        times(p.input_lengths[static_cast<size_t>(n)]),
        states(p.states(n)) {}

  N emit(int64_t t, int64_t s) const { return emission(p, direction, p.place(t, sample, p.label(sample, s)), N()); }
  N& at(std::vector<N>& table, int64_t t, int64_t s) { return table[static_cast<size_t>(t * states + s)]; }

  void forward() {
    N none;
    never(none);
    alpha.assign(static_cast<size_t>(times * states), none);
    for (int64_t s = 0; s < std::min<int64_t>(2, states) && times > 0; ++s) at(alpha, 0, s) = emit(0, s);
    for (int64_t t = 1; t < times; ++t)
      for (int64_t s = 0; s < states; ++s) {
        N sum = at(alpha, t - 1, s);
        if (s >= 1) sum = log_sum(sum, at(alpha, t - 1, s - 1));
        if (p.skips(sample, s)) sum = log_sum(sum, at(alpha, t - 1, s - 2));
        at(alpha, t, s) = plus(sum, emit(t, s));
      }
  }
  void backward() {
    N none, sure{};
    never(none);
    beta.assign(static_cast<size_t>(times * states), none);
    for (int64_t s = std::max<int64_t>(0, states - 2); s < states && times > 0; ++s) at(beta, times - 1, s) = sure;
    for (int64_t t = times - 2; t >= 0; --t)
      for (int64_t s = 0; s < states; ++s) {
        N sum = plus(at(beta, t + 1, s), emit(t + 1, s));
        if (s + 1 < states) sum = log_sum(sum, plus(at(beta, t + 1, s + 1), emit(t + 1, s + 1)));
        if (s + 2 < states && p.skips(sample, s + 2))
          sum = log_sum(sum, plus(at(beta, t + 1, s + 2), emit(t + 1, s + 2)));
        at(beta, t, s) = sum;
      }
  }
  N log_likelihood() {
    N total{};  // without input only the empty sequence is possible
    if (times == 0 && states > 1) never(total);
    if (times == 0) return total;
    total = at(alpha, times - 1, states - 1);
    return states > 1 ? log_sum(total, at(alpha, times - 1, states - 2)) : total;
  }
};

double share(double exponent) { return std::exp(exponent); }
double share(Dual exponent) { return std::exp(exponent.value) * exponent.tangent; }

// Adds the gradient of a sample's loss (or its change along the direction) times `grad` to `out`.
template <class N>
void add_gradient(const Problem& p, const double* direction, int64_t n, double grad, double* out) {
  Lattice<N> lattice(p, direction, n);
  lattice.forward();
  const N total = lattice.log_likelihood();
  if (value_of(total) == kNever && p.zero_infinity) return;
  lattice.backward();
  for (int64_t t = 0; t < lattice.times; ++t)
    for (int64_t s = 0; s < lattice.states; ++s) {
      const N both = plus(lattice.at(lattice.alpha, t, s), lattice.at(lattice.beta, t, s));
      if (value_of(both) == kNever && value_of(total) != kNever) continue;
      out[p.place(t, n, p.label(n, s))] -= grad * share(minus(both, total));
    }
}

template <class N>
void gradient(const Problem& p, TensorRef grad, const double* direction, TensorRef out) {
  const Tensor grads = dense(grad, kFloat64);
  StagedResult result(out, kFloat64);
  clear(result.data<double>(), out.numel());
  parallel_for(0, p.samples, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      add_gradient<N>(p, direction, n, grads.data<double>()[n], result.data<double>());
  });
  result.commit();
}

}  // namespace

void ctc_loss_forward(TensorRef log_probs, TensorRef targets, TensorRef input_lengths, TensorRef target_lengths,
                      int64_t blank, bool zero_infinity, TensorRef out) {
  const Problem p = problem_of(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity);
  StagedResult result(out, kFloat64);
  parallel_for(0, p.samples, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      Lattice<double> lattice(p, nullptr, n);
      lattice.forward();
      const double total = lattice.log_likelihood();
      result.data<double>()[n] = total == kNever && zero_infinity ? 0.0 : 0.0 - total;
    }
  });
  result.commit();
}

void ctc_loss_backward(TensorRef grad, TensorRef log_probs, TensorRef targets, TensorRef input_lengths,
                       TensorRef target_lengths, int64_t blank, bool zero_infinity, TensorRef out) {
  gradient<double>(problem_of(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity), grad, nullptr,
                   out);
}

void ctc_loss_curvature(TensorRef direction, TensorRef grad, TensorRef log_probs, TensorRef targets,
                        TensorRef input_lengths, TensorRef target_lengths, int64_t blank, bool zero_infinity,
                        TensorRef out) {
  const Tensor towards = dense(direction, kFloat64);
  gradient<Dual>(problem_of(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity), grad,
                 towards.data<double>(), out);
}

}  // namespace tw::cpu
