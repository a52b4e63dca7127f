// Random tensors. Element i depends on the reserved counters and on i alone.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpu/element_types.h"
#include "cpu/random/random_stream.h"
#include "cpu/staging.h"
#include "declarations/random.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

// Fills `out` with values of a distribution, each passed through `finish`.
template <class T, class Draw, class Finish>
void fill_with(tw_object* generator, int64_t count, T* out, Draw draw, Finish finish) {
  constexpr int64_t kWords = static_cast<int64_t>(sizeof(T)) / 4;
  const RandomStream stream(generator, count, kWords);
  for_each_chunk(stream, [&](int64_t first_word, const uint32_t* words, int64_t word_count) {
    T values[kGroupsPerChunk * kGroupValues<T>];
    draw(word_count / kGroupWords, words, values);
    const int64_t first = first_word / kWords, n = std::min(word_count / kWords, count - first);
    for (int64_t i = 0; i < n; ++i) out[first + i] = finish(values[i], first + i);
  });
}

// Fills `out` with values of a distribution as they are drawn.
template <class T, class Draw>
void fill_plain(tw_object* generator, int64_t count, T* out, Draw draw) {
  constexpr int64_t kWords = static_cast<int64_t>(sizeof(T)) / 4;
  const RandomStream stream(generator, count, kWords);
  for_each_chunk(stream, [&](int64_t first_word, const uint32_t* words, int64_t word_count) {
    const int64_t first = first_word / kWords, n = word_count / kWords, groups = word_count / kGroupWords;
    if (first + n <= count) return draw(groups, words, out + first);
    T values[kGroupsPerChunk * kGroupValues<T>];
    draw(groups, words, values);
    std::copy_n(values, count - first, out + first);
  });
}

// Uniform numbers keep to the grid of half precision where the result has it, so that rounding never gives 1.
double grid_of(tw_dtype dtype) { return dtype == kFloat16 ? 0x1p11 : dtype == kBFloat16 ? 0x1p8 : 0; }

template <class T>
T on_grid(T u, T grid) {
  return grid > 0 ? std::floor(u * grid) / grid : u;
}

// A complex tensor is filled as twice as many real numbers.
tw_dtype drawn_dtype(TensorRef out) {
  if (!is_complex(out.dtype())) return compute_dtype(out.dtype());
  return out.dtype() == kComplex128 ? kFloat64 : kFloat32;
}
int64_t drawn_count(TensorRef out) { return is_complex(out.dtype()) ? 2 * out.numel() : out.numel(); }

void fill_uniform(const char* op, tw_object* generator, double low, double high, TensorRef out) {
  const tw_dtype dtype = drawn_dtype(out);
  StagedResult result(out, is_complex(out.dtype()) ? out.dtype() : dtype);
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T from = static_cast<T>(low), to = static_cast<T>(high), width = static_cast<T>(high - low);
    const T last = from < to ? std::nextafter(to, from) : from;  // rounding may reach `high`, which is excluded
    const T grid = static_cast<T>(grid_of(out.dtype()));
    const auto draw = isa_table<DistributionKernels<T>>().uniform;
    if (from == 0 && width == 1 && grid == 0) return fill_plain(generator, drawn_count(out), result.data<T>(), draw);
    fill_with(generator, drawn_count(out), result.data<T>(), draw,
              [=](T u, int64_t) { return std::min(from + on_grid(u, grid) * width, last); });
  });
  result.commit();
}

void fill_normal(const char* op, tw_object* generator, double mean, double std, TensorRef out) {
  const tw_dtype dtype = drawn_dtype(out);
  StagedResult result(out, is_complex(out.dtype()) ? out.dtype() : dtype);
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const bool pairs = is_complex(out.dtype());  // `std` is that of the complex number, `mean` is real
    const T center = static_cast<T>(mean), scale = static_cast<T>(pairs ? std * 0.7071067811865476 : std);
    const auto draw = isa_table<DistributionKernels<T>>().normal;
    if (center == 0 && scale == 1) return fill_plain(generator, drawn_count(out), result.data<T>(), draw);
    fill_with(generator, drawn_count(out), result.data<T>(), draw,
              [=](T z, int64_t i) { return (pairs && i % 2 ? 0 : center) + z * scale; });
  });
  result.commit();
}

// Draws 0 or 1 with the probability of each element; `probability(i)`.
template <class T, class P>
void fill_bernoulli(tw_object* generator, TensorRef out, P probability) {
  fill_with(generator, out.numel(), out.data<T>(), isa_table<DistributionKernels<T>>().uniform,
            [=](T u, int64_t i) { return static_cast<T>(u < probability(i)); });
}

}  // namespace

void rand(IntList /*size*/, tw_object* generator, std::optional<tw_dtype>, std::optional<tw_device>, TensorRef out) {
  fill_uniform("rand", generator, 0, 1, out);
}
void randn(IntList /*size*/, tw_object* generator, std::optional<tw_dtype>, std::optional<tw_device>, TensorRef out) {
  fill_normal("randn", generator, 0, 1, out);
}
void uniform(TensorRef /*self*/, double low, double high, tw_object* generator, TensorRef out) {
  fill_uniform("uniform_", generator, low, high, out);
}
void normal(TensorRef /*self*/, double mean, double std, tw_object* generator, TensorRef out) {
  fill_normal("normal_", generator, mean, std, out);
}

void exponential(TensorRef /*self*/, double lambd, tw_object* generator, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  StagedResult result(out, dtype);
  visit_floating("exponential_", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T rate = static_cast<T>(lambd);
    fill_with(generator, out.numel(), result.data<T>(), isa_table<DistributionKernels<T>>().exponential,
              [=](T x, int64_t) { return x / rate; });
  });
  result.commit();
}

void randint_low(int64_t low, int64_t high, IntList /*size*/, tw_object* generator, std::optional<tw_dtype>,
                 std::optional<tw_device>, TensorRef out) {
  StagedResult result(out, kInt64);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  const RandomStream stream(generator, out.numel(), 2);
  int64_t* const to = result.data<int64_t>();
  const int64_t count = out.numel();
  for_each_chunk(stream, [=](int64_t first_word, const uint32_t* words, int64_t word_count) {
    const int64_t first = first_word / 2, n = std::min(word_count / 2, count - first);
    for (int64_t i = 0; i < n; ++i)
      to[first + i] = static_cast<int64_t>(static_cast<uint64_t>(low) + scaled(wide_word(words, i), range));
  });
  result.commit();
}

// The shuffle of Fisher and Yates, from the end; step i takes value i of the stream.
void randperm(int64_t n, tw_object* generator, std::optional<tw_dtype>, std::optional<tw_device>, TensorRef out) {
  StagedResult result(out, kInt64);
  int64_t* order = result.data<int64_t>();
  threads::for_pieces(0, n, [&](int64_t first, int64_t last) { std::iota(order + first, order + last, first); });
  const RandomStream stream(generator, n, 2);
  uint32_t words[kGroupWords];
  threads::for_pieces(0, n - 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (i % (kGroupWords / 2) == 0) stream.words(i / (kGroupWords / 2), 1, words);
      const int64_t left = n - i;
      std::swap(order[left - 1], order[scaled(wide_word(words, i % (kGroupWords / 2)), static_cast<uint64_t>(left))]);
    }
  });
  result.commit();
}

void bernoulli(TensorRef self, tw_object* generator, TensorRef out) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  const Tensor input = dense(self, dtype);
  StagedResult result(out, dtype);
  visit_floating("bernoulli", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* p = input.data<T>();
    for (int64_t i = 0; i < out.numel(); ++i)
      if (!(p[i] >= 0 && p[i] <= 1))
        throw fail(TW_E_VALUE, "bernoulli: probabilities must be between 0 and 1, got ", static_cast<double>(p[i]));
    fill_bernoulli<T>(generator, result.tensor(), [=](int64_t i) { return p[i]; });
  });
  result.commit();
}

void bernoulli_p(TensorRef /*self*/, double p, tw_object* generator, TensorRef out) {
  StagedResult result(out, out.dtype() == kFloat64 ? kFloat64 : kFloat32);
  if (out.dtype() == kFloat64)
    fill_bernoulli<double>(generator, result.tensor(), [=](int64_t) { return p; });
  else
    fill_bernoulli<float>(generator, result.tensor(), [q = static_cast<float>(p)](int64_t) { return q; });
  result.commit();
}

}  // namespace tw::cpu
