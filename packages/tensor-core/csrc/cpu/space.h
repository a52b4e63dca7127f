// The iteration space of several tensors of one shape: dimensions merged where all of them allow it, so that
// most calls come down to one or two loops.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>

namespace tw::cpu {

constexpr int kMaxStreams = 24;  // tensors walked together

struct Space {
  int ndim = 0;
  int streams = 0;
  int64_t numel = 1;
  int64_t shape[TW_MAX_NDIM];
  int64_t strides[kMaxStreams][TW_MAX_NDIM];  // in bytes

  Space(const int64_t* sizes, int n);
  // Adds a tensor that broadcasts to the shape.
  void add(const tw_tensor* t);
  // Adds a tensor or, with strides of 0, a number.
  void add(const tw_value& operand);
  // Orders the dimensions by the strides of stream 0 (its fastest one last), drops those of size 1 and merges
  // neighbours. Afterwards the order of elements is the memory order of stream 0, not the logical one.
  void reorder_by_first();
  // Drops and merges without changing the order of the elements.
  void coalesce();

  // Along the last dimension; 0 if there is none.
  int64_t last_stride(int stream) const { return ndim ? strides[stream][ndim - 1] : 0; }
  // The stride of a stream that is one plain run over all elements; 0 for one repeated element, -1 if neither.
  int64_t run_stride(int stream) const;
};

// Walks the elements of a Space from a linear index on, run by run along the last dimension.
class Walker {
 public:
  Walker(const Space& space, int64_t index);
  int64_t offset(int stream) const;  // in bytes, of the current element
  int64_t left_in_run() const { return space_.ndim ? space_.shape[space_.ndim - 1] - coords_[space_.ndim - 1] : 1; }
  void advance(int64_t n);  // n <= left_in_run()

  // Whole runs ahead, neighbours along the dimension before the last; 0 in the middle of a run.
  int64_t left_rows() const {
    const int n = space_.ndim;
    return n < 2 || coords_[n - 1] ? 0 : space_.shape[n - 2] - coords_[n - 2];
  }
  void advance_rows(int64_t n);  // n <= left_rows()

 private:
  void advance_along(int dim, int64_t n);

  const Space& space_;
  int64_t coords_[TW_MAX_NDIM];
};

}  // namespace tw::cpu
