// The structs of the DLPack standard, version 1 (https://dmlc.github.io/dlpack/latest/c_api.html). DLTensor is tw_dl.
#pragma once

#include <tensorwright/tw.hpp>

#include "python/python.h"

namespace tw::python {

struct DLManagedTensor {  // before version 1
  tw_dl dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};

struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
};

struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  uint64_t flags;
  tw_dl dl_tensor;
};

constexpr DLPackVersion kDlpackVersion{1, 3};
constexpr uint64_t kDlpackReadOnly = 1;
constexpr uint64_t kDlpackCopied = 2;
constexpr const char* kCapsule = "dltensor";
constexpr const char* kVersionedCapsule = "dltensor_versioned";
constexpr const char* kExchangeCapsule = "dlpack_exchange_api";

// The table of C functions behind `type(tensor).__dlpack_c_exchange_api__`, since version 1.3. What they give on
// success is 0. The functions that take Python objects need the interpreter's lock.
struct DLPackExchangeAPI {
  DLPackVersion version;
  DLPackExchangeAPI* prev_api;
  int (*allocate)(tw_dl* prototype, DLManagedTensorVersioned** out, void* error_ctx,
                  void (*set_error)(void* error_ctx, const char* kind, const char* message));
  int (*managed_from_object)(void* object, DLManagedTensorVersioned** out);
  int (*managed_to_object)(DLManagedTensorVersioned* managed, void** out);  // takes over `managed`
  int (*view_of_object)(void* object, tw_dl* out);                          // borrows from the object; may be null
  int (*current_stream)(int32_t device_type, int32_t device_id, void** out);
};

// A tensor's memory with a handle of its own.
DLManagedTensorVersioned* export_versioned(Tensor handle, bool copied);
// The tensor of a Python object that DLPack can describe; null with a BufferError.
Tensor exportable(PyObject* tensor);
// Takes over `managed` if it succeeds; null with an exception.
PyObject* import_versioned(DLManagedTensorVersioned* managed);

}  // namespace tw::python
