#include "cpu/fft/plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include "cpu/fft/lines.h"
#include "cpu/isa_kernels.h"
#include "runtime/fork.h"

namespace tw::cpu {

std::complex<double> root_of_unity(int64_t k, int64_t n) {
  // Eighths of a turn and what is left of k / n after them; exact in integers up to 2^60.
  const int64_t eight = 8 * (k % n);
  int64_t octant = eight / n;
  int64_t left = eight - octant * n;  // of n eighths
  const bool odd = octant % 2 == 1;
  if (odd) left = n - left;
  const double angle = static_cast<double>(left) / static_cast<double>(n) * 0.78539816339744830962;
  double c = std::cos(angle), s = std::sin(angle);
  if (((octant + 1) / 2) % 2 == 1) std::swap(c, s);
  const double re = octant >= 2 && octant < 6 ? -c : c, im = octant >= 4 ? -s : s;
  return {re, -im};
}

template <class T>
std::complex<double> FftPlan<T>::root(int64_t k) const {
  return coarse[static_cast<size_t>(k / kFineRoots)] * fine[static_cast<size_t>(k % kFineRoots)];
}

template <class T>
void fill_twist(const FftPlan<T>& plan, int64_t first, int64_t lanes, T* twist) {
  const int64_t count = std::min(lanes, plan.columns->length - first);
  for (int64_t k = 0; k < plan.rows->length; ++k) {
    T *re = twist + 2 * k * lanes, *im = re + lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      const std::complex<double> w = l < count ? plan.root(k * (first + l)) : 0;
      re[l] = static_cast<T>(w.real()), im[l] = static_cast<T>(w.imag());
    }
  }
}

namespace {

// 4 as long as possible, then 2 and odd primes; empty if a prime is too large for a pass.
std::vector<int64_t> small_factors(int64_t n) {
  std::vector<int64_t> factors;
  const auto take = [&](int64_t f) {
    while (n % f == 0) factors.push_back(f), n /= f;
  };
  take(4), take(2);
  for (int64_t f = 3; f <= kLargestRadix; f += 2) take(f);
  if (n > 1) factors.clear();
  return factors;
}

// The divisor next to the root from below.
int64_t middle_divisor(int64_t n, const std::vector<int64_t>& factors) {
  std::vector<int64_t> divisors{1};
  for (const int64_t f : factors) {
    const size_t count = divisors.size();
    for (size_t i = 0; i < count; ++i)
      if (divisors[i] * f <= n / (divisors[i] * f)) divisors.push_back(divisors[i] * f);
    std::sort(divisors.begin(), divisors.end());
    divisors.erase(std::unique(divisors.begin(), divisors.end()), divisors.end());
  }
  return divisors.back();
}

template <class T>
void add_roots(FftPlan<T>& plan) {
  plan.roots.resize(static_cast<size_t>(2 * plan.length));
  for (int64_t k = 0; k < plan.length; ++k) {
    const std::complex<double> w = root_of_unity(k, plan.length);
    plan.roots[static_cast<size_t>(2 * k)] = static_cast<T>(w.real());
    plan.roots[static_cast<size_t>(2 * k + 1)] = static_cast<T>(w.imag());
  }
}

template <class T>
void split_in_two(FftPlan<T>& plan, int64_t rows) {
  plan.rows = fft_plan<T>(rows, false), plan.columns = fft_plan<T>(plan.length / rows, false);
  for (int64_t k = 0; k < std::min(kFineRoots, plan.length); ++k) plan.fine.push_back(root_of_unity(k, plan.length));
  for (int64_t k = 0; k < plan.length; k += kFineRoots) plan.coarse.push_back(root_of_unity(k, plan.length));
  if (plan.length > kLongestKept) return;
  const int64_t lanes = isa_table<FftKernels<T>>().lanes, groups = (plan.columns->length + lanes - 1) / lanes;
  plan.twists.resize(static_cast<size_t>(groups * 2 * rows * lanes));
  for (int64_t g = 0; g < groups; ++g) fill_twist(plan, g * lanes, lanes, plan.twists.data() + g * 2 * rows * lanes);
}

// The smallest 2^a 3^b 5^c that is not below n.
int64_t smooth_length(int64_t n) {
  int64_t best = 1;
  while (best < n) best *= 2;
  for (int64_t fives = 1; fives < best; fives *= 5)
    for (int64_t threes = fives; threes < best; threes *= 3) {
      int64_t length = threes;
      while (length < n) length *= 2;
      best = std::min(best, length);
    }
  return best;
}

// k^2 mod 2 n without overflow: n is far below 2^31 wherever memory holds the lines, and 128 bits hold the rest.
int64_t square_modulo(int64_t k, int64_t modulus) {
  return static_cast<int64_t>(static_cast<unsigned __int128>(k) * static_cast<unsigned __int128>(k) %
                              static_cast<unsigned __int128>(modulus));
}

template <class T>
void add_chirp(FftPlan<T>& plan) {
  const int64_t n = plan.length, m = smooth_length(2 * n - 1);
  plan.convolution = fft_plan<T>(m, true);
  plan.chirp.resize(static_cast<size_t>(n)), plan.filter.assign(static_cast<size_t>(m), {});
  for (int64_t k = 0; k < n; ++k) {
    const std::complex<double> w = root_of_unity(square_modulo(k, 2 * n), 2 * n);
    plan.chirp[static_cast<size_t>(k)] = {static_cast<T>(w.real()), static_cast<T>(w.imag())};
    const std::complex<T> conjugate{static_cast<T>(w.real()), static_cast<T>(-w.imag())};
    plan.filter[static_cast<size_t>(k)] = plan.filter[static_cast<size_t>(k > 0 ? m - k : 0)] = conjugate;
  }
  transform_lines<T>(*plan.convolution, {1, 1, m, 0, 1}, plan.filter.data(), plan.filter.data(), false,
                     static_cast<T>(1) / static_cast<T>(m));
}

template <class T>
std::shared_ptr<const FftPlan<T>> make_plan(int64_t length, bool split) {
  auto plan = std::make_shared<FftPlan<T>>();
  plan->length = length;
  plan->factors = small_factors(length);
  if (plan->factors.empty() && length > 1) {
    add_chirp(*plan);
    return plan;
  }
  const int64_t rows = split ? middle_divisor(length, plan->factors) : 1;
  if (rows >= 8)
    split_in_two(*plan, rows);
  else
    add_roots(*plan);
  return plan;
}

}  // namespace

namespace {

// What was made for the last keys.
template <class Key, class Value>
class Kept {
 public:
  template <class Make>
  std::shared_ptr<const Value> get(const Key& key, Make make) {
    {
      std::lock_guard<ForkSafeMutex> lock(mutex_);
      const auto found = values_.find(key);
      if (found != values_.end()) return found->second;
    }
    std::shared_ptr<const Value> value = make();  // may ask for others
    std::lock_guard<ForkSafeMutex> lock(mutex_);
    if (values_.size() >= kMost) values_.clear();
    values_[key] = value;
    return value;
  }

 private:
  static constexpr size_t kMost = 64;
  ForkSafeMutex mutex_;
  std::map<Key, std::shared_ptr<const Value>> values_;
};

template <class T>
Kept<std::pair<int64_t, bool>, FftPlan<T>> plans;
template <class T>
Kept<int64_t, std::vector<std::complex<T>>> kept_roots;

}  // namespace

template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(int64_t length, bool split) {
  return plans<T>.get({length, split}, [&] { return make_plan<T>(length, split); });
}

template <class T>
std::shared_ptr<const std::vector<std::complex<T>>> half_roots(int64_t n) {
  return kept_roots<T>.get(n, [&] {
    auto roots = std::make_shared<std::vector<std::complex<T>>>();
    for (int64_t k = 0; k <= n / 2; ++k) {
      const std::complex<double> w = root_of_unity(k, n);
      roots->emplace_back(static_cast<T>(w.real()), static_cast<T>(w.imag()));
    }
    return std::shared_ptr<const std::vector<std::complex<T>>>(std::move(roots));
  });
}

template struct FftPlan<float>;
template struct FftPlan<double>;
template void fill_twist<float>(const FftPlan<float>&, int64_t, int64_t, float*);
template void fill_twist<double>(const FftPlan<double>&, int64_t, int64_t, double*);
template std::shared_ptr<const std::vector<std::complex<float>>> half_roots<float>(int64_t);
template std::shared_ptr<const std::vector<std::complex<double>>> half_roots<double>(int64_t);
template std::shared_ptr<const FftPlan<float>> fft_plan<float>(int64_t, bool);
template std::shared_ptr<const FftPlan<double>> fft_plan<double>(int64_t, bool);

}  // namespace tw::cpu
