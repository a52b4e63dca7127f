// Whole slices of one dimension by index: taken, or added up.
#include "cpu/element_types.h"
#include "cpu/indexing/indexing.h"
#include "declarations/indexing.h"

namespace tw::cpu {
namespace {

constexpr int64_t kStrip = 256;  // neighbouring elements of a slice that one chunk adds up

// add(element, element of source) for each element of the slices that the indices name, in their order.
template <class T, class Add>
void add_slices(const DimSplit& s, const int64_t* index, int64_t count, const T* source, T* out, Add add) {
  const int64_t strips = (s.inner + kStrip - 1) / kStrip;
  parallel_for(0, s.outer * strips, grain_for(count * std::min(s.inner, kStrip)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / strips, first = i % strips * kStrip, last = std::min(first + kStrip, s.inner);
      for (int64_t k = 0; k < count; ++k) {
        T* __restrict to = out + (outer * s.size + wrapped(index[k], s.size)) * s.inner;
        const T* __restrict from = source + (outer * count + k) * s.inner;
        for (int64_t c = first; c < last; ++c) add(to[c], from[c]);
      }
    }
  });
}

template <class T>
T scalar_as(const Scalar& s) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(s.integer());
  else
    return static_cast<T>(s.real());
}

}  // namespace

void index_select(TensorRef self, int64_t dim, TensorRef index, TensorRef out) {
  const DimSplit s(self.shape(), dim);
  const Tensor input = dense(self),
               indices = checked_indices("index_select", index, normalized_dim(dim, self.ndim()), s.size);
  const int64_t count = indices.numel(), unit = s.inner * item_size(self.dtype());
  if (unit == 0) return;
  parallel_for(0, s.outer * count, grain_for(unit / 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slice = i / count * s.size + wrapped(indices.data<int64_t>()[i % count], s.size);
      std::memcpy(out.data<char>() + i * unit, input.data<char>() + slice * unit, static_cast<size_t>(unit));
    }
  });
}

void index_add(TensorRef self, int64_t dim, TensorRef index, TensorRef source, const Scalar& alpha, TensorRef out) {
  const DimSplit s(self.shape(), dim);
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor indices = checked_indices("index_add", index, normalized_dim(dim, self.ndim()), s.size),
               values = dense(source, dtype);
  StagedResult result(out, dtype);
  copy_unless_in_place(result.tensor(), self);
  const int64_t *index_data = indices.data<int64_t>(), count = indices.numel();
  if (dtype == kBool) {
    const bool counts = alpha.real() != 0;
    add_slices(s, index_data, count, values.data<uint8_t>(), result.data<uint8_t>(),
               [=](uint8_t& to, uint8_t from) { to |= static_cast<uint8_t>(from && counts); });
  } else {
    visit_arithmetic("index_add", dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      add_slices(s, index_data, count, values.data<T>(), result.data<T>(),
                 [factor = scalar_as<T>(alpha)](T& to, T from) { to += static_cast<T>(factor * from); });
    });
  }
  result.commit();
}

}  // namespace tw::cpu
