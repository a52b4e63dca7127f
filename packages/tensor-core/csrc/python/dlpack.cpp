// Tensors to and from other frameworks through DLPack capsules.
#include "python/dlpack_format.h"
#include "python/element.h"
#include "python/errors.h"
#include "python/tensor_object.h"
#include "runtime/device.h"
#include "runtime/dtype.h"

namespace tw::python {

namespace {

template <class... Parts>
std::nullptr_t buffer_error(const Parts&... parts) {
  return fail_with(PyExc_BufferError, parts...);
}

// ---- export ---------------------------------------------------------------------------------------------------

// The managed tensor keeps a handle of its own, whose shape and strides it points at.
template <class Managed>
struct Export {
  Managed managed = {};
  Tensor handle;
};

template <class Managed>
void delete_export(Managed* managed) {
  delete static_cast<Export<Managed>*>(managed->manager_ctx);
}

template <class Managed>
void delete_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;  // a consumer renamed it and has taken it over
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed->deleter) managed->deleter(managed);
}
void delete_versioned(PyObject* capsule) { delete_capsule<DLManagedTensorVersioned>(capsule, kVersionedCapsule); }
void delete_unversioned(PyObject* capsule) { delete_capsule<DLManagedTensor>(capsule, kCapsule); }

template <class Managed>
Managed* new_export(Tensor handle) {
  auto* e = new Export<Managed>;
  e->handle = std::move(handle);
  e->managed.dl_tensor = e->handle.get()->dl;
  e->managed.manager_ctx = e;
  e->managed.deleter = delete_export<Managed>;
  return &e->managed;
}

PyObject* versioned_capsule(Tensor handle, bool copied) {
  auto* managed = export_versioned(std::move(handle), copied);
  PyObject* capsule = PyCapsule_New(managed, kVersionedCapsule, delete_versioned);
  if (!capsule) managed->deleter(managed);
  return capsule;
}

PyObject* unversioned_capsule(Tensor handle) {
  if (handle.get()->flags & TW_F_READONLY)
    return buffer_error(
        "__dlpack__(): read-only memory needs a consumer that asks for DLPack version 1 or later; clone() is not "
        "read-only");
  auto* managed = new_export<DLManagedTensor>(std::move(handle));
  PyObject* capsule = PyCapsule_New(managed, kCapsule, delete_unversioned);
  if (!capsule) managed->deleter(managed);
  return capsule;
}

bool first_of_pair(PyObject* o, const char* what, long* first, long* second) {
  if (!PyTuple_Check(o) || PyTuple_GET_SIZE(o) != 2)
    return type_error("__dlpack__(): argument '", what, "' must be a tuple of two ints, got ", type_name(o)), false;
  *first = PyLong_AsLong(PyTuple_GET_ITEM(o, 0));
  *second = PyLong_AsLong(PyTuple_GET_ITEM(o, 1));
  return !PyErr_Occurred();
}

struct Wanted {
  PyObject* stream = Py_None;
  PyObject* max_version = Py_None;
  PyObject* dl_device = Py_None;
  PyObject* copy = Py_None;
};

// Whether the data has to be copied for the device that was asked for; -1 with an exception.
int needs_copy(TensorRef t, const Wanted& wanted) {
  if (wanted.dl_device == Py_None) return 0;
  long type, index;
  if (!first_of_pair(wanted.dl_device, "dl_device", &type, &index)) return -1;
  if (t.device() == tw_device{static_cast<int32_t>(type), static_cast<int32_t>(index)}) return 0;
  if (type == TW_DEVICE_CPU) return 1;
  return buffer_error("__dlpack__(): a tensor on ", t.device(), " can be handed to the CPU, not to DLPack device type ",
                      int64_t{type}),
         -1;
}

PyObject* to_capsule(PyObject* self, const Wanted& wanted) {
  const Tensor t = exportable(self);
  if (!t) return nullptr;
  if (wanted.stream != Py_None && t.device().type == TW_DEVICE_CPU)
    return value_error("__dlpack__(): argument 'stream' must be None for a tensor in host memory");
  const int moved = needs_copy(t, wanted);
  if (moved < 0) return nullptr;
  if (moved && wanted.copy == Py_False)
    return buffer_error("__dlpack__(): copy=False, but the tensor lies on ", t.device());
  long major = 0, minor = 0;
  if (wanted.max_version != Py_None && !first_of_pair(wanted.max_version, "max_version", &major, &minor))
    return nullptr;
  return translate([&]() -> PyObject* {
    const bool copied = moved || wanted.copy == Py_True;
    static const OpHandle clone("tw::clone");
    Tensor handle = moved ? host_copy(t) : copied ? clone.call({to_value(t)}) : alias(t);
    return major >= 1 ? versioned_capsule(std::move(handle), copied) : unversioned_capsule(std::move(handle));
  });
}

PyObject* dlpack(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
  Wanted w;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOO:__dlpack__", const_cast<char**>(names), &w.stream,
                                   &w.max_version, &w.dl_device, &w.copy))
    return nullptr;
  return to_capsule(self, w);
}

PyObject* dlpack_device(PyObject* self, PyObject*) {
  const tw_device d = tensor_of(self)->dl.device;
  return Py_BuildValue("(ii)", d.type, d.index);
}

// ---- import ---------------------------------------------------------------------------------------------------

template <class Managed>
void release_import(void* context) {
  auto* managed = static_cast<Managed*>(context);
  if (!managed->deleter || !Py_IsInitialized()) return;
  Gil gil;
  managed->deleter(managed);
}

void check_import(const tw_dl& dl) {
  if (dl.ndim < 0 || dl.ndim > TW_MAX_NDIM)
    throw fail(TW_E_VALUE, "from_dlpack(): ", dl.ndim, " dimensions; at most ", TW_MAX_NDIM, " are possible");
  if (!is_known(dl.dtype))
    throw fail(TW_E_TYPE, "from_dlpack(): there is no dtype for DLPack type code ", int{dl.dtype.code}, " with ",
               int{dl.dtype.bits}, " bits and ", int{dl.dtype.lanes}, " lanes");
  if (backend_by_dl_type(dl.device.type) == kNoBackend)
    throw fail(TW_E_DEVICE, "from_dlpack(): no device here has DLPack type ", dl.device.type);
}

template <class Managed>
Tensor adopt(Managed* managed, uint32_t flags) {
  check_import(managed->dl_tensor);
  tw_tensor* out = nullptr;
  check(g_host->from_blob(&managed->dl_tensor, flags, release_import<Managed>, managed, &out));
  return Tensor::steal(out);
}

// Takes over what the capsule holds, so that its own destructor leaves it alone.
PyObject* from_unversioned(PyObject* capsule, uint32_t flags) {
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kCapsule));
  PyObject* tensor = translate([&] { return wrap(adopt(managed, flags)); });
  if (tensor) PyCapsule_SetName(capsule, "used_dltensor");
  return tensor;
}

PyObject* from_versioned(PyObject* capsule) {
  auto* managed = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, kVersionedCapsule));
  PyObject* tensor = import_versioned(managed);
  if (tensor) PyCapsule_SetName(capsule, "used_dltensor_versioned");
  return tensor;
}

PyObject* from_capsule(PyObject*, PyObject* args) {
  PyObject* capsule = nullptr;
  int readonly = 0;
  if (!PyArg_ParseTuple(args, "O|p:from_dlpack_capsule", &capsule, &readonly)) return nullptr;
  if (PyCapsule_IsValid(capsule, kVersionedCapsule)) return from_versioned(capsule);
  if (PyCapsule_IsValid(capsule, kCapsule)) return from_unversioned(capsule, readonly ? TW_F_READONLY : 0);
  const char* name = PyCapsule_CheckExact(capsule) ? PyCapsule_GetName(capsule) : nullptr;
  if (name && std::string_view(name).substr(0, 5) == "used_")
    return value_error("from_dlpack(): the capsule was consumed before");
  return type_error("from_dlpack(): expected an object with __dlpack__ or a DLPack capsule, got ", type_name(capsule));
}

}  // namespace

Tensor exportable(PyObject* tensor) {
  const TensorRef t = tensor_of(tensor);
  if (requires_grad(tensor)) return buffer_error("__dlpack__(): the tensor requires grad; use detach()"), Tensor();
  if (t.get()->flags & TW_F_NODATA)
    return buffer_error("__dlpack__(): a tensor on device 'meta' has no data"), Tensor();
  return Tensor::retain(t);
}

DLManagedTensorVersioned* export_versioned(Tensor handle, bool copied) {
  const bool readonly = handle.get()->flags & TW_F_READONLY;
  auto* managed = new_export<DLManagedTensorVersioned>(std::move(handle));
  managed->version = kDlpackVersion;
  managed->flags = (readonly ? kDlpackReadOnly : 0) | (copied ? kDlpackCopied : 0);
  return managed;
}

PyObject* import_versioned(DLManagedTensorVersioned* managed) {
  if (managed->version.major > kDlpackVersion.major)
    return buffer_error("from_dlpack(): the tensor has DLPack version ", managed->version.major, ".",
                        managed->version.minor, "; version 1 is understood");
  return translate([&] { return wrap(adopt(managed, managed->flags & kDlpackReadOnly ? TW_F_READONLY : 0)); });
}

PyMethodDef kDlpackMethods[] = {
    {"__dlpack__", as_method(dlpack), METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\nA DLPack capsule of this memory."},
    {"__dlpack_device__", dlpack_device, METH_NOARGS,
     "__dlpack_device__()\n--\n\nDLPack's numbers of the device: (type, index)."},
    {},
};

extern PyMethodDef kDlpackFunctions[];
PyMethodDef kDlpackFunctions[] = {
    {"from_dlpack_capsule", from_capsule, METH_VARARGS,
     "from_dlpack_capsule(capsule, readonly=False): shares memory; `readonly` is for capsules that cannot say it."},
    {},
};

}  // namespace tw::python
