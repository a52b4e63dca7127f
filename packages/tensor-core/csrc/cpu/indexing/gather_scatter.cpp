// gather and its inverses: along one dimension each index names an element.
#include <atomic>

#include "cpu/element_types.h"
#include "cpu/indexing/lines.h"
#include "cpu/isa_kernels.h"
#include "declarations/indexing.h"

namespace tw::cpu {
namespace {

// Places among `n` indices are looked at piece by piece: f(first, last, whether all are in [0, size)).
template <class F>
void for_index_pieces(const int64_t* places, int64_t n, int64_t size, F&& f) {
  constexpr int64_t kPiece = 512;
  threads::Paces paces;
  for (int64_t first = 0; first < n; first += kPiece) {
    const int64_t last = std::min(n, first + kPiece);
    f(first, last, conversion_kernels().all_between(last - first, places + first, 0, size));
    paces.took(last - first);
  }
}

struct Assign {
  template <class T>
  void operator()(T& to, const T& from) const {
    to = from;
  }
};
struct Add {
  template <class T>
  void operator()(T& to, const T& from) const {
    to += from;
  }
};
struct Either {
  void operator()(uint8_t& to, uint8_t from) const { to |= from; }
};

// How the processor takes or writes groups of neighbours; null: one by one.
template <class T>
auto take_groups() {
  if constexpr (std::is_same_v<T, uint32_t>)
    return isa_table<IndexKernels>().take_32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return isa_table<IndexKernels>().take_64;
  else
    return nullptr;
}
template <class T, class Write>
auto write_groups() {
  if constexpr (std::is_same_v<Write, Add> && std::is_same_v<T, float>)
    return isa_table<IndexKernels>().add_f32;
  else if constexpr (std::is_same_v<Write, Add> && std::is_same_v<T, double>)
    return isa_table<IndexKernels>().add_f64;
  else
    return nullptr;
}

// groups(first, n) does whole groups of indices, and gives the number of those it did; one(k) does any other.
template <class Groups, class One>
void for_index_groups(int64_t n, Groups groups, One one) {
  constexpr int64_t kPiece = 1 << 14;
  threads::Paces paces;
  for (int64_t k = 0; k < n;) {
    const int64_t first = k;
    k += groups(k, std::min(n - k, kPiece));
    for (const int64_t end = std::min(n, k + kIndexGroup); k < end; ++k) one(k);
    paces.took(k - first);
  }
}

// A run of indices, and the elements of one type that they lead to; distances in elements.
struct Elements {
  const int64_t* places;
  int64_t n, size;
  const void* from;
  int64_t step, across;
  void* to;
};
// Whether all indices were in range, negative ones included.
using MoveElements = bool (*)(const Elements&);

// write(to[places[k] * step + k * across], from[k]); indices out of range are left out, and said so.
template <class T, class Write>
bool scatter_elements(const Elements& e) {
  const int64_t *const places = e.places, n = e.n, size = e.size, step = e.step, across = e.across;
  const T* const from = static_cast<const T*>(e.from);
  T* const to = static_cast<T*>(e.to);
  const Write write;
  bool inside = true;
  const auto write_one = [&](int64_t k) {
    const int64_t at = wrapped(places[k], size);
    const bool fits = at >= 0 && at < size;
    inside &= fits;
    if (fits) write(to[at * step + k * across], from[k]);
  };
  const auto groups = write_groups<T, Write>();
  if constexpr (!std::is_null_pointer_v<decltype(groups)>)
    if (step == 1 && across == 0) {
      for_index_groups(
          n, [&](int64_t k, int64_t most) { return groups(places + k, most, size, from + k, to); }, write_one);
      return inside;
    }
  for_index_pieces(places, n, size, [&](int64_t first, int64_t last, bool plain) {
    if (plain && step == 1 && across == 0)
#pragma GCC unroll 4
      for (int64_t k = first; k < last; ++k) write(to[places[k]], from[k]);
    else if (plain)
      for (int64_t k = first; k < last; ++k) write(to[places[k] * step + k * across], from[k]);
    else
      for (int64_t k = first; k < last; ++k) write_one(k);
  });
  return inside;
}

// `result` becomes a copy of `self`, unless it is that, and then `move` is called for runs of indices, which are in
// order within a line. What is changed in place is not begun with an index out of range.
void scatter_lines(const char* op, TensorRef self, TensorRef result, int64_t dim, TensorRef index, TensorRef src,
                   MoveElements move) {
  dim = normalized_dim(dim, result.ndim());
  const int64_t size = dim_size(result, dim), item = item_size(result.dtype());
  const bool in_place = result.data<void>() == self.data<void>();
  const Tensor indices = in_place ? checked_indices(op, index, dim, size) : dense(index, kInt64);
  const Lines lines(index.shape(), result.shape(), src.shape(), dim);
  const int64_t* const places = indices.data<int64_t>();
  char* const out = result.data<char>();
  const char* const source = src.data<char>();
  const int64_t step = lines.stride(1);
  if (!in_place) copy_elements(result, self);
  std::atomic<bool> valid{true};
  if (lines.stride(0) == 1 && lines.stride(2) == 1)
    for_each_line(lines, [&](int64_t at, int64_t to, int64_t from) {
      if (!move({places + at, lines.length, size, source + from * item, step, 0, out + to * item})) valid = false;
    });
  else
    for_each_row(lines, [&](int64_t at, int64_t to, int64_t from, int64_t n) {
      if (!move({places + at, n, size, source + from * item, step, 1, out + to * item})) valid = false;
    });
  if (!valid) check_indices(op, places, indices.numel(), dim, size);
}

// to[k] = from[places[k] * step + k * across]. Indices are checked as they are used: element 0 stands for one out of
// range until the caller refuses it.
template <class T>
bool take_elements(const Elements& e) {
  const int64_t *const places = e.places, n = e.n, size = e.size, step = e.step, across = e.across;
  const T* const from = static_cast<const T*>(e.from);
  T* const to = static_cast<T*>(e.to);
  bool inside = true;
  const auto take_one = [&](int64_t k) {
    const int64_t at = wrapped(places[k], size);
    const bool fits = at >= 0 && at < size;
    inside &= fits;
    to[k] = from[(fits ? at : 0) * step + k * across];
  };
  const auto groups = take_groups<T>();
  if constexpr (!std::is_null_pointer_v<decltype(groups)>)
    if (step == 1 && across == 0) {
      for_index_groups(
          n, [&](int64_t k, int64_t most) { return groups(places + k, most, size, from, to + k); }, take_one);
      return inside;
    }
  for_index_pieces(places, n, size, [&](int64_t first, int64_t last, bool plain) {
    if (plain && step == 1 && across == 0)
#pragma GCC unroll 4
      for (int64_t k = first; k < last; ++k) to[k] = from[places[k]];
    else if (plain)
      for (int64_t k = first; k < last; ++k) to[k] = from[places[k] * step + k * across];
    else
      for (int64_t k = first; k < last; ++k) take_one(k);
  });
  return inside;
}

// Columns of the source, gathered from side by side. Rows that are a power of two apart share few of a cache's sets, so
// where most of the columns' elements are likely to be asked for they are copied to neighbouring rows first.
class ColumnSource {
 public:
  ColumnSource(const Lines& lines, int64_t size, int64_t item) : size_(size), step_(lines.stride(1)), item_(item) {
    constexpr int64_t kSlice = int64_t{1} << 18;  // bytes: a quarter of a second-level cache
    constexpr int64_t kLeastCols = 16, kLeastUse = 2;
    const int64_t cols = kSlice / std::max<int64_t>(1, size * item);
    copies_ = cols >= kLeastCols && lines.length >= size / kLeastUse && lines.columns() >= kLeastCols;
    if (copies_) widest_ = std::min(cols, kWidestBlock);
  }
  int64_t widest() const { return widest_; }

  // f(first element, distance of rows) of columns from `from` on.
  template <class F>
  void read(const char* from, int64_t cols, F&& f) const {
    if (!copies_) return f(from, step_);
    const int64_t bytes = cols * item_;
    const Tensor slice = empty({size_ * bytes}, kUInt8);
    movement_kernels().copy_rows(size_, bytes, from, step_ * item_, slice.data<char>(), bytes);
    f(slice.data<char>(), cols);
  }

 private:
  int64_t size_, step_, item_, widest_ = kWidestBlock;
  bool copies_;
};

// Indices of a block lie in short runs, which processors do not fetch ahead by themselves.
void prefetch_indices(const int64_t* places, int64_t n) {
  constexpr int64_t kLine = 8;
  for (int64_t k = 0; k < n; k += kLine) __builtin_prefetch(places + k);
}

bool gather_lines(const Lines& lines, int64_t size, int64_t item, const int64_t* index, const char* source, char* out,
                  MoveElements move) {
  std::atomic<bool> valid{true};
  if (lines.stride(0) == 1 && lines.stride(2) == 1) {
    for_each_line(lines, [&](int64_t at, int64_t from, int64_t to) {
      if (!move({index + at, lines.length, size, source + from * item, lines.stride(1), 0, out + to * item}))
        valid = false;
    });
    return valid;
  }
  constexpr int64_t kAhead = 4;  // rows
  const ColumnSource columns(lines, size, item);
  for_each_block(lines, columns.widest(), [&](int64_t at, int64_t from, int64_t to, int64_t n) {
    columns.read(source + from * item, n, [&](const char* first, int64_t step) {
      threads::Paces paces;
      for (int64_t k = 0; k < lines.length; ++k) {
        const int64_t* const places = index + at + k * lines.stride(0);
        if (k + kAhead < lines.length) prefetch_indices(places + kAhead * lines.stride(0), n);
        if (!move({places, n, size, first, step, 1, out + (to + k * lines.stride(2)) * item})) valid = false;
        paces.took(n);
      }
    });
  });
  return valid;
}

}  // namespace

void gather(TensorRef self, int64_t dim, TensorRef index, TensorRef out) {
  dim = normalized_dim(dim, self.ndim());
  const int64_t size = dim_size(self, dim), item = item_size(self.dtype());
  const Tensor input = dense(self), indices = dense(index, kInt64);
  const int64_t* const places = indices.data<int64_t>();
  if (size == 0) check_indices("gather", places, indices.numel(), dim, size);
  const Lines lines(index.shape(), self.shape(), index.shape(), dim);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    if (!gather_lines(lines, size, item, places, input.data<char>(), out.data<char>(), take_elements<T>))
      check_indices("gather", places, indices.numel(), dim, size);
  });
}

void scatter(TensorRef self, int64_t dim, TensorRef index, TensorRef src, TensorRef out) {
  const Tensor source = dense(src);
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    scatter_lines("scatter", self, out, dim, index, source, scatter_elements<T, Assign>);
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
      threads::for_pieces(0, lines.length, [&](int64_t first, int64_t last) {
        for (int64_t k = first; k < last; ++k)
          out.data<T>()[to + wrapped(index_data[at + k * lines.stride(0)], size) * lines.stride(1)] = element;
      });
    });
  });
}

void scatter_add(TensorRef self, int64_t dim, TensorRef index, TensorRef src, TensorRef out) {
  const tw_dtype dtype = compute_dtype(self.dtype());
  const Tensor source = dense(src, dtype);
  StagedResult result(out, dtype);
  if (dtype == kBool)
    scatter_lines("scatter_add", self, result.tensor(), dim, index, source, scatter_elements<uint8_t, Either>);
  else
    visit_arithmetic("scatter_add", dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      scatter_lines("scatter_add", self, result.tensor(), dim, index, source, scatter_elements<T, Add>);
    });
  result.commit();
}

}  // namespace tw::cpu
