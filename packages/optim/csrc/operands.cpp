#include "operands.h"

#include <tensorwright/checked.hpp>
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/schema.hpp>

#include <algorithm>

namespace tw::optim {
namespace {

std::string shape_text(IntList shape) {
  std::string text = "[";
  for (size_t d = 0; d < shape.size(); ++d) text += (d ? ", " : "") + std::to_string(shape[d]);
  return text + "]";
}

bool same(IntList a, IntList b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

bool is_dense(TensorRef t) {
  if (t.is_contiguous()) return true;
  std::vector<int> order(static_cast<size_t>(t.ndim()));
  for (int d = 0; d < t.ndim(); ++d) order[static_cast<size_t>(d)] = d;
  std::sort(order.begin(), order.end(), [&](int a, int b) { return t.stride(a) < t.stride(b); });
  int64_t expected = 1;
  for (int d : order) {
    if (t.size(d) != 1 && t.stride(d) != expected) return false;
    expected *= t.size(d);
  }
  return true;
}

tw_dtype computed_as(tw_dtype dtype) {
  if (is_complex(dtype)) return dtype;
  return dtype == kFloat64 ? kFloat64 : kFloat32;
}

// Whether all tensors of a parameter can be walked through together as they are.
bool alike(const Request& request, size_t item, tw_dtype dtype) {
  const TensorRef param = request.tensor(0, item);
  if (!is_dense(param)) return false;
  for (uint32_t list = 0; list < request.update.lists(); ++list) {
    const TensorRef t = request.tensor(list, item);
    if (t.dtype() != dtype || !same(t.strides(), param.strides())) return false;
  }
  return true;
}

class Checker {
 public:
  Checker(const Request& request) : request_(request), arguments_(declared_arguments(request.update.schema)) {}

  void check_sizes() const {
    for (uint32_t list = 1; list < request_.update.lists(); ++list)
      if (request_.lists[list].size() != request_.size())
        refuse(TW_E_VALUE, "expected a tensor of " + arguments_[list].name + " for each of the " +
                               std::to_string(request_.size()) + " parameters, got " +
                               std::to_string(request_.lists[list].size()));
  }

  void check_tensor(uint32_t list, size_t item) const {
    const TensorRef param = request_.tensor(0, item), t = request_.tensor(list, item);
    const std::string where = arguments_[list].name + "[" + std::to_string(item) + "]";
    if (!is_floating(t.dtype()) && !is_complex(t.dtype()))
      refuse(TW_E_TYPE, where + " must be of floating point or complex numbers");
    if (is_complex(t.dtype()) != is_complex(param.dtype()))
      refuse(TW_E_TYPE, where + " must be complex where the parameter is, and only there");
    if (!same(t.shape(), param.shape()))
      refuse(TW_E_SHAPE,
             where + " has shape " + shape_text(t.shape()) + ", the parameter " + shape_text(param.shape()));
  }

 private:
  [[noreturn]] void refuse(tw_status code, const std::string& what) const {
    throw Error(code, std::string(request_.name) + ": " + what);
  }

  const Request& request_;
  std::vector<DeclaredArgument> arguments_;
};

const char* short_name(const tw_call& call) {
  tw_op_info info{};
  info.size = sizeof info;
  check(g_host->op_info(call.op, &info));
  const char* colons = std::strstr(info.name, "::");
  return colons ? colons + 2 : info.name;
}

}  // namespace

Request checked_request(const Update& update, const tw_call& call) {
  Request request{update, short_name(call), {}};
  for (uint32_t list = 0; list < update.lists(); ++list)
    request.lists.push_back(From<TensorList>::get(call.args[list]));
  const Checker checker(request);
  checker.check_sizes();
  for (uint32_t list = 0; list < update.lists(); ++list)
    for (size_t item = 0; item < request.size(); ++item) checker.check_tensor(list, item);
  return request;
}

Operands::Operands(const Request& request, size_t item) {
  const TensorRef param = request.tensor(0, item);
  dtype_ = computed_as(param.dtype());
  compute_ = dtype_ == kFloat64 || dtype_ == kComplex128 ? kF64 : kF32;
  numel_ = checked::mul(param.numel(), is_complex(dtype_) ? 2 : 1);
  const bool in_place = alike(request, item, dtype_);
  for (uint32_t list = 0; list < request.update.lists(); ++list) {
    const TensorRef t = request.tensor(list, item);
    bind(list, t, in_place || (t.dtype() == dtype_ && t.is_contiguous()), list != 1);
  }
}

void Operands::bind(uint32_t list, TensorRef tensor, bool fits, bool written) {
  if (fits) {
    data_[list] = tensor.data<char>();
    return;
  }
  Tensor copy = ops::contiguous(tensor.dtype() == dtype_ ? Tensor::retain(tensor) : ops::_to_copy(tensor, dtype_));
  data_[list] = copy.data<char>();
  if (written)
    written_copies_.emplace_back(Tensor::retain(tensor), std::move(copy));
  else
    read_copies_.push_back(std::move(copy));
}

void Operands::finish() const {
  for (const auto& [tensor, copy] : written_copies_) ops::copy_(tensor, copy);
}

}  // namespace tw::optim
