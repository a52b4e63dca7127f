#include "python/invoke.h"

#include "python/collect.h"
#include "python/dtype_object.h"
#include "python/failed_call.h"
#include "python/lazy.h"
#include "python/object_bridge.h"
#include "python/override.h"

namespace tw::python {

namespace {

constexpr uint32_t kMaxResults = 64;

int64_t product(const tw_value& ints) {
  double n = 1;  // as a double, so that it cannot overflow
  for (int64_t size : From<IntList>::get(ints)) n *= static_cast<double>(size);
  return n > 1e15 ? INT64_MAX : static_cast<int64_t>(n);
}

tw_status run(const OpTraits& traits, const tw_value* args, tw_value* rets) {
  const OpSpec& spec = *traits.spec;
  const bool unlock = is_large(traits, args);
  const HeldTensors held(unlock, args, spec.nargs);
  const NoGil unlocked(unlock);
  return call_op(traits.op, args, spec.nargs, rets, spec.nrets);
}

// A result's wrapper. A tensor that the op passed through (contiguous() of a contiguous one) keeps its own.
PyObject* take_result(tw_value* ret) {
  if (__builtin_expect(ret->tag == TW_TENSOR, 1)) return wrap(std::exchange(ret->u.t, nullptr));
  PyObject* result = value_to_python(*ret);
  g_host->value_clear(ret);
  return result;
}

bool set_requires_grad(PyObject* tensor) {
  return tensor && PyObject_SetAttr(tensor, g_name_requires_grad, Py_True) == 0;
}

// ---- out= -----------------------------------------------------------------------------------------------------

bool preset_one(const Signature& s, PyObject* o, tw_value* ret) {
  if (!is_tensor(o)) return type_error(s.name, "(): argument 'out' must be Tensor, got ", type_name(o)), false;
  *ret = to_value(TensorRef(tensor_of(o)));
  return true;
}

bool preset(const Signature& s, PyObject* out, tw_value* rets) {
  const uint32_t n = s.traits->spec->nrets;
  if (n == 1) return preset_one(s, out, rets);
  const bool is_list = PyTuple_Check(out) || PyList_Check(out);
  if (!is_list || PySequence_Fast_GET_SIZE(out) != static_cast<Py_ssize_t>(n))
    return type_error(s.name, "(): argument 'out' must be a tuple of ", n, " Tensors, got ", type_name(out)), false;
  for (uint32_t i = 0; i < n; ++i)
    if (!preset_one(s, PySequence_Fast_GET_ITEM(out, i), rets + i)) return false;
  return true;
}

PyObject* invoke_out(const Signature& s, ParsedCall* call) {
  tw_value rets[kMaxResults] = {};
  if (!preset(s, call->out, rets)) return nullptr;
  if (tw_status status = run(*s.traits, call->args, rets)) return raise_call(*s.traits, call->args, status);
  for (uint32_t i = 0; i < s.traits->spec->nrets; ++i) g_host->value_clear(rets + i);
  return Py_NewRef(call->out);
}

// ---- names with one or more overloads ---------------------------------------------------------------------------

Signature signature_of(const BoundOp& op, const BoundOverload& overload) {
  return {op.name, traits_of(builtin_op(overload.op)), overload.varargs, overload.out};
}

// The overload whose types fit; a lone one is taken as it is, since parse() words what is wrong with it.
bool choose(const BoundOp& op, const Arguments& given, Signature* chosen) {
  if (__builtin_expect(op.count == 1, 1)) {
    *chosen = signature_of(op, op.overloads[0]);
    return chosen->traits != nullptr;
  }
  for (uint8_t i = 0; i < op.count; ++i) {
    *chosen = signature_of(op, op.overloads[i]);
    if (!chosen->traits) return false;
    if (accepts(*chosen, given)) return true;
  }
  return raise_no_overload(op, given), false;
}

PyObject* call(const BoundOp& op, const Arguments& given) {
  Signature signature;
  ParsedCall parsed;
  if (!choose(op, given, &signature) || !parse(signature, given, &parsed)) return overridden(nullptr, op.name, given);
  if (!op.inplace) return invoke(signature, &parsed);
  // The wrapper to return: the first argument may have come as a keyword.
  const tw_value& self = parsed.args[0];
  if (self.tag != TW_TENSOR) return type_error(op.name, "(): argument 'self' must be Tensor");
  auto* wrapper = static_cast<PyObject*>(python_wrapper(self.u.t));
  return invoke_inplace(*signature.traits, parsed.args, wrapper);
}

// ---- operators --------------------------------------------------------------------------------------------------

// An operand of `a + b`: false (no exception) if it is for the other operand's type to deal with.
bool take_operand(const BoundOp& op, const ArgSpec& arg, PyObject* o, Scratch& scratch, tw_value* out) {
  if (is_tensor(o)) return *out = to_value(TensorRef(tensor_of(o))), true;
  if (arg.type != ArgType::kOperand && arg.type != ArgType::kScalar) return false;
  if (PyFloat_CheckExact(o)) return *out = to_value(PyFloat_AS_DOUBLE(o)), true;
  return number_from_python(o, {op.name, arg.name}, scratch, out) == Conversion::kDone;
}

PyObject* run_operator(const BoundOp& op, const OpTraits& traits, const tw_value* args, PyObject* left) {
  if (op.inplace) return invoke_inplace(traits, args, left);
  tw_value ret = value_none();
  if (tw_status status = run(traits, args, &ret)) return raise_call(traits, args, status);
  return take_result(&ret);
}

// NotImplemented lets Python try the other operand; for a NumPy array it would only lead to a worse message.
PyObject* refuse_operand(const BoundOp& op, PyObject* left, PyObject* right) {
  if (PyErr_Occurred()) return nullptr;
  PyObject* array = is_numpy_array(left) ? left : is_numpy_array(right) ? right : nullptr;
  if (!array) Py_RETURN_NOTIMPLEMENTED;
  return type_error(op.name, "(): argument '", array == left ? "self" : "other",
                    "' must be Tensor or number, got numpy.ndarray; convert it with tensorwright.from_numpy()");
}

}  // namespace

bool is_large(const OpTraits& traits, const tw_value* args) {
  if (traits.blocking) return true;
  const uint32_t n = traits.spec->nargs;
  bool any_tensor = false;
  for (uint32_t i = 0; i < n; ++i) {
    if (args[i].tag == TW_TENSOR) {
      any_tensor = true;
      if (args[i].u.t->numel >= kElementsWorthTheLock) return true;
    } else if (args[i].tag == TW_TENSORS) {
      for (tw_tensor* t : From<TensorList>::get(args[i]))
        if (t && t->numel >= kElementsWorthTheLock) return true;
    }
  }
  for (uint32_t i = 0; !any_tensor && i < n; ++i)  // zeros(10000, 10000)
    if (args[i].tag == TW_INTS && product(args[i]) >= kElementsWorthTheLock) return true;
  return false;
}

PyObject* results_to_python(const OpTraits& traits, tw_value* rets) {
  const uint32_t n = traits.spec->nrets;
  if (__builtin_expect(n == 1, 1)) return take_result(rets);
  if (n == 0) Py_RETURN_NONE;
  Ref tuple(traits.result_type ? PyStructSequence_New(traits.result_type) : PyTuple_New(n));
  for (uint32_t i = 0; i < n; ++i) {
    PyObject* item = tuple ? take_result(rets + i) : nullptr;
    if (!item) {
      for (; i < n; ++i) g_host->value_clear(rets + i);
      return nullptr;
    }
    if (traits.result_type)
      PyStructSequence_SetItem(tuple.get(), i, item);
    else
      PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  return tuple.release();
}

PyObject* invoke(const Signature& s, ParsedCall* call) {
  if (s.traits->spec->nrets > kMaxResults) return fail_with(PyExc_NotImplementedError, s.name, ": too many results");
  if (call->out) return invoke_out(s, call);
  tw_value rets[kMaxResults];
  for (uint32_t i = 0; i < s.traits->spec->nrets; ++i) rets[i] = value_none();
  if (tw_status status = run(*s.traits, call->args, rets)) return raise_call(*s.traits, call->args, status);
  PyObject* result = results_to_python(*s.traits, rets);
  if (!call->requires_grad || !result) return result;
  Ref held(result);
  return set_requires_grad(result) ? held.release() : nullptr;
}

PyObject* invoke_inplace(const OpTraits& traits, const tw_value* args, PyObject* self) {
  tw_value ret = args[0];
  if (tw_status status = run(traits, args, &ret)) return raise_call(traits, args, status);
  g_host->value_clear(&ret);
  return Py_NewRef(self);
}

PyObject* call_function(const BoundOp& op, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return call(op, {nullptr, args, nargs, kwnames});
}

PyObject* call_method(const BoundOp& op, PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return call(op, {self, args, nargs, kwnames});
}

PyObject* call_unary(const BoundOp& op, PyObject* operand) { return call(op, {nullptr, &operand, 1, nullptr}); }

PyObject* call_binary(const BoundOp& op, PyObject* left, PyObject* right) {
  for (uint8_t i = 0; i < op.count; ++i) {
    const OpTraits* traits = traits_of(builtin_op(op.overloads[i].op));
    if (!traits) return nullptr;
    const OpSpec& spec = *traits->spec;
    if (spec.npositional < 2) continue;
    Scratch scratch;
    tw_value args[kMaxArguments];
    if (!take_operand(op, spec.args[0], left, scratch, &args[0]) ||
        !take_operand(op, spec.args[1], right, scratch, &args[1])) {
      if (PyErr_Occurred()) return nullptr;
      continue;
    }
    for (uint32_t k = 2; k < spec.nargs; ++k) args[k] = spec.args[k].default_value;
    return run_operator(op, *traits, args, left);
  }
  return refuse_operand(op, left, right);
}

}  // namespace tw::python
