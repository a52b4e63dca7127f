// gather and its inverses: along one dimension each index names an element. Lines along that dimension are independent
// of each other, so they are the unit of parallel work, and within a line indices are taken in order.
#include "cpu/element_types.h"
#include "cpu/indexing.h"
#include "declarations/indexing.h"

namespace tw::cpu {
namespace {

// Positions of the lines along `dim` of `index`, and of the same coordinates in two other contiguous tensors.
class Lines {
 public:
  Lines(IntList index, IntList first, IntList second, int64_t dim) : dim_(dim), shape_(index.vec()) {
    if (shape_.empty()) shape_ = {1};
    length = shape_[static_cast<size_t>(dim)];
    const IntList shapes[3] = {index, first, second};
    for (int k = 0; k < 3; ++k) strides_[k] = contiguous_strides(shapes[k]);
    for (int64_t d = 0; d < ndim(); ++d)
      if (d != dim) count *= shape_[static_cast<size_t>(d)];
  }
  int64_t length = 0, count = 1;
  int64_t stride(int k) const { return strides_[k][static_cast<size_t>(dim_)]; }
  // The offset of line i in tensor k (0: index, 1 and 2: the others).
  int64_t offset(int k, int64_t i) const {
    int64_t result = 0;
    for (int64_t d = ndim() - 1; d >= 0; --d) {
      if (d == dim_) continue;
      const size_t at = static_cast<size_t>(d);
      result += i % shape_[at] * strides_[k][at];
      i /= shape_[at];
    }
    return result;
  }

 private:
  int64_t ndim() const { return static_cast<int64_t>(shape_.size()); }
  static std::vector<int64_t> contiguous_strides(IntList shape) {
    std::vector<int64_t> strides(std::max<size_t>(shape.size(), 1), 1);
    for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
    return strides;
  }
  int64_t dim_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_[3];
};

template <class F>
void for_each_line(const Lines& lines, F&& f) {
  if (lines.length == 0) return;
  parallel_for(0, lines.count, grain_for(lines.length), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(lines.offset(0, i), lines.offset(1, i), lines.offset(2, i));
  });
}

int64_t dim_size(TensorRef t, int64_t dim) { return t.ndim() == 0 ? 1 : t.size(static_cast<int>(dim)); }

// Calls write(element of result, element of src) for each index, in order within a line.
template <class T, class Write>
void scatter_lines(const char* op, TensorRef result, int64_t dim, TensorRef index, TensorRef src, Write write) {
  dim = normalized_dim(dim, result.ndim());
  const int64_t size = dim_size(result, dim);
  const Tensor indices = checked_indices(op, index, dim, size);
  const Lines lines(index.shape(), result.shape(), src.shape(), dim);
  const int64_t* index_data = indices.data<int64_t>();
  T* out = result.data<T>();
  const T* source = src.data<T>();
  for_each_line(lines, [&](int64_t at, int64_t to, int64_t from) {
    for (int64_t k = 0; k < lines.length; ++k)
      write(out[to + wrapped(index_data[at + k * lines.stride(0)], size) * lines.stride(1)],
            source[from + k * lines.stride(2)]);
  });
}

}  // namespace

void gather(TensorRef self, int64_t dim, TensorRef index, TensorRef out) {
  dim = normalized_dim(dim, self.ndim());
  const int64_t size = dim_size(self, dim);
  const Tensor input = dense(self), indices = checked_indices("gather", index, dim, size);
  const Lines lines(index.shape(), self.shape(), index.shape(), dim);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const T* source = input.data<T>();
    const int64_t* index_data = indices.data<int64_t>();
    for_each_line(lines, [&](int64_t at, int64_t from, int64_t to) {
      for (int64_t k = 0; k < lines.length; ++k)
        out.data<T>()[to + k * lines.stride(2)] =
            source[from + wrapped(index_data[at + k * lines.stride(0)], size) * lines.stride(1)];
    });
  });
}

void scatter(TensorRef self, int64_t dim, TensorRef index, TensorRef src, TensorRef out) {
  const Tensor source = dense(src);
  copy_unless_in_place(out, self);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    scatter_lines<T>("scatter", out, dim, index, source, [](T& to, const T& from) { to = from; });
  });
}

void scatter_value(TensorRef self, int64_t dim, TensorRef index, const Scalar& value, TensorRef out) {
  dim = normalized_dim(dim, self.ndim());
  Bytes16 bytes;
  scalar_bytes("scatter", value, self.dtype(), &bytes);
  copy_unless_in_place(out, self);
  const int64_t size = dim_size(self, dim);
  const Tensor indices = checked_indices("scatter", index, dim, size);
  const Lines lines(index.shape(), out.shape(), index.shape(), dim);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T element;
    std::memcpy(&element, &bytes, sizeof element);
    const int64_t* index_data = indices.data<int64_t>();
    for_each_line(lines, [&](int64_t at, int64_t to, int64_t) {
      for (int64_t k = 0; k < lines.length; ++k)
        out.data<T>()[to + wrapped(index_data[at + k * lines.stride(0)], size) * lines.stride(1)] = element;
    });
  });
}

void scatter_add(TensorRef self, int64_t dim, TensorRef index, TensorRef src, TensorRef out) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor source = dense(src, dtype);
  StagedResult result(out, dtype);
  copy_unless_in_place(result.tensor(), self);
  visit_arithmetic("scatter_add", dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    scatter_lines<T>("scatter_add", result.tensor(), dim, index, source, [](T& to, const T& from) { to += from; });
  });
  result.commit();
}

}  // namespace tw::cpu
