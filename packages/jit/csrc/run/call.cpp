#include "call.h"

#include "../builtin/containers.h"

namespace tw::jit {
namespace {

void retain_items(const tw_value& value, tw_value* out) {
  check(g_host->list_new(value.tag, value.aux, out));
  if (value.tag == TW_TENSORS) {
    for (uint32_t i = 0; i < value.aux; ++i)
      static_cast<tw_tensor**>(out->u.p)[i] = Tensor::retain(static_cast<tw_tensor**>(value.u.p)[i]).release();
  } else if (value.tag == TW_VALUES) {
    for (uint32_t i = 0; i < value.aux; ++i)
      retain_into(static_cast<tw_value*>(value.u.p)[i], static_cast<tw_value*>(out->u.p) + i);
  } else if (value.aux) {
    const size_t item = value.tag == TW_STR ? 1 : value.tag == TW_COMPLEX ? 16 : 8;
    std::memcpy(out->u.p, value.u.p, value.aux * item);
  }
}

}  // namespace

void retain_into(const tw_value& value, tw_value* out) {
  switch (value.tag) {
    case TW_TENSOR:
      give(out, Tensor::retain(value.u.t));
      return;
    case TW_OBJECT:
      *out = to_value(ObjectRef::retain(value.u.o).release());
      return;
    case TW_STR:
    case TW_INTS:
    case TW_FLOATS:
    case TW_TENSORS:
    case TW_COMPLEX:
    case TW_VALUES:
      return retain_items(value, out);
    default:
      *out = value;
  }
}

void CallArguments::set(uint32_t k, const Shared& value) {
  held_.push_back(value);
  if (list_in(value->get())) {  // ops see plain values
    held_.push_back(std::make_shared<Value>());
    freeze_into(value->get(), &*held_.back());
  }
  values_[k] = converted(op_.arguments[k].type, held_.back()->get());
  given_[k] = true;
}

uint32_t CallArguments::count() const {
  uint32_t n = op_.nargs;
  while (n && !given_[n - 1]) --n;
  for (uint32_t k = 0; k < n; ++k)
    if (!given_[k]) throw Error(TW_E_TYPE, op_.name + ": argument '" + op_.arguments[k].name + "' is not given");
  return n;
}

// Lists of the graph may hold any values; the schema says of which kind they are.
tw_value CallArguments::converted(const std::string& type, const tw_value& value) {
  if (value.tag != TW_VALUES) return value;
  const auto* items = static_cast<const tw_value*>(value.u.p);
  if (type.rfind("Tensor", 0) == 0) {
    auto& list = tensors_.emplace_back();
    for (uint32_t i = 0; i < value.aux; ++i) list.push_back(From<TensorRef>::get(items[i]).get());
    return to_value(TensorList(list));
  }
  if (type.rfind("int", 0) == 0) {
    auto& list = ints_.emplace_back();
    for (uint32_t i = 0; i < value.aux; ++i) list.push_back(Scalar(items[i]).integer());
    return to_value(IntList(list));
  }
  if (type.rfind("float", 0) == 0) {
    auto& list = floats_.emplace_back();
    for (uint32_t i = 0; i < value.aux; ++i) list.push_back(Scalar(items[i]).real());
    return to_value(FloatList(list));
  }
  return value;
}

CallResults::~CallResults() {
  if (!owned_) return;
  for (tw_value& value : values_) g_host->value_clear(&value);
}

void CallResults::preset(uint32_t k, const tw_value& target) {
  if (k >= values_.size() || target.tag != TW_TENSOR)
    throw Error(TW_E_TYPE, "into= takes tensors, at most one for each result");
  values_[k] = target;
}

void CallResults::call(const tw_op* op, const tw_value* args, uint32_t nargs) {
  check(g_host->call(op, args, nargs, values_.data(), static_cast<uint32_t>(values_.size())));
  owned_ = true;
}

Shared CallResults::take() {
  auto value = std::make_shared<Value>();
  if (values_.size() == 1) {
    *&*value = std::exchange(values_[0], value_none());
  } else if (!values_.empty()) {
    check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(values_.size()), &*value));
    for (size_t i = 0; i < values_.size(); ++i)
      static_cast<tw_value*>((*value)->u.p)[i] = std::exchange(values_[i], value_none());
  }
  return value;
}

}  // namespace tw::jit
