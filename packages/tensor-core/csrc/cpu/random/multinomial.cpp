// Categories drawn by weight: with replacement by inverting the running sum of the weights, without by the largest keys
// of Efraimidis and Spirakis (2006), which are those of the smallest exponential waiting times.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpu/random/random_stream.h"
#include "cpu/staging.h"
#include "declarations/random.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

void check_weights(const double* weights, int64_t categories) {
  double sum = 0;
  for (int64_t c = 0; c < categories; ++c) {
    if (!(weights[c] >= 0) || std::isinf(weights[c]))
      throw fail(TW_E_VALUE, "multinomial: weights must be finite and not negative, got ", weights[c]);
    sum += weights[c];
  }
  if (!(sum > 0)) throw fail(TW_E_VALUE, "multinomial: the weights of a row add up to ", sum);
}

void draw_with_replacement(const double* weights, int64_t categories, const double* uniform, int64_t samples,
                           int64_t* out) {
  std::vector<double> running(static_cast<size_t>(categories));
  std::partial_sum(weights, weights + categories, running.begin());
  int64_t last = categories - 1;
  while (weights[last] == 0) --last;
  parallel_for(0, samples, grain_for(32), [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const auto found = std::upper_bound(running.begin(), running.end(), uniform[s] * running.back());
      out[s] = std::min<int64_t>(found - running.begin(), last);
    }
  });
}

void draw_without_replacement(const double* weights, int64_t categories, const double* waiting, int64_t samples,
                              int64_t* out) {
  std::vector<std::pair<double, int64_t>> times;
  for (int64_t c = 0; c < categories; ++c)
    if (weights[c] > 0) times.emplace_back(waiting[c] / weights[c], c);
  if (static_cast<int64_t>(times.size()) < samples)
    throw fail(TW_E_VALUE, "multinomial: ", samples,
               " samples without replacement need as many weights that are not zero, got ",
               static_cast<int64_t>(times.size()));
  uint32_t compared = 0;
  std::partial_sort(times.begin(), times.begin() + samples, times.end(), [&](const auto& a, const auto& b) {
    if (++compared % 65536 == 0) threads::stop_if_interrupted();
    return a < b;
  });
  for (int64_t s = 0; s < samples; ++s) out[s] = times[static_cast<size_t>(s)].second;
}

}  // namespace

void multinomial(TensorRef self, int64_t num_samples, bool replacement, tw_object* generator, TensorRef out) {
  const int64_t categories = self.size(-1), rows = self.ndim() == 2 ? self.size(0) : 1;
  const Tensor weights = dense(self, kFloat64);
  for (int64_t r = 0; r < rows; ++r) check_weights(weights.data<double>() + r * categories, categories);
  const int64_t draws = replacement ? num_samples : categories;
  const RandomStream stream(generator, rows * draws, 2);
  const Tensor numbers = empty({stream.groups() * kGroupValues<double>}, kFloat64);
  const auto& kernels = isa_table<DistributionKernels<double>>();
  for_each_chunk(stream, [&](int64_t first_word, const uint32_t* words, int64_t count) {
    (replacement ? kernels.uniform : kernels.exponential)(count / kGroupWords, words,
                                                          numbers.data<double>() + first_word / 2);
  });
  const auto draw = replacement ? draw_with_replacement : draw_without_replacement;
  for (int64_t r = 0; r < rows; ++r)
    draw(weights.data<double>() + r * categories, categories, numbers.data<double>() + r * draws, num_samples,
         out.data<int64_t>() + r * num_samples);
}

}  // namespace tw::cpu
