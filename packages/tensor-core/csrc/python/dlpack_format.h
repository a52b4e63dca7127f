// The structs of the DLPack standard, version 1 (https://dmlc.github.io/dlpack/latest/c_api.html). DLTensor is tw_dl.
#pragma once

#include <tensorwright/tw_abi.h>

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

constexpr DLPackVersion kDlpackVersion{1, 0};
constexpr uint64_t kDlpackReadOnly = 1;
constexpr uint64_t kDlpackCopied = 2;
constexpr const char* kCapsule = "dltensor";
constexpr const char* kVersionedCapsule = "dltensor_versioned";

}  // namespace tw::python
