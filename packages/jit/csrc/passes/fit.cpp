#include "fit.h"

#include <algorithm>

namespace tw::jit {

std::vector<Dim> Fit::candidates() const {
  std::vector<Dim> found = blocks_;
  for (size_t i = 0; i < blocks_.size(); ++i)
    for (size_t k = i; k < blocks_.size(); ++k) {
      found.push_back(dims_.multiply(blocks_[i], blocks_[k]));
      found.push_back(dims_.add(blocks_[i], blocks_[k]));
    }
  Dim all = dims_.constant(1);
  for (const Dim block : blocks_) all = dims_.multiply(all, block);
  found.push_back(all);
  return found;
}

std::optional<Dim> Fit::find(const std::vector<int64_t>& values) const {
  const auto same = [&](int64_t value) { return value == values[0]; };
  if (std::all_of(values.begin(), values.end(), same)) return dims_.constant(values[0]);
  const std::vector<Dim> tried = candidates();
  for (const Dim x : tried)
    if (const auto found = affine(x, values)) return found;
  for (const Dim x : tried)
    if (const auto found = quotient(x, values)) return found;
  return std::nullopt;
}

std::optional<Dim> Fit::affine(Dim x, const std::vector<int64_t>& values) const {
  size_t k = 1;  // the first sample in which x differs
  while (k < samples_.size() && at(x, k) == at(x, 0)) ++k;
  if (k == samples_.size()) return std::nullopt;
  const int64_t run = at(x, k) - at(x, 0), rise = values[k] - values[0];
  if (rise % run != 0) return std::nullopt;
  const int64_t a = rise / run, b = values[0] - a * at(x, 0);
  return fitting(dims_.add(dims_.multiply(dims_.constant(a), x), dims_.constant(b)), values);
}

std::optional<Dim> Fit::quotient(Dim x, const std::vector<int64_t>& values) const {
  constexpr int64_t kLargestDivisor = 16;
  for (int64_t d = 2; d <= kLargestDivisor; ++d)
    for (int64_t rest = 0; rest < d; ++rest) {
      const Dim shifted = dims_.add(x, dims_.constant(values[0] * d - at(x, 0) + rest));
      if (const auto found = fitting(dims_.floordiv(shifted, dims_.constant(d)), values)) return found;
    }
  return std::nullopt;
}

std::optional<Dim> Fit::fitting(Dim dim, const std::vector<int64_t>& values) const {
  for (size_t k = 0; k < samples_.size(); ++k)
    if (at(dim, k) != values[k]) return std::nullopt;
  return dim;
}

}  // namespace tw::jit
