#include "python/object_bridge.h"

#include "python/device_object.h"
#include "python/dtype_object.h"
#include "python/errors.h"
#include "python/size_object.h"
#include "python/tensor_object.h"
#include "runtime/error.h"

namespace tw::python {

namespace {

// ---- Python objects as tw_object ------------------------------------------------------------------------------

tw_status finish(PyObject* owned_result, tw_value* result) {
  Ref held(owned_result);
  if (!held || !value_from_python(held.get(), result)) return park_exception();
  return TW_OK;
}

tw_status TW_CALL call_python(void* payload, const tw_value* args, uint32_t nargs, tw_value* result) {
  Gil gil;
  Ref tuple(PyTuple_New(nargs));
  for (uint32_t i = 0; tuple && i < nargs; ++i) {
    PyObject* item = value_to_python(args[i]);
    if (!item) return park_exception();
    PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  if (!tuple) return park_exception();
  return finish(PyObject_CallObject(static_cast<PyObject*>(payload), tuple.get()), result);
}

tw_status TW_CALL get_python(void* payload, const char* name, tw_value* result) {
  Gil gil;
  return finish(PyObject_GetAttrString(static_cast<PyObject*>(payload), name), result);
}

void TW_CALL drop_python(void* payload) {
  if (!Py_IsInitialized()) return;  // the interpreter is gone, and its objects with it
  Gil gil;
  Py_DECREF(static_cast<PyObject*>(payload));
}

const tw_object_type kPythonType = {
    sizeof(tw_object_type), 0, "Python object", drop_python, call_python, get_python, nullptr};

// ---- tw_objects as Python objects -----------------------------------------------------------------------------

struct NativeObject {
  PyObject_HEAD tw_object* object;  // one reference
};
tw_object* object_of(PyObject* o) { return reinterpret_cast<NativeObject*>(o)->object; }

void native_dealloc(PyObject* self) {
  g_host->object_release(object_of(self));
  PyObject_Free(self);
}

// Two objects are the same if they are of one type and stand for one thing: a node is given out as a new object each
// time it is asked for.
PyObject* native_compare(PyObject* a, PyObject* b, int op) {
  if ((op != Py_EQ && op != Py_NE) || Py_TYPE(a) != Py_TYPE(b)) Py_RETURN_NOTIMPLEMENTED;
  const tw_object *x = object_of(a), *y = object_of(b);
  const bool same = x->type == y->type && x->payload == y->payload;
  return PyBool_FromLong(same == (op == Py_EQ));
}
Py_hash_t native_hash(PyObject* self) { return _Py_HashPointer(object_of(self)->payload); }

PyObject* native_repr(PyObject* self) { return PyUnicode_FromFormat("<%s>", object_of(self)->type->type_name); }

// Takes over a result.
PyObject* consume(tw_value value) {
  PyObject* result = value_to_python(value);
  g_host->value_clear(&value);
  return result;
}

PyObject* native_getattr(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  const tw_object* object = object_of(self);
  if (found || !object->type->get || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  const char* text = PyUnicode_AsUTF8(name);
  if (!text) return nullptr;
  PyErr_Clear();
  tw_value value = value_none();
  if (object->type->get(object->payload, text, &value) == TW_OK) return consume(value);
  if (take_foreign()) return raise(TW_E_FOREIGN);
  return fail_with(PyExc_AttributeError, object->type->type_name, ": ", error_message());
}

PyObject* native_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  const tw_object* object = object_of(self);
  if (!object->type->call) return type_error("'", object->type->type_name, "' object is not callable");
  if (kwargs && PyDict_GET_SIZE(kwargs)) return type_error(object->type->type_name, " takes no keyword arguments");
  return translate([&]() -> PyObject* {
    std::vector<tw_value> values;
    bool good = true;
    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(args); ++i) {
      tw_value value = value_none();
      if ((good = value_from_python(PyTuple_GET_ITEM(args, i), &value))) values.push_back(value);
    }
    tw_value result = value_none();
    tw_status status = TW_OK;
    if (good)
      status = object->type->call(object->payload, values.data(), static_cast<uint32_t>(values.size()), &result);
    for (tw_value& value : values) g_host->value_clear(&value);
    if (!good) return nullptr;
    return status ? raise(status) : consume(result);
  });
}

PyTypeObject NativeObjectType = [] {
  PyTypeObject type = static_type("tensorwright.Object", "An object that native code keeps.", sizeof(NativeObject),
                                  Py_TPFLAGS_DISALLOW_INSTANTIATION);
  type.tp_dealloc = native_dealloc;
  type.tp_repr = native_repr;
  type.tp_richcompare = native_compare;
  type.tp_hash = native_hash;
  type.tp_getattro = native_getattr;
  type.tp_call = native_call;
  return type;
}();

// ---- values ---------------------------------------------------------------------------------------------------

template <class Item>
PyObject* tuple_of(uint32_t n, Item&& item) {
  Ref tuple(PyTuple_New(n));
  for (uint32_t i = 0; tuple && i < n; ++i) {
    PyObject* o = item(i);
    if (!o) return nullptr;
    PyTuple_SET_ITEM(tuple.get(), i, o);
  }
  return tuple.release();
}

PyObject* shared_tensor(tw_tensor* t) {
  if (!t) Py_RETURN_NONE;
  tensor_retain(t);
  return wrap(t);
}

bool give_string(PyObject* o, tw_value* out) {
  Py_ssize_t size;
  const char* data = PyUnicode_AsUTF8AndSize(o, &size);
  if (!data) return false;
  return translate([&] { return give(out, std::string(data, static_cast<size_t>(size))), true; });
}

bool give_sequence(PyObject* o, tw_value* out) {
  const auto n = static_cast<uint32_t>(PySequence_Fast_GET_SIZE(o));
  if (tw_status status = g_host->list_new(TW_VALUES, n, out)) return raise(status), false;
  for (uint32_t i = 0; i < n; ++i) {
    if (value_from_python(PySequence_Fast_GET_ITEM(o, i), static_cast<tw_value*>(out->u.p) + i)) continue;
    g_host->value_clear(out);
    return false;
  }
  return true;
}

bool give_complex(PyObject* o, tw_value* out) {
  if (tw_status status = g_host->list_new(TW_COMPLEX, 1, out)) return raise(status), false;
  auto* z = static_cast<double*>(out->u.p);
  z[0] = PyComplex_RealAsDouble(o), z[1] = PyComplex_ImagAsDouble(o);
  return true;
}

bool give_int(PyObject* o, tw_value* out) {
  const long long value = PyLong_AsLongLong(o);
  if (value == -1 && PyErr_Occurred()) return false;
  return *out = to_value(static_cast<int64_t>(value)), true;
}

}  // namespace

bool is_native_object(PyObject* o) { return Py_TYPE(o) == &NativeObjectType; }

tw_object* object_from_python(PyObject* o) {
  if (is_native_object(o)) {
    g_host->object_retain(object_of(o));
    return object_of(o);
  }
  tw_object* object = nullptr;
  if (tw_status status = g_host->object_new(&kPythonType, o, &object)) return raise(status), nullptr;
  Py_INCREF(o);
  return object;
}

PyObject* object_to_python(tw_object* o) {
  if (!o) Py_RETURN_NONE;
  if (o->type == &kPythonType) return Py_NewRef(static_cast<PyObject*>(o->payload));
  auto* self = PyObject_New(NativeObject, &NativeObjectType);
  if (!self) return nullptr;
  g_host->object_retain(o);
  self->object = o;
  return reinterpret_cast<PyObject*>(self);
}

PyObject* sole_python_object(tw_object* o) {
  const bool sole = o->type == &kPythonType && __atomic_load_n(&o->_private[0], __ATOMIC_ACQUIRE) == 1;
  return sole ? static_cast<PyObject*>(o->payload) : nullptr;
}

PyObject* value_to_python(const tw_value& v) {
  switch (v.tag) {
    case TW_NONE:
      Py_RETURN_NONE;
    case TW_BOOL:
      return PyBool_FromLong(v.u.i != 0);
    case TW_INT:
      return PyLong_FromLongLong(v.u.i);
    case TW_UINT:
      return PyLong_FromUnsignedLongLong(static_cast<uint64_t>(v.u.i));
    case TW_FLOAT:
      return PyFloat_FromDouble(v.u.f);
    case TW_DTYPE:
      return dtype_object(v.u.dt);
    case TW_DEVICE:
      return device_object(v.u.dev);
    case TW_TENSOR:
      return shared_tensor(v.u.t);
    case TW_STR:
      return str({static_cast<const char*>(v.u.p), v.aux});
    case TW_INTS:
      return int_tuple(From<IntList>::get(v));
    case TW_FLOATS:
      return tuple_of(v.aux, [&](uint32_t i) { return PyFloat_FromDouble(static_cast<double*>(v.u.p)[i]); });
    case TW_TENSORS:
      return tuple_of(v.aux, [&](uint32_t i) { return shared_tensor(static_cast<tw_tensor**>(v.u.p)[i]); });
    case TW_COMPLEX:
      return PyComplex_FromDoubles(static_cast<double*>(v.u.p)[0], static_cast<double*>(v.u.p)[1]);
    case TW_OBJECT:
      return object_to_python(v.u.o);
    case TW_VALUES:
      return tuple_of(v.aux, [&](uint32_t i) { return value_to_python(static_cast<tw_value*>(v.u.p)[i]); });
  }
  return fail_with(PyExc_NotImplementedError, "a value with the unknown tag ", v.tag, " came from native code");
}

bool value_from_python(PyObject* o, tw_value* out) {
  *out = value_none();
  if (o == Py_None) return true;
  if (is_tensor(o)) return tensor_retain(tensor_of(o)), *out = to_value(TensorRef(tensor_of(o))), true;
  if (PyBool_Check(o)) return *out = to_value(o == Py_True), true;
  if (PyLong_Check(o)) return give_int(o, out);
  if (PyFloat_Check(o)) return *out = to_value(PyFloat_AS_DOUBLE(o)), true;
  if (PyComplex_Check(o)) return give_complex(o, out);
  if (PyUnicode_Check(o)) return give_string(o, out);
  if (is_dtype(o)) return *out = to_value(reinterpret_cast<DtypeObject*>(o)->dtype), true;
  if (is_device(o)) return *out = to_value(reinterpret_cast<DeviceObject*>(o)->device), true;
  if (PyTuple_Check(o) || PyList_Check(o)) return give_sequence(o, out);
  tw_object* object = object_from_python(o);
  return object && (*out = to_value(object), true);
}

bool add_object_type(PyObject* module) {
  return PyType_Ready(&NativeObjectType) == 0 &&
         PyModule_AddObjectRef(module, "Object", reinterpret_cast<PyObject*>(&NativeObjectType)) == 0;
}

}  // namespace tw::python
