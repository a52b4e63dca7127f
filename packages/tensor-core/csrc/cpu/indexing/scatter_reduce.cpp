// Reductions of the elements that indices send to one place, in the order of the indices.
#include <cmath>

#include "cpu/element_types.h"
#include "cpu/indexing/lines.h"
#include "declarations/scatter.h"

namespace tw::cpu {
namespace {

template <class T>
constexpr bool kIsComplex = false;
template <class T>
constexpr bool kIsComplex<std::complex<T>> = true;

// Signed integers wrap around.
template <class T, class F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  else
    return f(a, b);
}

struct Sum {
  template <class T>
  static T identity() {
    return T(0);
  }
  template <class T>
  static T combine(T a, T b) {
    return wrapping(a, b, [](auto x, auto y) { return x + y; });
  }
};
struct Product {
  template <class T>
  static T identity() {
    return T(1);
  }
  template <class T>
  static T combine(T a, T b) {
    return wrapping(a, b, [](auto x, auto y) { return x * y; });
  }
};
struct Largest {
  template <class T>
  static T identity() {
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  template <class T>
  static T combine(T a, T b) {
    return b > a || b != b ? b : a;  // NaN stays: nothing is greater
  }
};
struct Smallest {
  template <class T>
  static T identity() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  }
  template <class T>
  static T combine(T a, T b) {
    return b < a || b != b ? b : a;
  }
};

template <class T>
T mean_of(T sum, int64_t count) {
  if constexpr (std::is_integral_v<T>) {  // rounded down
    const int64_t quotient = static_cast<int64_t>(sum) / count;
    return static_cast<T>(quotient - (static_cast<int64_t>(sum) % count < 0));
  } else if constexpr (kIsComplex<T>) {
    return sum / static_cast<typename T::value_type>(count);
  } else {
    return sum / static_cast<T>(count);
  }
}

struct Job {
  Tensor indices, source;
  TensorRef result;
  Lines lines;
  int64_t size;  // of the dimension
  bool include_self, mean;
};

template <class Reduction, class T>
void reduce_lines(const Job& job) {
  const Lines& lines = job.lines;
  const int64_t *index_data = job.indices.data<int64_t>(), to_step = lines.stride(1), from_step = lines.stride(2);
  for_each_line(lines, [&](int64_t at, int64_t to, int64_t from) {
    T* out = job.result.data<T>() + to;
    const T* source = job.source.data<T>() + from;
    const auto place = [&](int64_t k) { return wrapped(index_data[at + k * lines.stride(0)], job.size); };
    std::vector<int64_t> counts(static_cast<size_t>(job.mean ? job.size : 0), job.include_self ? 1 : 0);
    threads::Paces paces;
    if (!job.include_self)
      for (int64_t k = 0; k < lines.length; ++k) {
        out[place(k) * to_step] = Reduction::template identity<T>();
        paces.took(1);
      }
    for (int64_t k = 0; k < lines.length; ++k) {
      T& target = out[place(k) * to_step];
      target = Reduction::combine(target, source[k * from_step]);
      if (job.mean) ++counts[static_cast<size_t>(place(k))];
      paces.took(1);
    }
    for (int64_t p = 0; p < static_cast<int64_t>(counts.size()); ++p)
      if (const int64_t n = counts[static_cast<size_t>(p)]; n > 1) out[p * to_step] = mean_of(out[p * to_step], n);
  });
}

template <class T>
void reduce_by(std::string_view reduce, const Job& job) {
  if (reduce == "sum" || reduce == "mean") return reduce_lines<Sum, T>(job);
  if (reduce == "prod") return reduce_lines<Product, T>(job);
  if constexpr (!kIsComplex<T>) {
    if (reduce == "amax") return reduce_lines<Largest, T>(job);
    return reduce_lines<Smallest, T>(job);
  }
}

// Of truth values the sum is the largest, the product the smallest.
std::string_view reduction_of(std::string_view reduce, tw_dtype dtype) {
  if (dtype != kBool) return reduce;
  return reduce == "sum" ? "amax" : reduce == "prod" ? "amin" : reduce;
}

template <class F>
void visit_reducible(tw_dtype dtype, F&& f) {
  if (dtype == kComplex64) return f(Type<std::complex<float>>());
  if (dtype == kComplex128) return f(Type<std::complex<double>>());
  visit_ordered("scatter_reduce", dtype, std::forward<F>(f));
}

}  // namespace

void scatter_reduce(TensorRef self, int64_t dim, TensorRef index, TensorRef src, std::string_view reduce,
                    bool include_self, TensorRef out) {
  dim = normalized_dim(dim, self.ndim());
  const tw_dtype dtype = compute_dtype(self.dtype());
  const int64_t size = dim_size(self, dim);
  StagedResult result(out, dtype);
  const Job job{checked_indices("scatter_reduce", index, dim, size),
                dense(src, dtype),
                result.tensor(),
                Lines(index.shape(), self.shape(), src.shape(), dim),
                size,
                include_self,
                reduce == "mean"};
  copy_unless_in_place(result.tensor(), self);
  visit_reducible(dtype,
                  [&](auto type) { reduce_by<typename decltype(type)::type>(reduction_of(reduce, dtype), job); });
  result.commit();
}

void masked_scatter(TensorRef self, TensorRef mask, TensorRef source, TensorRef out) {
  const Tensor places = dense(expand(mask, out.shape()), kBool), values = dense(source);
  const uint8_t* set = places.data<uint8_t>();
  const int64_t wanted = std::count_if(set, set + places.numel(), [](uint8_t b) { return b != 0; });
  if (wanted > values.numel())
    throw fail(TW_E_VALUE, "masked_scatter: the mask has ", wanted, " places, source has ", values.numel(),
               " elements");
  copy_unless_in_place(out, self);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* next = values.data<T>();
    for (int64_t i = 0; i < places.numel(); ++i)
      if (set[i]) out.data<T>()[i] = *next++;
  });
}

void nonzero_static(TensorRef self, int64_t size, int64_t fill_value, TensorRef out) {
  const Tensor flags = dense(self, kBool);
  const int64_t ndim = self.ndim();
  int64_t row = 0;
  for (int64_t i = 0; i < flags.numel() && row < size; ++i) {
    if (!flags.data<uint8_t>()[i]) continue;
    int64_t place = i;
    for (int64_t d = ndim; d-- > 0; place /= self.size(static_cast<int>(d)))
      out.data<int64_t>()[row * ndim + d] = place % self.size(static_cast<int>(d));
    ++row;
  }
  int64_t* to = out.data<int64_t>();
  threads::for_pieces(row * ndim, size * ndim,
                      [&](int64_t first, int64_t last) { std::fill(to + first, to + last, fill_value); });
}

void segment_indices(TensorRef bounds, int64_t size, bool are_offsets, TensorRef out) {
  const Tensor numbers = dense(bounds, kInt64);
  const int64_t n = bounds.size(-1), rows = n == 0 ? 0 : numbers.numel() / n;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t* row = numbers.data<int64_t>() + r * n;
    int64_t* to = out.data<int64_t>() + r * size;
    int64_t covered = are_offsets ? row[0] : 0;
    for (int64_t s = 0; s + are_offsets < n; ++s) {
      int64_t length = row[s];
      const bool fits = !are_offsets || !__builtin_sub_overflow(row[s + 1], row[s], &length);
      if (!fits || length < 0 || covered < 0 || length > size - covered)
        throw fail(TW_E_VALUE, "segment_reduce: segment ", s, " of length ", length, " at ", covered,
                   " does not lie in a dimension of size ", size);
      std::fill_n(to + covered, length, s);
      covered += length;
    }
    if (covered != size || (are_offsets && row[0] != 0))
      throw fail(TW_E_VALUE, "segment_reduce: the segments must cover the dimension of size ", size,
                 " from its start; they end at ", covered);
  }
  if (n == 0 && size > 0) throw fail(TW_E_VALUE, "segment_reduce: there is no segment");
}

}  // namespace tw::cpu
