// Copies with elements in another order: flip, roll, and triangles of matrices.
#include <algorithm>

#include "cpu/copies/movement.h"
#include "cpu/element_types.h"
#include "cpu/staging.h"
#include "declarations/indexing.h"

namespace tw::cpu {
namespace {

// The last dimension is a row. `source_row(i)` says which row of the input becomes row i.
struct Rows {
  int64_t count = 1, length = 1;
  explicit Rows(IntList shape) {
    if (shape.empty()) return;
    length = shape[shape.size() - 1];
    for (size_t d = 0; d + 1 < shape.size(); ++d) count *= shape[d];
  }
};

// Which row comes to row i if each coordinate c of a dimension of size n is taken from (reversed ? n - 1 - c : c -
// shift).
class RowOrder {
 public:
  explicit RowOrder(IntList shape) : shape_(shape.vec()), reversed(shape.size(), false), shift(shape.size(), 0) {}
  int64_t source(int64_t i) const {
    int64_t result = 0, stride = 1;
    for (size_t d = shape_.size() - 1; d-- > 0;) {
      const int64_t n = shape_[d], c = i % n;
      result += (reversed[d] ? n - 1 - c : (c - shift[d] + n) % n) * stride;
      stride *= n;
      i /= n;
    }
    return result;
  }

 private:
  std::vector<int64_t> shape_;

 public:
  std::vector<bool> reversed;
  std::vector<int64_t> shift;  // each in [0, n)
};

template <class T>
void copy_row(const T* from, T* to, int64_t length, bool reversed, int64_t shift) {
  if (reversed) {
    if constexpr (sizeof(T) == 4)
      conversion_kernels().reverse_32(length, from + length - 1, to);
    else if constexpr (sizeof(T) == 8)
      conversion_kernels().reverse_64(length, from + length - 1, to);
    else
      for (int64_t k = 0; k < length; ++k) to[k] = from[length - 1 - k];
    return;
  }
  std::memcpy(to + shift, from, static_cast<size_t>(length - shift) * sizeof(T));
  std::memcpy(to, from + length - shift, static_cast<size_t>(shift) * sizeof(T));
}

void reorder(TensorRef self, const RowOrder& order, TensorRef out) {
  if (out.numel() == 0) return;
  const Tensor input = dense(self);
  const Rows rows(self.shape());
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    parallel_for(0, rows.count, grain_for(rows.length), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        copy_row(input.data<T>() + order.source(i) * rows.length, out.data<T>() + i * rows.length, rows.length,
                 order.reversed.back(), order.shift.back());
    });
  });
}

int64_t positive_shift(int64_t shift, int64_t size) {
  if (size == 0) return 0;
  const int64_t rest = shift % size;
  return rest < 0 ? rest + size : rest;
}

// All elements as one row, in pieces.
void roll_flat(TensorRef self, int64_t shift, TensorRef out) {
  const Tensor input = dense(self);
  const int64_t item = item_size(self.dtype()), bytes = self.numel() * item, wrapped = shift * item;
  const char* from = input.data<char>();
  char* to = out.data<char>();
  parallel_for(0, bytes, int64_t{1} << 17, [&](int64_t begin, int64_t end) {
    const int64_t middle = std::clamp(wrapped, begin, end);
    std::memcpy(to + begin, from + begin + bytes - wrapped, static_cast<size_t>(middle - begin));
    std::memcpy(to + middle, from + middle - wrapped, static_cast<size_t>(end - middle));
  });
}

// Keeps columns [first(row), last(row)) of each matrix row, and zeroes the others.
template <class Range>
void keep_columns(TensorRef self, TensorRef out, Range range) {
  const Tensor input = dense(self);
  const int64_t rows = self.size(-2), cols = self.size(-1), item = item_size(self.dtype());
  if (out.numel() == 0) return;
  parallel_for(0, out.numel() / cols, grain_for(cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto [first, last] = range(i % rows);
      const char* from = input.data<char>() + i * cols * item;
      char* to = out.data<char>() + i * cols * item;
      std::memset(to, 0, static_cast<size_t>(first * item));
      std::memcpy(to + first * item, from + first * item, static_cast<size_t>((last - first) * item));
      std::memset(to + last * item, 0, static_cast<size_t>((cols - last) * item));
    }
  });
}

}  // namespace

void flip(TensorRef self, IntList dims, TensorRef out) {
  if (self.ndim() == 0) return copy_elements(out, self);
  RowOrder order(self.shape());
  for (int64_t d : dims) order.reversed[static_cast<size_t>(normalized_dim(d, self.ndim()))] = true;
  reorder(self, order, out);
}

void roll(TensorRef self, IntList shifts, IntList dims, TensorRef out) {
  if (self.ndim() == 0 || (dims.empty() && self.numel() == 0)) return copy_elements(out, self);
  if (dims.empty()) return roll_flat(self, positive_shift(shifts[0], self.numel()), out);
  RowOrder order(self.shape());
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t d = normalized_dim(dims[i], self.ndim()), size = self.size(static_cast<int>(d));
    int64_t& shift = order.shift[static_cast<size_t>(d)];
    shift = positive_shift(shift + positive_shift(shifts[i], size), size);
  }
  reorder(self, order, out);
}

void tril(TensorRef self, int64_t diagonal, TensorRef out) {
  const int64_t cols = self.size(-1), offset = std::clamp(diagonal, -self.size(-2) - 1, cols + 1);
  keep_columns(self, out, [=](int64_t row) {
    return std::pair<int64_t, int64_t>(0, std::clamp<int64_t>(row + offset + 1, 0, cols));
  });
}

void triu(TensorRef self, int64_t diagonal, TensorRef out) {
  const int64_t cols = self.size(-1), offset = std::clamp(diagonal, -self.size(-2) - 1, cols + 1);
  keep_columns(self, out, [=](int64_t row) {
    return std::pair<int64_t, int64_t>(std::clamp<int64_t>(row + offset, 0, cols), cols);
  });
}

}  // namespace tw::cpu
