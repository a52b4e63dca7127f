// The operands of one parameter's update as flat arrays of one type.
#pragma once

#include <array>
#include <vector>

#include "update.h"

namespace tw::optim {

constexpr uint32_t kMaxLists = 8;

// What an op was called with, checked: all lists have an item for each parameter, of its shape.
struct Request {
  const Update& update;
  const char* name;
  std::vector<TensorList> lists;  // param, grad, state
  size_t size() const { return lists[0].size(); }
  TensorRef tensor(uint32_t list, size_t item) const { return lists[list][item]; }
};
Request checked_request(const Update& update, const tw_call& call);

// One parameter. Where all its tensors lie in memory alike, densely and in the type of the computation, kernels work on
// their memory; a tensor that does not fit is copied, and if it is written, copied back by `finish`.
class Operands {
 public:
  Operands(const Request& request, size_t item);
  Compute compute() const { return compute_; }
  int64_t numel() const { return numel_; }  // real numbers: a complex one is two
  char* data(uint32_t list) const { return data_[list]; }
  void finish() const;

 private:
  void bind(uint32_t list, TensorRef tensor, bool fits, bool written);

  Compute compute_;
  tw_dtype dtype_;  // of the computation, or complex numbers made of it
  int64_t numel_;
  std::array<char*, kMaxLists> data_{};
  std::vector<std::pair<Tensor, Tensor>> written_copies_;  // the tensor, and what is to be copied to it
  std::vector<Tensor> read_copies_;
};

}  // namespace tw::optim
