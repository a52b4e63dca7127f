#include "dispatch/rules.h"

#include "runtime/text.h"

namespace tw::rules {

namespace {

// An error of a function of the rule language, which does not know the op it is used by.
class RuleError : public std::exception {
 public:
  RuleError(tw_status code, std::string message) : code(code), message(std::move(message)) {}
  tw_status code;
  std::string message;
};

}  // namespace

// ---- lists ---------------------------------------------------------------------------------------------------

void too_many_dims() {
  throw RuleError(TW_E_SHAPE, text("the result would have more than ", TW_MAX_NDIM, " dimensions"));
}

void out_of_range(int64_t index, size_t size, const char* term) {
  throw RuleError(TW_E_INDEX,
                  text(term, ": index ", index, " is out of range for ", static_cast<int64_t>(size), " elements"));
}

Dims joint_shape(TensorList list) {
  for (tw_tensor* t : list)
    if (TensorRef(t).ndim() != 1 || TensorRef(t).numel() != 0) return TensorRef(t).shape();
  return TensorRef(at(list, 0, "joint_shape")).shape();
}

bool distinct(IntList list) {
  for (size_t i = 0; i < list.size(); ++i)
    for (size_t j = i + 1; j < list.size(); ++j)
      if (list[i] == list[j]) return false;
  return true;
}

Dims concat(IntList a, IntList b) {
  Dims result(a);
  result.append(b);
  return result;
}

Dims repeated(IntList list, int64_t times) {
  Dims result;
  for (int64_t i = 0; i < times && !list.empty(); ++i) result.append(list);
  return result;
}

Dims without(IntList list, int64_t index) {
  const size_t at = checked_index(index, list.size(), "without");
  Dims result;
  for (size_t i = 0; i < list.size(); ++i)
    if (i != at) result.push(list[i]);
  return result;
}

Dims inserted(IntList list, int64_t index, int64_t value) {
  const size_t at = checked_index(index, list.size() + 1, "inserted");
  Dims result(IntList(list.data(), at));
  result.push(value);
  result.append({list.data() + at, list.size() - at});
  return result;
}

Dims replaced(IntList list, int64_t index, int64_t value) {
  const size_t at = checked_index(index, list.size(), "replaced");
  Dims result(list);
  result[at] = value;
  return result;
}

// ---- numbers -------------------------------------------------------------------------------------------------

void overflow() { throw RuleError(TW_E_VALUE, "a size overflows 64 bits"); }
void division_by_zero() { throw RuleError(TW_E_VALUE, "division by zero in a shape"); }
void no_elements(const char* function) { throw RuleError(TW_E_VALUE, text(function, " of an empty list")); }

int64_t floor_div(int64_t a, int64_t b) {
  if (b == 0) division_by_zero();
  if (b == -1) return sub(0, a);
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? sub(quotient, 1) : quotient;
}

int64_t floor_mod(int64_t a, int64_t b) {
  if (b == 0) division_by_zero();
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? add(rest, b) : rest;
}

namespace {
template <class L, class Less>
auto extremum(L list, Less less, const char* name) {
  if (list.empty()) no_elements(name);
  auto best = list[0];
  for (auto value : list)
    if (less(value, best)) best = value;
  return best;
}
}  // namespace

int64_t min(IntList list) { return extremum(list, std::less<>(), "min"); }
int64_t max(IntList list) { return extremum(list, std::greater<>(), "max"); }
double min(FloatList list) { return extremum(list, std::less<>(), "min"); }
double max(FloatList list) { return extremum(list, std::greater<>(), "max"); }

int64_t sum(IntList list) {
  int64_t result = 0;
  for (int64_t value : list) result = add(result, value);
  return result;
}

int64_t prod(IntList list) {
  int64_t result = 1;
  for (int64_t value : list) result = mul(result, value);
  return result;
}

// ---- shapes --------------------------------------------------------------------------------------------------

void cannot_broadcast(IntList a, IntList b) {
  throw RuleError(TW_E_SHAPE, text("shapes ", a, " and ", b, " do not broadcast"));
}

Dims broadcast(IntList a, IntList b) {
  const IntList longer = a.size() < b.size() ? b : a, shorter = a.size() < b.size() ? a : b;
  Dims result(longer);
  const size_t lead = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& size = result[lead + i];
    if (size == 1)
      size = shorter[i];
    else if (shorter[i] != 1 && shorter[i] != size)
      cannot_broadcast(a, b);
  }
  return result;
}

bool broadcasts(IntList shape, IntList target) {
  if (shape.size() > target.size()) return false;
  const size_t lead = target.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1 && shape[i] != target[lead + i]) return false;
  return true;
}

int64_t normalize_dim(int64_t dim, int64_t ndim) {
  const int64_t limit = max<int64_t>(ndim, 1);  // a scalar counts as having one dimension
  if (dim < -limit || dim >= limit)
    throw RuleError(TW_E_INDEX, text("dim ", dim, " is out of range for a tensor of ", ndim, " dimensions"));
  return dim < 0 ? add(dim, limit) : dim;
}

Dims normalize_dims(IntList dims, int64_t ndim) {
  Dims result;
  for (int64_t dim : dims) result.push(normalize_dim(dim, ndim));
  if (!distinct(result)) throw RuleError(TW_E_VALUE, text("a dim is given twice: ", dims));
  return result;
}

Dims reduced(IntList shape, IntList dims, bool keepdim) {
  const int64_t ndim = static_cast<int64_t>(shape.size());
  const Dims chosen = normalize_dims(dims, ndim);
  Dims result;
  for (int64_t i = 0; i < ndim; ++i) {
    const bool folded = dims.empty() || contains(chosen, i);
    if (!folded)
      result.push(shape[static_cast<size_t>(i)]);
    else if (keepdim)
      result.push(1);
  }
  return result;
}

int64_t pooled_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceil_mode) {
  if (stride < 1) throw RuleError(TW_E_VALUE, text("stride must be positive, got ", stride));
  const int64_t padded = add(size, mul(2, padding));
  const int64_t span = sub(sub(padded, mul(dilation, sub(kernel, 1))), 1);
  if (!ceil_mode) return add(floor_div(span, stride), 1);
  const int64_t steps = floor_div(add(span, stride - 1), stride);
  return mul(steps, stride) >= add(size, padding) ? steps : add(steps, 1);
}

// ---- dtypes --------------------------------------------------------------------------------------------------

tw_dtype dtype_of(const Operand& o) { return promote(o); }

tw_dtype real_dtype(tw_dtype d) {
  if (!is_complex(d)) return d;
  return d.bits == 64 ? kFloat32 : kFloat64;
}

tw_dtype complex_dtype(tw_dtype d) {
  if (is_complex(d)) return d;
  return float_dtype(d) == kFloat64 ? kComplex128 : kComplex64;
}

// ---- refusing and answering ----------------------------------------------------------------------------------

Refusal::Refusal(const char* op, tw_status code, const char* sentence)
    : code_(code), sentence_(text(op, ": ", sentence)) {}

Refusal& Refusal::tensor(const char* name, TensorRef t) {
  if (t) tensors_ += text(tensors_.empty() ? ": " : ", ", name, " is ", t.shape());
  return *this;
}
Refusal& Refusal::tensor(const char* name, const Operand& o) { return tensor(name, o.tensor()); }

Refusal& Refusal::add(const char* name, const std::string& value) {
  terms_ += text(terms_.empty() ? " (" : ", ", name, "=", value);
  return *this;
}
Refusal& Refusal::term(const char* name, int64_t value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, bool value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, double value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, std::string_view value) { return add(name, text("'", value, "'")); }
Refusal& Refusal::term(const char* name, IntList value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, tw_dtype value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, tw_device value) { return add(name, text(value)); }
Refusal& Refusal::term(const char* name, const Scalar& value) { return add(name, text(value)); }

Refusal& Refusal::term(const char* name, FloatList value) {
  std::string list;
  for (double item : value) list += text(list.empty() ? "" : ", ", item);
  return add(name, "[" + list + "]");
}
Refusal& Refusal::term(const char* name, TensorRef value) {
  return value ? add(name, text(value.dtype(), value.shape())) : *this;
}
Refusal& Refusal::term(const char* name, TensorList value) {
  std::string list;
  for (tw_tensor* t : value)
    list += text(list.empty() ? "" : ", ", t ? text(t->dl.dtype, TensorRef(t).shape()) : "None");
  return add(name, "[" + list + "]");
}

Error Refusal::error() const { return Error(code_, sentence_ + tensors_ + (terms_.empty() ? "" : terms_ + ")")); }

tw_device result_device(const tw_call* call) {
  for (uint32_t i = 0; i < call->nargs; ++i) {
    const tw_value& v = call->args[i];
    if (v.tag == TW_TENSOR) return v.u.t->dl.device;
    if (v.tag != TW_TENSORS) continue;
    for (tw_tensor* t : From<TensorList>::get(v))
      if (t) return t->dl.device;
  }
  for (uint32_t i = 0; i < call->nargs; ++i)
    if (call->args[i].tag == TW_DEVICE) return call->args[i].u.dev;
  return {TW_DEVICE_CPU, 0};
}

void set_result(tw_meta* meta, IntList shape, tw_dtype dtype, tw_device device) {
  meta->dtype = dtype;
  meta->ndim = static_cast<int32_t>(shape.size());
  meta->device = device;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0) throw RuleError(TW_E_SHAPE, text("the result's shape ", shape, " has a negative size"));
    meta->shape[i] = shape[i];
  }
}

tw_status run(const char* op, RuleFunction rules, const tw_call* call, tw_meta* metas) {
  try {
    rules(call, metas);
    return TW_OK;
  } catch (const RuleError& e) {
    return g_host->err_set(e.code, text(op, ": ", e.message).c_str());
  } catch (const Error& e) {
    return g_host->err_set(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return g_host->err_set(TW_E_NOMEM, "out of memory");
  }
}

}  // namespace tw::rules
