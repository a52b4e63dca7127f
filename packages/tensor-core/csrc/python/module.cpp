// tensorwright._C: the types, the ops as functions, and the cold functions.
#include "dispatch/host.h"
#include "python/bind.h"
#include "python/buffer.h"
#include "python/calls_forward.h"
#include "python/config.h"
#include "python/construct.h"
#include "python/device_object.h"
#include "python/dtype_object.h"
#include "python/errors.h"
#include "python/layer_mask.h"
#include "python/object_bridge.h"
#include "python/observing.h"
#include "python/op_object.h"
#include "python/op_traits.h"
#include "python/profiling.h"
#include "python/replays.h"
#include "python/size_object.h"
#include "python/tensor_object.h"

namespace tw {
const tw_host* g_host = host_table();
}  // namespace tw

namespace tw::python {

extern PyMethodDef kDlpackFunctions[];
bool add_dlpack_exchange(PyObject* module);

namespace {

// {name: function} of every op, under the module that users see them in.
bool add_op_functions(PyObject* module) {
  Ref functions(PyDict_New()), owner(PyUnicode_FromString("tensorwright.ops"));
  if (!functions || !owner) return false;
  for (PyMethodDef* m = kOpFunctions; m->ml_name; ++m) {
    Ref function(PyCFunction_NewEx(m, nullptr, owner.get()));
    if (!function || PyDict_SetItemString(functions.get(), m->ml_name, function.get()) < 0) return false;
  }
  return PyModule_AddObjectRef(module, "op_functions", functions.get()) == 0;
}

bool add_public_names(PyObject* module) {
  Ref names(PyList_New(0));
  for (const char* const* name = kPublicFunctions; names && *name; ++name) {
    Ref text(PyUnicode_FromString(*name));
    if (!text || PyList_Append(names.get(), text.get()) < 0) return false;
  }
  return names && PyModule_AddObjectRef(module, "public_op_names", names.get()) == 0;
}

// {"linalg": {"solve": function}}: what tensorwright.linalg and the like consist of.
bool add_module_functions(PyObject* module) {
  Ref functions(PyObject_GetAttrString(module, "op_functions")), modules(PyDict_New());
  if (!functions || !modules) return false;
  for (const ModuleFunction* row = kModuleFunctions; row->module; ++row) {
    if (!PyDict_GetItemString(modules.get(), row->module)) {
      Ref members(PyDict_New());
      if (!members || PyDict_SetItemString(modules.get(), row->module, members.get()) < 0) return false;
    }
    PyObject* members = PyDict_GetItemString(modules.get(), row->module);
    PyObject* function = PyDict_GetItemString(functions.get(), row->function);
    if (PyDict_SetItemString(members, row->name, function) < 0) return false;
  }
  return PyModule_AddObjectRef(module, "module_functions", modules.get()) == 0;
}

bool add_functions(PyObject* module) {
  for (PyMethodDef* methods : {kConstructFunctions, kBufferFunctions, kDlpackFunctions, kLayerFunctions,
                               kObserverFunctions, kOpObjectFunctions})
    if (PyModule_AddFunctions(module, methods) < 0) return false;
  return true;
}

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "tensorwright._C", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyObject* make_module() {
  start_core();
  Ref module(PyModule_Create(&definition));
  PyObject* m = module.get();
  const bool complete = m && intern_common_names() && add_exceptions(m) && add_size_type(m) && add_dtypes(m) &&
                        add_device_type(m) && add_object_type(m) && add_tensor_type(m) && add_dlpack_exchange(m) &&
                        add_op_types(m) && add_calls_forward_type(m) && add_layer_mask_type(m) && add_replays_type(m) &&
                        add_functions(m) && add_op_functions(m) && add_module_functions(m) && add_public_names(m) &&
                        add_config(m) && add_profiler(m);
  return complete ? module.release() : nullptr;
}

}  // namespace tw::python

PyMODINIT_FUNC PyInit__C() { return tw::python::make_module(); }
