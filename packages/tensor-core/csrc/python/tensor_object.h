// tensorwright.Tensor: a wrapper of two words around one handle of the core. A tensor has at most one wrapper,
// found by the weak back pointer in its block, so `is` works on tensors that come back from native code.
#pragma once

#include "python/errors.h"
#include "python/python.h"
#include "runtime/tensor.h"

namespace tw::python {

struct TensorObject {
  PyObject_HEAD tw_tensor* tensor;  // one handle; null only while __new__ runs
  PyObject* weakrefs;
};

extern PyTypeObject TensorType;

inline bool is_tensor(PyObject* o) {
  return __builtin_expect(Py_TYPE(o) == &TensorType, 1) || PyType_IsSubtype(Py_TYPE(o), &TensorType);
}
inline tw_tensor* tensor_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->tensor; }

// The wrapper of a tensor whose handle is handed over.
PyObject* wrap(tw_tensor* owned);
inline PyObject* wrap(Tensor tensor) { return wrap(tensor.release()); }
// A new wrapper of a class derived from Tensor.
PyObject* wrap_as(PyTypeObject* type, tw_tensor* owned);

// Lets Python's cycle collector look at a wrapper whose tensor takes part in differentiation now; see collect.h.
void track(PyObject* tensor);

// The tensor with the same storage and geometry, and no metadata of any layer.
Tensor alias(TensorRef tensor);
// What autograd answers for `requires_grad`; false for tensors that its layer does not know.
bool requires_grad(PyObject* tensor);

// Readies the type with the generated methods and slots, and adds it to the module.
bool add_tensor_type(PyObject* module);

// Tables of hand-written methods and attributes, collected by add_tensor_type.
extern PyMethodDef kAttributeMethods[];
extern PyGetSetDef kAttributes[];
extern PyMethodDef kScalarMethods[];
extern PyMethodDef kDlpackMethods[];
extern PyBufferProcs kBufferSlots;
extern PyMappingMethods kMappingSlots;
extern PySequenceMethods kSequenceSlots;
PyObject* iterate(PyObject* self);
void fill_scalar_slots(PyNumberMethods* slots);  // bool(), int(), float(), operator.index()

}  // namespace tw::python
