// The C functions of `Tensor.__dlpack_c_exchange_api__`, through which other libraries exchange tensors without
// capsules and without calls of Python methods; and their use on the tensors of others.
#include "python/dlpack_format.h"
#include "python/errors.h"
#include "python/tensor_object.h"
#include "runtime/error.h"

namespace tw::python {

namespace {

int allocate(tw_dl* prototype, DLManagedTensorVersioned** out, void* error_ctx,
             void (*set_error)(void* error_ctx, const char* kind, const char* message)) {
  tw_tensor* made = nullptr;
  const tw_status status = g_host->empty(prototype->shape, prototype->ndim, prototype->dtype, prototype->device, &made);
  if (status == TW_OK) {
    *out = export_versioned(Tensor::steal(made), false);
    return 0;
  }
  const char* message = "";
  g_host->err_message(&message);
  set_error(error_ctx, status == TW_E_NOMEM ? "MemoryError" : "BufferError", message);
  return -1;
}

// The functions are found on the type, so a consumer could call them with anything.
Tensor tensor_of_any(void* object) {
  auto* o = static_cast<PyObject*>(object);
  if (is_tensor(o)) return exportable(o);
  return fail_with(PyExc_TypeError, "__dlpack_c_exchange_api__: expected Tensor, got ", type_name(o)), Tensor();
}

int managed_from_object(void* object, DLManagedTensorVersioned** out) {
  const Tensor t = tensor_of_any(object);
  if (!t) return -1;
  *out = translate([&] { return export_versioned(alias(t), false); });
  return *out ? 0 : -1;
}

int managed_to_object(DLManagedTensorVersioned* managed, void** out) {
  *out = import_versioned(managed);
  if (*out) return 0;
  if (managed->deleter) managed->deleter(managed);
  return -1;
}

int view_of_object(void* object, tw_dl* out) {
  const Tensor t = tensor_of_any(object);
  if (!t) return -1;
  *out = t.get()->dl;
  return 0;
}

int current_stream(int32_t, int32_t, void** out) {
  *out = nullptr;  // work is done when a call returns
  return 0;
}

DLPackExchangeAPI table{kDlpackVersion,    nullptr,        allocate,      managed_from_object,
                        managed_to_object, view_of_object, current_stream};

// The table of another library's type; null without an exception if it has none that is understood.
const DLPackExchangeAPI* table_of(PyObject* object) {
  Ref capsule(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__dlpack_c_exchange_api__"));
  if (!capsule || !PyCapsule_IsValid(capsule.get(), kExchangeCapsule)) return PyErr_Clear(), nullptr;
  const auto* found = static_cast<const DLPackExchangeAPI*>(PyCapsule_GetPointer(capsule.get(), kExchangeCapsule));
  while (found && found->version.major > kDlpackVersion.major) found = found->prev_api;
  return found && found->version.major == kDlpackVersion.major ? found : nullptr;
}

// from_dlpack_exchange(object): its memory in host memory as a tensor, or None if that needs the slower protocol.
PyObject* from_exchange(PyObject*, PyObject* object) {
  const DLPackExchangeAPI* api = table_of(object);
  if (!api) Py_RETURN_NONE;
  DLManagedTensorVersioned* managed = nullptr;
  if (api->managed_from_object(object, &managed) != 0) return nullptr;
  const bool on_host = managed->dl_tensor.device.type == TW_DEVICE_CPU;
  PyObject* tensor = on_host ? import_versioned(managed) : Py_NewRef(Py_None);  // devices need their streams ordered
  if ((!on_host || !tensor) && managed->deleter) managed->deleter(managed);
  return tensor;
}

PyMethodDef functions[] = {
    {"from_dlpack_exchange", from_exchange, METH_O, "from_dlpack_exchange(object): shares memory, or gives None."},
    {},
};

}  // namespace

bool add_dlpack_exchange(PyObject* module) {
  Ref capsule(PyCapsule_New(&table, kExchangeCapsule, nullptr));
  return capsule && PyDict_SetItemString(TensorType.tp_dict, "__dlpack_c_exchange_api__", capsule.get()) == 0 &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tw::python
