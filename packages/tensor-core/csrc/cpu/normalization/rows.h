// How tensors are cut into rows for kernels that take several of them.
#pragma once

#include <algorithm>
#include <memory>
#include <new>

#include "cpu/copies/cast.h"
#include "cpu/staging.h"

namespace tw::cpu {

// Rows of one chunk of a parallel loop: an even number of short ones, which kernels go through two in turn.
inline int64_t rows_for(int64_t length) {
  const int64_t rows = grain_for(length);
  return rows > 1 ? rows + rows % 2 : 1;
}

// Rows of a contiguous tensor in the type that kernels calculate in: where they lie, or a few at a time in memory that
// stays in the nearest cache.
class StagedRows {
 public:
  StagedRows(TensorRef t, int64_t length, tw_dtype dtype);

  // Of rows that are not of that type.
  static int64_t at_once(int64_t length);
  bool direct() const { return !buffer_; }
  template <class T>
  T* place(int64_t row) const {
    return reinterpret_cast<T*>(buffer_ ? buffer_.get() : at(row));
  }
  template <class T>
  const T* read(int64_t row, int64_t count) const {
    if (buffer_) widen(row, count);
    return place<T>(row);
  }
  void write(int64_t row, int64_t count) const;

 private:
  static constexpr std::align_val_t kAlignment{64};  // whole vectors of a cache line
  struct Free {
    void operator()(char* memory) const { ::operator delete(memory, kAlignment); }
  };

  char* at(int64_t row) const { return data_ + row * length_ * item_; }
  void widen(int64_t row, int64_t count) const;

  char* data_;
  int64_t length_, item_, wide_item_;
  CastFn widen_ = nullptr, narrow_ = nullptr;
  std::unique_ptr<char, Free> buffer_;
};

// f(first row, how many) for rows of operands: all of them if those are direct, else as many as are staged at once.
template <class F>
void for_staged_rows(int64_t begin, int64_t end, int64_t length, bool direct, F&& f) {
  const int64_t most = direct ? end - begin : StagedRows::at_once(length);
  for (int64_t row = begin; row < end; row += most) f(row, std::min(most, end - row));
}

}  // namespace tw::cpu
