#include "python/size_object.h"

#include "python/errors.h"

namespace tw::python {

namespace {

// The tuple of any class with these items, which are taken over.
PyObject* fill(PyObject* tuple, IntList list) {
  for (size_t i = 0; tuple && i < list.size(); ++i) {
    PyObject* item = PyLong_FromLongLong(list[i]);
    if (!item) return Py_DECREF(tuple), nullptr;
    PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), item);
  }
  return tuple;
}

// A tuple's result (of slicing, adding) as a Size again.
PyObject* from_tuple(Ref tuple) {
  if (!tuple || !PyTuple_CheckExact(tuple.get())) return tuple.release();
  const Py_ssize_t n = PyTuple_GET_SIZE(tuple.get());
  PyObject* size = SizeType.tp_alloc(&SizeType, n);
  for (Py_ssize_t i = 0; size && i < n; ++i) PyTuple_SET_ITEM(size, i, Py_NewRef(PyTuple_GET_ITEM(tuple.get(), i)));
  return size;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Ref self(PyTuple_Type.tp_new(type, args, kwargs));
  if (!self) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(self.get(), i);
    if (PyLong_Check(item)) continue;
    Ref number(PyNumber_Index(item));
    if (!number) {
      PyErr_Clear();
      return type_error("Size(): item ", static_cast<int64_t>(i), " must be int, got ", type_name(item));
    }
    PyTuple_SET_ITEM(self.get(), i, number.release());
    Py_DECREF(item);
  }
  return self.release();
}

PyObject* numel(PyObject* self, PyObject*) {
  Ref product(PyLong_FromLong(1));
  for (Py_ssize_t i = 0; product && i < PyTuple_GET_SIZE(self); ++i)
    product = Ref(PyNumber_Multiply(product.get(), PyTuple_GET_ITEM(self, i)));
  return product.release();
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return from_tuple(Ref(PyTuple_Type.tp_as_mapping->mp_subscript(self, key)));
}
PyObject* concat(PyObject* self, PyObject* other) {
  return from_tuple(Ref(PyTuple_Type.tp_as_sequence->sq_concat(self, other)));
}
PyObject* repeat(PyObject* self, Py_ssize_t n) {
  return from_tuple(Ref(PyTuple_Type.tp_as_sequence->sq_repeat(self, n)));
}

PyObject* reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(N)", reinterpret_cast<PyObject*>(&SizeType), PySequence_List(self));
}

PyMethodDef methods[] = {
    {"numel", numel, METH_NOARGS, "The number of elements of a tensor of this shape."},
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {},
};
PyMappingMethods mapping = {nullptr, subscript, nullptr};
PySequenceMethods sequence = {nullptr, concat, repeat, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyTypeObject SizeType = [] {
  PyTypeObject type = static_type("tensorwright.Size", "The shape of a tensor: a tuple of ints with numel().", 0);
  type.tp_new = make;
  type.tp_methods = methods;
  type.tp_as_mapping = &mapping;
  type.tp_as_sequence = &sequence;
  return type;
}();

PyObject* size_object(IntList shape) {
  return fill(SizeType.tp_alloc(&SizeType, static_cast<Py_ssize_t>(shape.size())), shape);
}
PyObject* int_tuple(IntList list) { return fill(PyTuple_New(static_cast<Py_ssize_t>(list.size())), list); }

bool add_size_type(PyObject* module) {
  SizeType.tp_base = &PyTuple_Type;
  mapping.mp_length = PyTuple_Type.tp_as_mapping->mp_length;
  return PyType_Ready(&SizeType) == 0 &&
         PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(&SizeType)) == 0;
}

}  // namespace tw::python
