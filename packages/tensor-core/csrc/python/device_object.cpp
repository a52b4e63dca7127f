#include "python/device_object.h"

#include <vector>

#include "python/lazy.h"
#include "runtime/error.h"

namespace tw::python {

namespace {

tw_device self_device(PyObject* self) { return reinterpret_cast<DeviceObject*>(self)->device; }

const char* device_name(tw_device d) { return device_type_name(d.type); }
// The host and the meta device exist once and have no number.
bool is_numbered(tw_device d) { return d.type != TW_DEVICE_CPU && d.type != TW_DEVICE_META; }

PyObject* repr(PyObject* self) {
  const tw_device d = self_device(self);
  return is_numbered(d) ? PyUnicode_FromFormat("device(type='%s', index=%d)", device_name(d), d.index)
                        : PyUnicode_FromFormat("device(type='%s')", device_name(d));
}
PyObject* to_str(PyObject* self) { return str(text(self_device(self))); }
PyObject* get_type(PyObject* self, void*) { return PyUnicode_FromString(device_name(self_device(self))); }
PyObject* get_index(PyObject* self, void*) {
  const tw_device d = self_device(self);
  if (!is_numbered(d)) Py_RETURN_NONE;
  return PyLong_FromLong(d.index);
}
PyObject* reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(N)", reinterpret_cast<PyObject*>(&DeviceType), to_str(self));
}
Py_hash_t hash(PyObject* self) {
  const tw_device d = self_device(self);
  return static_cast<Py_hash_t>(d.type) * 1000003 + d.index;
}
PyObject* compare(PyObject* a, PyObject* b, int operation) {
  if (!is_device(a) || !is_device(b) || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((self_device(a) == self_device(b)) == (operation == Py_EQ));
}

// ---- the default device: `with device("meta"):` and set_default_device -------------------------------------------

using MaybeDevice = std::optional<tw_device>;
thread_local MaybeDevice current_default;
thread_local std::vector<MaybeDevice> outer_defaults;  // of the blocks that are open

PyObject* enter(PyObject* self, PyObject*) {
  outer_defaults.push_back(current_default);
  current_default = self_device(self);
  return Py_NewRef(self);
}
PyObject* exit(PyObject*, PyObject*) {
  if (outer_defaults.empty()) return fail_with(PyExc_RuntimeError, "device: the block was not entered on this thread");
  current_default = outer_defaults.back();
  outer_defaults.pop_back();
  Py_RETURN_FALSE;
}

PyObject* get_default(PyObject*, PyObject*) {
  return device_object(current_default.value_or(tw_device{TW_DEVICE_CPU, 0}));
}
PyObject* set_default(PyObject*, PyObject* device) {
  if (device == Py_None) return current_default.reset(), Py_NewRef(Py_None);
  tw_device d;
  switch (device_from_python(device, &d)) {
    case Conversion::kDone:
      current_default = d;
      Py_RETURN_NONE;
    case Conversion::kRaised:
      return nullptr;
    default:
      return type_error("set_default_device(): argument 'device' must be device, str or None, got ", type_name(device));
  }
}

PyMethodDef functions[] = {
    {"get_default_device", get_default, METH_NOARGS, "get_default_device(): where new tensors go on this thread."},
    {"set_default_device", set_default, METH_O, "set_default_device(device): None stands for the host."},
    {},
};

PyObject* make(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"type", "index", nullptr};
  PyObject* type = nullptr;
  PyObject* index = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &type, &index))
    return nullptr;
  Ref full;
  if (index != Py_None && PyUnicode_Check(type)) {
    if (PyUnicode_FindChar(type, ':', 0, PyUnicode_GET_LENGTH(type), 1) >= 0)
      return value_error("device(): the index is given twice: in the string and as an argument");
    full = Ref(PyUnicode_FromFormat("%U:%S", type, index));
    if (!(type = full.get())) return nullptr;
  }
  tw_device d;
  switch (named_device_from_python(type, &d)) {
    case Conversion::kDone:
      return device_object(d);
    case Conversion::kRaised:
      return nullptr;
    default:
      return type_error("device(): argument 'type' must be str or device, got ", type_name(type));
  }
}

PyGetSetDef attributes[] = {
    {"type", get_type, nullptr, "Name of the kind of device: \"cpu\".", nullptr},
    {"index", get_index, nullptr, "Number among the devices of its kind; None where there is only one.", nullptr},
    {},
};
PyMethodDef methods[] = {
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {"__enter__", enter, METH_NOARGS, "__enter__()\n--\n\nNew tensors go here inside the block, on this thread."},
    {"__exit__", exit, METH_VARARGS, nullptr},
    {},
};

}  // namespace

PyTypeObject DeviceType = [] {
  PyTypeObject type =
      static_type("tensorwright.device",
                  "device(type, index=None): where a tensor's data lies. device(\"cpu\"), device(\"npu:1\").",
                  sizeof(DeviceObject));
  type.tp_new = make;
  type.tp_repr = repr;
  type.tp_str = to_str;
  type.tp_hash = hash;
  type.tp_richcompare = compare;
  type.tp_getset = attributes;
  type.tp_methods = methods;
  return type;
}();

PyObject* device_object(tw_device device) {
  auto* self = PyObject_New(DeviceObject, &DeviceType);
  if (self) self->device = device;
  return reinterpret_cast<PyObject*>(self);
}

namespace {

using Reading = tw_status (*)(std::string_view, tw_device*);

Conversion read_device(PyObject* o, tw_device* out, Reading read) {
  if (is_device(o)) return *out = self_device(o), Conversion::kDone;
  if (!PyUnicode_Check(o)) return Conversion::kWrongType;
  Py_ssize_t size;
  const char* data = PyUnicode_AsUTF8AndSize(o, &size);
  if (!data) return Conversion::kRaised;
  const std::string_view name(data, static_cast<size_t>(size));
  if (backend_by_name(name.substr(0, name.find(':'))) == kNoBackend) {
    clear_error();
    if (!call_lazy("tensorwright._plugins", "load_for_device", o)) return Conversion::kRaised;
  }
  if (tw_status status = read(name, out)) return raise(status), Conversion::kRaised;
  return Conversion::kDone;
}

}  // namespace

Conversion device_from_python(PyObject* o, tw_device* out) { return read_device(o, out, parse_device); }
Conversion named_device_from_python(PyObject* o, tw_device* out) { return read_device(o, out, name_device); }

std::optional<tw_device> default_device() { return current_default; }

bool add_device_type(PyObject* module) {
  return PyModule_AddFunctions(module, functions) == 0 && PyType_Ready(&DeviceType) == 0 &&
         PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(&DeviceType)) == 0;
}

}  // namespace tw::python
