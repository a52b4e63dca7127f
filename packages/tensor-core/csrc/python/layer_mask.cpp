// A context manager over the thread's layer masks: no_grad, enable_grad and inference_mode are made of it.
#include "python/layer_mask.h"

#include "python/errors.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

constexpr int kMaxNesting = 64;  // of one object: `with mask: with mask: ...`

struct LayerMaskObject {
  PyObject_HEAD uint64_t include, exclude;  // switched on
  uint64_t release;                         // taken out of the excluded ones
  int depth;
  uint64_t saved[kMaxNesting][2];
};
LayerMaskObject* mask_of(PyObject* o) { return reinterpret_cast<LayerMaskObject*>(o); }

int init(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"include", "exclude", "release", nullptr};
  unsigned long long include = 0, exclude = 0, release = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|KKK:LayerMask", const_cast<char**>(names), &include, &exclude,
                                   &release))
    return -1;
  LayerMaskObject* mask = mask_of(self);
  mask->include = include, mask->exclude = exclude, mask->release = release;
  mask->depth = 0;
  return 0;
}

PyObject* enter(PyObject* self, PyObject*) {
  LayerMaskObject* mask = mask_of(self);
  if (mask->depth == kMaxNesting)
    return fail_with(PyExc_RuntimeError, "one layer mask can be entered at most ", kMaxNesting,
                     " times at once; make a new one for each use");
  tw_tls* tls = g_host->tls();
  uint64_t* saved = mask->saved[mask->depth++];
  g_host->tls_get_mask(tls, saved);
  g_host->tls_mask(tls, (saved[0] | mask->include) & ~mask->exclude,
                   (saved[1] | mask->exclude) & ~mask->release & ~mask->include, nullptr);
  return Py_NewRef(self);
}

PyObject* exit(PyObject* self, PyObject*) {
  LayerMaskObject* mask = mask_of(self);
  if (mask->depth == 0) return fail_with(PyExc_RuntimeError, "the layer mask was left more often than entered");
  const uint64_t* saved = mask->saved[--mask->depth];
  g_host->tls_mask(g_host->tls(), saved[0], saved[1], nullptr);
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, nullptr},
    {"__exit__", exit, METH_VARARGS, nullptr},
    {},
};

PyTypeObject LayerMaskType = [] {
  PyTypeObject type =
      static_type("tensorwright._C.LayerMask",
                  "LayerMask(include=0, exclude=0, release=0): bits of dispatch layers for a `with` block.",
                  sizeof(LayerMaskObject), Py_TPFLAGS_BASETYPE);
  type.tp_new = PyType_GenericNew;
  type.tp_init = init;
  type.tp_methods = methods;
  return type;
}();

PyObject* get_layer_masks(PyObject*, PyObject*) {
  uint64_t mask[2];
  g_host->tls_get_mask(g_host->tls(), mask);
  return Py_BuildValue("(KK)", static_cast<unsigned long long>(mask[0]), static_cast<unsigned long long>(mask[1]));
}

PyObject* set_layer_masks(PyObject*, PyObject* args) {
  unsigned long long include, exclude;
  if (!PyArg_ParseTuple(args, "KK:set_layer_masks", &include, &exclude)) return nullptr;
  g_host->tls_mask(g_host->tls(), include, exclude, nullptr);
  Py_RETURN_NONE;
}

PyObject* has_layer(PyObject*, PyObject* args) {
  PyObject* tensor;
  unsigned layer;
  if (!PyArg_ParseTuple(args, "O!I:has_layer", &TensorType, &tensor, &layer)) return nullptr;
  return PyBool_FromLong(layer < 64 && tensor_of(tensor)->layers >> layer & 1);
}

PyObject* requires_grad_function(PyObject*, PyObject* tensor) {
  if (!is_tensor(tensor)) return type_error("requires_grad(): expected a Tensor, got ", type_name(tensor));
  return PyBool_FromLong(requires_grad(tensor));
}

}  // namespace

PyMethodDef kLayerFunctions[] = {
    {"get_layer_masks", get_layer_masks, METH_NOARGS, "The thread's (included, excluded) dispatch layers as bits."},
    {"set_layer_masks", set_layer_masks, METH_VARARGS, "set_layer_masks(included, excluded)"},
    {"has_layer", has_layer, METH_VARARGS, "has_layer(tensor, layer): whether the tensor switches the layer on."},
    {"requires_grad", requires_grad_function, METH_O, "requires_grad(tensor): False where autograd is not installed."},
    {},
};

bool add_layer_mask_type(PyObject* module) {
  return PyType_Ready(&LayerMaskType) == 0 &&
         PyModule_AddObjectRef(module, "LayerMask", reinterpret_cast<PyObject*>(&LayerMaskType)) == 0 &&
         PyModule_AddIntConstant(module, "AUTOGRAD_LAYER", TW_L_AUTOGRAD) == 0 &&
         PyModule_AddObjectRef(module, "ALL_LAYERS", Ref(PyLong_FromUnsignedLongLong(~0ull)).get()) == 0;
}

}  // namespace tw::python
