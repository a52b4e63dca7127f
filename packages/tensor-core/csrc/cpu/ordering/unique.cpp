// Distinct elements and slices: sorted (or taken as they stand), cut into groups of equals.
#include <cstring>
#include <numeric>

#include "cpu/ordering/sort_keys.h"
#include "cpu/staging.h"
#include "declarations/search.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

using Results = std::tuple<Tensor, Tensor, Tensor>;

// An order of elements and where in it groups of equals begin, with the end as the last.
struct Groups {
  std::vector<int64_t> order, starts;
  int64_t count() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t first_of(int64_t group) const { return order[static_cast<size_t>(starts[static_cast<size_t>(group)])]; }
};

// Cuts an order of elements where neighbours differ.
template <class Same>
Groups grouped(std::vector<int64_t> order, Same same) {
  Groups groups{std::move(order), {}};
  const int64_t n = static_cast<int64_t>(groups.order.size());
  threads::for_pieces(0, n, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      if (i == 0 || !same(groups.order[static_cast<size_t>(i) - 1], groups.order[static_cast<size_t>(i)]))
        groups.starts.push_back(i);
  });
  groups.starts.push_back(n);
  return groups;
}

// The group of each element, in the shape given, and the sizes of the groups; empty if not asked for.
Tensor inverse_of(const Groups& groups, IntList shape, bool wanted) {
  if (!wanted) return empty({0}, kInt64);
  Tensor inverse = empty(shape, kInt64);
  threads::Paces paces;
  for (int64_t g = 0; g < groups.count(); ++g) {
    const int64_t start = groups.starts[static_cast<size_t>(g)], end = groups.starts[static_cast<size_t>(g) + 1];
    for (int64_t i = start; i < end; ++i) inverse.data<int64_t>()[groups.order[static_cast<size_t>(i)]] = g;
    paces.took(end - start);
  }
  return inverse;
}
Tensor counts_of(const Groups& groups, bool wanted) {
  if (!wanted) return empty({0}, kInt64);
  Tensor counts = empty({groups.count()}, kInt64);
  for (int64_t g = 0; g < groups.count(); ++g)
    counts.data<int64_t>()[g] = groups.starts[static_cast<size_t>(g) + 1] - groups.starts[static_cast<size_t>(g)];
  return counts;
}

// The first slice [outer, size, inner] of each group.
Tensor first_slices(TensorRef input, const DimSplit& s, std::vector<int64_t> shape, const Groups& groups) {
  Tensor out = empty(shape, input.dtype(), input.device());
  const int64_t unit = s.inner * item_size(input.dtype());
  threads::Paces paces;
  for (int64_t outer = 0; outer < s.outer; ++outer)
    for (int64_t g = 0; g < groups.count() && unit > 0; ++g) {
      std::memcpy(out.data<char>() + (outer * groups.count() + g) * unit,
                  input.data<char>() + (outer * s.size + groups.first_of(g)) * unit, static_cast<size_t>(unit));
      paces.took(1 + unit / 64);
    }
  return out;
}

Results results_of(TensorRef input, const DimSplit& s, std::vector<int64_t> shape, const Groups& groups,
                   IntList inverse_shape, bool return_inverse, bool return_counts) {
  return {first_slices(input, s, std::move(shape), groups), inverse_of(groups, inverse_shape, return_inverse),
          counts_of(groups, return_counts)};
}

DimSplit flat(TensorRef self) {
  const int64_t shape[] = {self.numel()};
  return DimSplit({shape, 1}, 0);
}

std::vector<int64_t> places_up_to(int64_t n) {
  std::vector<int64_t> places;
  places.reserve(static_cast<size_t>(n));
  threads::for_pieces(0, n, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) places.push_back(i);
  });
  return places;
}

std::vector<int64_t> sorted_places(const Line& line) {
  std::vector<int64_t> places(static_cast<size_t>(line.size));
  visit_items(line.dtype, line.size, [&](auto item_type) {
    const ItemBuffer<typename decltype(item_type)::type> items(line.size), scratch(line.size);
    with_sorted_items(line, false, items.data(), scratch.data(), [&](const auto* sorted) {
      for (size_t i = 0; i < places.size(); ++i) places[i] = place_of(sorted[i]);
    });
  });
  return places;
}

Groups sorted_groups(TensorRef input) {
  std::vector<int64_t> places = sorted_places({"unique", input.dtype(), input.data<void>(), 1, input.numel()});
  Groups groups;
  visit_keyed("unique", input.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* values = input.data<T>();
    groups = grouped(std::move(places), [&](int64_t a, int64_t b) { return same_value(values[a], values[b]); });
  });
  return groups;
}

// Slices [outer, size, inner] as lists of their elements.
template <class T>
class Slices {
 public:
  Slices(TensorRef input, const DimSplit& s) : s_(s), data_(input.data<T>()), dtype_(input.dtype()) {}
  bool same(int64_t a, int64_t b) const {
    return all_of(a, b, [](const T& x, const T& y) { return same_value(x, y); });
  }
  bool less(int64_t a, int64_t b) const {
    bool is_less = false;
    const Key<T> flip = key_flip<T>(dtype_, false);
    all_of(a, b, [&](const T& x, const T& y) {
      is_less = (order_key(x) ^ flip) < (order_key(y) ^ flip);
      return order_key(x) == order_key(y);
    });
    return is_less;
  }

 private:
  // Whether f holds for all pairs of elements; asks no further than the first for which it does not.
  template <class F>
  bool all_of(int64_t a, int64_t b, F&& f) const {
    for (int64_t outer = 0; outer < s_.outer; ++outer) {
      const T *x = data_ + (outer * s_.size + a) * s_.inner, *y = data_ + (outer * s_.size + b) * s_.inner;
      for (int64_t i = 0; i < s_.inner; ++i)
        if (!f(x[i], y[i])) return false;
    }
    return true;
  }
  DimSplit s_;
  const T* data_;
  tw_dtype dtype_;
};

// One sort for all types: what a comparison of slices costs is not the call.
void sort_by(std::vector<int64_t>& order, const void* context, bool (*less)(const void*, int64_t, int64_t)) {
  uint32_t compared = 0;
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (++compared % 65536 == 0) threads::stop_if_interrupted();
    return less(context, a, b);
  });
}

std::vector<int64_t> with_size(IntList shape, int64_t dim, int64_t size) {
  std::vector<int64_t> result = shape.vec();
  result[static_cast<size_t>(normalized_dim(dim, static_cast<int64_t>(shape.size())))] = size;
  return result;
}

// Types whose elements can be told apart; complex ones too.
template <class F>
void visit_comparable(tw_dtype dtype, F&& f) {
  if (dtype == kComplex64) return f(Type<std::complex<float>>());
  if (dtype == kComplex128) return f(Type<std::complex<double>>());
  visit_keyed("unique", dtype, std::forward<F>(f));
}

}  // namespace

Results _unique2(TensorRef self, bool /*sorted: always*/, bool return_inverse, bool return_counts) {
  const Tensor input = dense(self);
  const Groups groups = sorted_groups(input);
  return results_of(input, flat(self), {groups.count()}, groups, self.shape(), return_inverse, return_counts);
}

Results unique_dim(TensorRef self, int64_t dim, bool /*sorted: always*/, bool return_inverse, bool return_counts) {
  const Tensor input = dense(self);
  const DimSplit s(self.shape(), dim);
  Groups groups;
  visit_keyed("unique", self.dtype(), [&](auto type) {
    using SlicesOf = Slices<typename decltype(type)::type>;
    const SlicesOf slices(input, s);
    std::vector<int64_t> order = places_up_to(s.size);
    sort_by(order, &slices,
            [](const void* all, int64_t a, int64_t b) { return static_cast<const SlicesOf*>(all)->less(a, b); });
    groups = grouped(std::move(order), [&](int64_t a, int64_t b) { return slices.same(a, b); });
  });
  return results_of(input, s, with_size(self.shape(), dim, groups.count()), groups, {s.size}, return_inverse,
                    return_counts);
}

Results _unique_consecutive(TensorRef self, bool return_inverse, bool return_counts, std::optional<int64_t> dim) {
  const Tensor input = dense(self);
  const DimSplit s = dim ? DimSplit(self.shape(), *dim) : flat(self);
  Groups groups;
  visit_comparable(self.dtype(), [&](auto type) {
    const Slices<typename decltype(type)::type> slices(input, s);
    groups = grouped(places_up_to(s.size), [&](int64_t a, int64_t b) { return slices.same(a, b); });
  });
  const int64_t size[] = {s.size};
  return results_of(input, s, dim ? with_size(self.shape(), *dim, groups.count()) : std::vector{groups.count()}, groups,
                    dim ? IntList(size, 1) : self.shape(), return_inverse, return_counts);
}

}  // namespace tw::cpu
