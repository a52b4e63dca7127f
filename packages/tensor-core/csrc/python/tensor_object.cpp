#include "python/tensor_object.h"

#include "python/bind.h"
#include "python/collect.h"
#include "python/lazy.h"

namespace tw::python {

namespace {

constexpr int kFreeWrappers = 64;
TensorObject* g_free[kFreeWrappers];
int g_free_count = 0;

TensorObject* new_wrapper(PyTypeObject* type) {
  if (__builtin_expect(type == &TensorType && g_free_count > 0, 1)) {
    TensorObject* self = g_free[--g_free_count];
    return reinterpret_cast<TensorObject*>(PyObject_Init(reinterpret_cast<PyObject*>(self), type));
  }
  if (type == &TensorType) return PyObject_GC_New(TensorObject, type);
  return reinterpret_cast<TensorObject*>(type->tp_alloc(type, 0));
}

void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  if (PyObject_GC_IsTracked(o)) PyObject_GC_UnTrack(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  if (tw_tensor* t = self->tensor) {
    if (python_wrapper(t) == o) python_wrapper(t) = nullptr;
    tensor_release(t);
  }
  if (Py_TYPE(o) != &TensorType) return Py_TYPE(o)->tp_free(o);
  if (g_free_count < kFreeWrappers)
    g_free[g_free_count++] = self;
  else
    PyObject_GC_Del(o);
}

// A subclass's Tensor(data) is an existing tensor under their class, or what tensor() makes of the data; Tensor itself
// also takes sizes.
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"data", nullptr};
  PyObject* data = nullptr;
  Ref made;
  if (type == &TensorType) {
    if (kwargs && PyDict_GET_SIZE(kwargs))
      return type_error("Tensor() takes no keywords; tensorwright.tensor() and tensorwright.empty() do");
    made = call_lazy("tensorwright._typed_tensors", "construct", args);
    if (!(data = made.get())) return nullptr;
  } else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Tensor", const_cast<char**>(names), &data)) {
    return nullptr;
  }
  if (!data) data = (made = Ref(PyTuple_New(0))).get();
  if (!data) return nullptr;
  if (!is_tensor(data)) {
    made = call_lazy("tensorwright", "tensor", data);
    if (!(data = made.get())) return nullptr;
  }
  return translate([&] { return wrap_as(type, alias(tensor_of(data)).release()); });
}

PyObject* repr(PyObject* self) { return call_lazy("tensorwright._printing", "tensor_repr", self).release(); }
PyObject* to_str(PyObject* self) { return PyObject_Repr(self); }

Py_hash_t identity_hash(PyObject* self) { return _Py_HashPointer(self); }

bool add_methods(PyMethodDef* methods) {
  for (PyMethodDef* m = methods; m->ml_name; ++m) {
    Ref descriptor(m->ml_flags & METH_STATIC ? PyCFunction_NewEx(m, nullptr, nullptr)
                                             : PyDescr_NewMethod(&TensorType, m));
    if (!descriptor || PyDict_SetItemString(TensorType.tp_dict, m->ml_name, descriptor.get()) < 0) return false;
  }
  return true;
}

const char kDoc[] =
    "An n-dimensional array of one dtype on one device.\n\n"
    "Made by tensorwright.tensor(), by the creation functions (zeros, arange, randn, ...) and by every op.";

}  // namespace

PyTypeObject TensorType = [] {
  PyTypeObject type =
      static_type("tensorwright.Tensor", kDoc, sizeof(TensorObject), Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC);
  type.tp_weaklistoffset = offsetof(TensorObject, weakrefs);
  type.tp_dealloc = dealloc;
  type.tp_free = PyObject_GC_Del;
  type.tp_traverse = traverse_tensor;
  type.tp_new = tensor_new;
  type.tp_repr = repr;
  type.tp_str = to_str;
  type.tp_hash = identity_hash;
  type.tp_richcompare = tensor_richcompare;
  type.tp_as_number = &kTensorNumbers;
  type.tp_as_mapping = &kMappingSlots;
  type.tp_as_sequence = &kSequenceSlots;
  type.tp_iter = iterate;
  type.tp_as_buffer = &kBufferSlots;
  type.tp_methods = kTensorMethods;
  type.tp_getset = kAttributes;
  return type;
}();

// Those of subclasses are tracked from the beginning.
void track(PyObject* tensor) {
  if (__builtin_expect(tensor_of(tensor)->layers != 0, 0) && !PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

PyObject* wrap(tw_tensor* owned) {
  if (auto* existing = static_cast<PyObject*>(python_wrapper(owned))) {
    track(existing);
    tensor_release(owned);
    return Py_NewRef(existing);
  }
  return wrap_as(&TensorType, owned);
}

PyObject* wrap_as(PyTypeObject* type, tw_tensor* owned) {
  TensorObject* self = new_wrapper(type);
  if (!self) return tensor_release(owned), nullptr;
  self->tensor = owned;
  self->weakrefs = nullptr;
  python_wrapper(owned) = self;
  track(reinterpret_cast<PyObject*>(self));
  return reinterpret_cast<PyObject*>(self);
}

Tensor alias(TensorRef tensor) {
  tw_tensor* out = nullptr;
  check(tensor_view(tensor.get(), tensor.shape().data(), tensor.strides().data(), tensor.ndim(), tensor.data<void>(),
                    tensor.dtype(), &out));
  return Tensor::steal(out);
}

bool requires_grad(PyObject* tensor) {
  if (!(tensor_of(tensor)->layers >> TW_L_AUTOGRAD & 1)) return false;
  Ref answer(PyObject_GetAttrString(tensor, "requires_grad"));
  if (!answer) PyErr_Clear();
  return answer.get() == Py_True;
}

bool add_tensor_type(PyObject* module) {
  fill_scalar_slots(&kTensorNumbers);
  if (PyType_Ready(&TensorType) < 0) return false;
  for (PyMethodDef* methods : {kAttributeMethods, kScalarMethods, kDlpackMethods})
    if (!add_methods(methods)) return false;
  // NumPy hands `array + tensor` to Tensor.__radd__, which says what to do, and does not try by itself.
  if (PyDict_SetItemString(TensorType.tp_dict, "__array_ufunc__", Py_None) < 0) return false;
  PyType_Modified(&TensorType);
  return PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(&TensorType)) == 0;
}

}  // namespace tw::python
