#include "python/convert.h"

#include "python/device_object.h"
#include "python/dtype_object.h"
#include "python/element.h"
#include "python/lazy.h"
#include "python/object_bridge.h"
#include "runtime/device.h"

namespace tw::python {

namespace {

Conversion too_large(PyObject* number, Where where) {
  PyErr_Format(PyExc_OverflowError, "%s(): argument '%s' is %R, which does not fit into 64 bits", where.op,
               where.argument, number);
  return Conversion::kRaised;
}

Conversion int_from_long(PyObject* o, Where where, int64_t* out) {
  int overflow = 0;
  *out = PyLong_AsLongLongAndOverflow(o, &overflow);
  return overflow ? too_large(o, where) : Conversion::kDone;
}

// A number that a tensor's element may be: also one of uint64.
Conversion number_from_long(PyObject* o, Where where, tw_value* out) {
  int overflow = 0;
  out->u.i = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow == 0) return Conversion::kDone;
  const unsigned long long value = overflow > 0 ? PyLong_AsUnsignedLongLong(o) : ~0ull;
  if (value == ~0ull && (overflow < 0 || PyErr_Occurred())) return PyErr_Clear(), too_large(o, where);
  *out = {TW_UINT, 0, {static_cast<int64_t>(value)}};
  return Conversion::kDone;
}

bool is_plain_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o); }

// An untracked tensor of no dimensions may stand for a number.
bool is_scalar_tensor(PyObject* o) {
  if (!is_tensor(o) || tensor_of(o)->dl.ndim != 0 || requires_grad(o)) return false;
  return !(tensor_of(o)->layers >> TW_L_TRANSFORM & 1);  // its value would be lost to the transform
}

bool is_index(PyObject* o) {
  if (PyLong_CheckExact(o)) return true;
  if (PyBool_Check(o)) return false;
  if (is_tensor(o)) return is_scalar_tensor(o) && is_integral(tensor_of(o)->dl.dtype);
  return PyIndex_Check(o) && !is_numpy_array(o);
}
bool has_values(PyObject* tensor) { return tensor_of(tensor)->backend != kBackendMeta; }
bool is_number(PyObject* o) {
  return is_plain_number(o) || is_numpy_scalar(o) || (is_scalar_tensor(o) && has_values(o));
}
bool is_real(PyObject* o) { return is_number(o) && !PyComplex_Check(o); }
bool is_list(PyObject* o) { return PyTuple_Check(o) || PyList_Check(o); }

template <class Test>
bool all_items(PyObject* list, Test&& test) {
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); ++i)
    if (!test(PySequence_Fast_GET_ITEM(list, i))) return false;
  return true;
}

bool is_absent_tensor(PyObject* o, const ArgSpec& spec) { return o == Py_None && spec.list_length == kMayLackTensors; }

// ---- each type ------------------------------------------------------------------------------------------------

Conversion to_float(PyObject* o, Where where, Scratch& scratch, tw_value* out) {
  if (!is_real(o)) return Conversion::kWrongType;
  const Conversion done = number_from_python(o, where, scratch, out);
  if (done == Conversion::kDone && out->tag == TW_COMPLEX) return Conversion::kWrongType;
  if (done == Conversion::kDone && out->tag != TW_FLOAT) *out = to_value(Scalar(*out).real());
  return done;
}

Conversion to_int(PyObject* o, Where where, tw_value* out) {
  *out = {TW_INT, 0, {0}};
  return index_from_python(o, where, &out->u.i);
}

Conversion to_bool(PyObject* o, tw_value* out) {
  if (PyBool_Check(o)) return *out = to_value(o == Py_True), Conversion::kDone;
  if (!is_numpy_scalar(o) || std::string_view(type_name(o)).substr(0, 10) != "numpy.bool")
    return Conversion::kWrongType;
  return *out = to_value(PyObject_IsTrue(o) == 1), Conversion::kDone;
}

Conversion to_str(PyObject* o, tw_value* out) {
  if (!PyUnicode_Check(o)) return Conversion::kWrongType;
  Py_ssize_t size;
  const char* data = PyUnicode_AsUTF8AndSize(o, &size);
  if (!data) return Conversion::kRaised;
  return *out = to_value(std::string_view(data, static_cast<size_t>(size))), Conversion::kDone;
}

Conversion to_dtype(PyObject* o, tw_value* out) {
  tw_dtype dtype;
  if (!dtype_from_python(o, &dtype)) return Conversion::kWrongType;
  return *out = to_value(dtype), Conversion::kDone;
}

Conversion to_device(PyObject* o, tw_value* out) {
  tw_device device;
  const Conversion done = device_from_python(o, &device);
  if (done == Conversion::kDone) *out = to_value(device);
  return done;
}

// int[2]: one int, or a list of one, stands for two.
Conversion repeat_int(int64_t value, int count, Scratch& scratch, tw_value* out) {
  auto* data = scratch.take<int64_t>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) data[i] = value;
  return *out = to_value(IntList(data, static_cast<size_t>(count))), Conversion::kDone;
}

Conversion wrong_length(const ArgSpec& spec, Py_ssize_t size, Where where) {
  value_error(where.op, "(): argument '", where.argument, "' must be one int or ", int{spec.list_length}, " ints, got ",
              static_cast<int64_t>(size));
  return Conversion::kRaised;
}

Conversion ints_of(PyObject* const* items, Py_ssize_t count, Where where, Scratch& scratch, tw_value* out) {
  auto* data = scratch.take<int64_t>(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Conversion done = index_from_python(items[i], where, data + i);
    if (done != Conversion::kDone) return done;
  }
  return *out = to_value(IntList(data, static_cast<size_t>(count))), Conversion::kDone;
}

Conversion to_ints(const ArgSpec& spec, PyObject* o, bool lone, Where where, Scratch& scratch, tw_value* out) {
  if (is_list(o)) {
    const Conversion done = ints_of(PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), where, scratch, out);
    if (done != Conversion::kDone || spec.list_length <= 1 || out->aux == static_cast<uint32_t>(spec.list_length))
      return done;
    if (out->aux != 1) return wrong_length(spec, out->aux, where);
    return repeat_int(*static_cast<int64_t*>(out->u.p), spec.list_length, scratch, out);
  }
  int64_t value;
  if (spec.list_length == 0 && !lone) return Conversion::kWrongType;
  const Conversion done = index_from_python(o, where, &value);
  return done == Conversion::kDone ? repeat_int(value, spec.list_length ? spec.list_length : 1, scratch, out) : done;
}

Conversion to_floats(PyObject* o, Where where, Scratch& scratch, tw_value* out) {
  if (!is_list(o)) return Conversion::kWrongType;
  const auto n = static_cast<size_t>(PySequence_Fast_GET_SIZE(o));
  auto* data = scratch.take<double>(n);
  for (size_t i = 0; i < n; ++i) {
    tw_value item;
    const Conversion done = to_float(PySequence_Fast_GET_ITEM(o, static_cast<Py_ssize_t>(i)), where, scratch, &item);
    if (done != Conversion::kDone) return done;
    data[i] = item.u.f;
  }
  return *out = to_value(FloatList(data, n)), Conversion::kDone;
}

Conversion tensors_of(const ArgSpec& spec, PyObject* const* items, Py_ssize_t count, Scratch& scratch, tw_value* out) {
  const auto n = static_cast<size_t>(count);
  auto** data = scratch.take<tw_tensor*>(n);
  for (size_t i = 0; i < n; ++i) {
    if (!is_tensor(items[i]) && !is_absent_tensor(items[i], spec)) return Conversion::kWrongType;
    data[i] = items[i] == Py_None ? nullptr : tensor_of(items[i]);
  }
  return *out = to_value(TensorList(data, n)), Conversion::kDone;
}

Conversion to_tensors(const ArgSpec& spec, PyObject* o, bool lone, Scratch& scratch, tw_value* out) {
  if (lone && is_tensor(o)) return tensors_of(spec, &o, 1, scratch, out);
  if (!is_list(o)) return Conversion::kWrongType;
  return tensors_of(spec, PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o), scratch, out);
}

Conversion to_object(PyObject* o, Scratch& scratch, tw_value* out) {
  tw_object* object = object_from_python(o);
  if (!object) return Conversion::kRaised;
  scratch.own(object);
  return *out = to_value(object), Conversion::kDone;
}

// ---- words ----------------------------------------------------------------------------------------------------

std::string int_list_type(const ArgSpec& spec, bool lone) {
  if (spec.list_length > 1) return text("int or list of ", int{spec.list_length}, " ints");
  return spec.list_length == 1 || lone ? "int or list of ints" : "list of ints";
}

const char* remedy(PyObject* o, const ArgSpec& spec) {
  if (spec.type == ArgType::kDtype && PyUnicode_Check(o)) return "; write tensorwright.float32 and the like";
  if (is_numpy_array(o) && spec.type <= ArgType::kOperand) return "; convert it with tensorwright.from_numpy()";
  if ((spec.type == ArgType::kTensor || spec.type == ArgType::kTensors) && (is_plain_number(o) || is_list(o)))
    return "; convert it with tensorwright.tensor()";
  if (is_tensor(o) && tensor_of(o)->dl.ndim == 0 && requires_grad(o)) return " that requires grad; pass its item()";
  return "";
}

}  // namespace

bool item_fits(const ArgSpec& spec, PyObject* item) {
  switch (spec.type) {
    case ArgType::kInts:
      return is_index(item);
    case ArgType::kFloats:
      return is_real(item);
    case ArgType::kTensors:
      return is_tensor(item) || is_absent_tensor(item, spec);
    default:
      return true;
  }
}

Conversion index_from_python(PyObject* o, Where where, int64_t* out) {
  if (PyLong_CheckExact(o)) return int_from_long(o, where, out);
  if (!is_index(o)) return Conversion::kWrongType;
  Ref number(PyNumber_Index(o));
  return number ? int_from_long(number.get(), where, out) : Conversion::kRaised;
}

Conversion number_from_python(PyObject* o, Where where, Scratch& scratch, tw_value* out) {
  if (PyFloat_Check(o)) return *out = to_value(PyFloat_AS_DOUBLE(o)), Conversion::kDone;
  if (PyBool_Check(o)) return *out = to_value(o == Py_True), Conversion::kDone;
  if (PyLong_Check(o)) {
    *out = {TW_INT, 0, {0}};
    return number_from_long(o, where, out);
  }
  if (PyComplex_Check(o)) {
    auto* z = scratch.take<double>(2);
    z[0] = PyComplex_RealAsDouble(o), z[1] = PyComplex_ImagAsDouble(o);
    *out = {TW_COMPLEX, 1, {0}};
    return out->u.p = z, Conversion::kDone;
  }
  if (!is_numpy_scalar(o) && !is_scalar_tensor(o)) return Conversion::kWrongType;
  Ref plain(is_tensor(o) ? tensor_item(tensor_of(o), where.op) : PyObject_CallMethod(o, "item", nullptr));
  if (!plain) return Conversion::kRaised;
  if (!is_plain_number(plain.get())) return Conversion::kWrongType;  // numpy.str_, numpy.datetime64
  return number_from_python(plain.get(), where, scratch, out);
}

Conversion convert_items(const ArgSpec& spec, PyObject* const* items, Py_ssize_t count, Where where, Scratch& scratch,
                         tw_value* out) {
  return spec.type == ArgType::kTensors ? tensors_of(spec, items, count, scratch, out)
                                        : ints_of(items, count, where, scratch, out);
}

Conversion convert(const ArgSpec& spec, PyObject* o, bool lone, Where where, Scratch& scratch, tw_value* out) {
  if (spec.optional && o == Py_None) return *out = value_none(), Conversion::kDone;
  switch (spec.type) {
    case ArgType::kTensor:
      if (!is_tensor(o)) return Conversion::kWrongType;
      return *out = to_value(TensorRef(tensor_of(o))), Conversion::kDone;
    case ArgType::kOperand:
      if (is_tensor(o)) return *out = to_value(TensorRef(tensor_of(o))), Conversion::kDone;
      [[fallthrough]];
    case ArgType::kScalar:
      return number_from_python(o, where, scratch, out);
    case ArgType::kInt:
      return to_int(o, where, out);
    case ArgType::kFloat:
      return to_float(o, where, scratch, out);
    case ArgType::kBool:
      return to_bool(o, out);
    case ArgType::kStr:
      return to_str(o, out);
    case ArgType::kDtype:
      return to_dtype(o, out);
    case ArgType::kDevice:
      return to_device(o, out);
    case ArgType::kInts:
      return to_ints(spec, o, lone, where, scratch, out);
    case ArgType::kFloats:
      return to_floats(o, where, scratch, out);
    case ArgType::kTensors:
      return to_tensors(spec, o, lone, scratch, out);
    case ArgType::kObject:
      return to_object(o, scratch, out);
  }
  return Conversion::kWrongType;
}

bool fits(const ArgSpec& spec, PyObject* o, bool lone) {
  if (spec.optional && o == Py_None) return true;
  tw_dtype dtype;
  switch (spec.type) {
    case ArgType::kTensor:
      return is_tensor(o);
    case ArgType::kOperand:
      return is_tensor(o) || is_number(o);
    case ArgType::kScalar:
      return is_number(o);
    case ArgType::kInt:
      return is_index(o);
    case ArgType::kFloat:
      return is_real(o);
    case ArgType::kBool:
      return PyBool_Check(o) || (is_numpy_scalar(o) && !PyFloat_Check(o));
    case ArgType::kStr:
      return PyUnicode_Check(o);
    case ArgType::kDtype:
      return dtype_from_python(o, &dtype);
    case ArgType::kDevice:
      return is_device(o) || PyUnicode_Check(o);
    case ArgType::kInts:
      if (!is_list(o)) return (spec.list_length || lone) && is_index(o);
      [[fallthrough]];
    case ArgType::kFloats:
    case ArgType::kTensors:
      if (lone && is_tensor(o)) return true;
      return is_list(o) && all_items(o, [&](PyObject* item) { return item_fits(spec, item); });
    case ArgType::kObject:
      return true;
  }
  return false;
}

std::string expected_type(const ArgSpec& spec, bool lone) {
  static const char* const names[] = {
      "Tensor", "Tensor or number", "number",          "int",   "float", "bool", "str", "dtype", "device or str",
      "",       "list of floats",   "list of Tensors", "object"};
  std::string expected = spec.type == ArgType::kInts ? int_list_type(spec, lone) : names[static_cast<int>(spec.type)];
  if (spec.optional) expected += " or None";
  return expected;
}

std::string described(PyObject* o, const ArgSpec& spec) {
  if (o == Py_None) return "None";
  if (is_list(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(o, i);
      if (!item_fits(spec, item))
        return text(type_name(o), " with ", item == Py_None ? "None" : type_name(item), " at index ",
                    static_cast<int64_t>(i));
    }
  }
  std::string name = is_tensor(o) ? "Tensor" : type_name(o);
  if (PyUnicode_Check(o)) {
    Ref quoted(PyObject_Repr(o));
    if (const char* word = quoted ? PyUnicode_AsUTF8(quoted.get()) : nullptr;
        word && std::string_view(word).size() < 40)
      name += text(" ", word);
    PyErr_Clear();
  }
  return name + remedy(o, spec);
}

}  // namespace tw::python
