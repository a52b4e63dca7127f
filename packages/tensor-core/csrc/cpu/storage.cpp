// Tensors that change their size or their storage in place.
#include <algorithm>
#include <cstring>

#include "cpu/copies/copy.h"
#include "declarations/storage.h"
#include "declarations/views.h"
#include "runtime/device.h"
#include "runtime/layout.h"
#include "runtime/tensor.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::cpu {

namespace {

void refuse_growth(TensorRef self, IntList size) {
  const TensorBlock* storage = storage_of(self.get());
  if (__atomic_load_n(&storage->storage_users, __ATOMIC_RELAXED) > 1)
    throw fail(TW_E_VALUE, "resize_: shape ", size, " does not fit the storage of ", storage->nbytes,
               " bytes, which other tensors share; resize a clone");
  if (storage->kind == StorageKind::kForeign)
    throw fail(TW_E_VALUE, "resize_: shape ", size, " does not fit the storage of ", storage->nbytes,
               " bytes, which belongs to another library; resize a clone");
}

// The same bytes at the start of larger memory.
void grow(TensorRef self, IntList size, int64_t elements) {
  refuse_growth(self, size);
  const int64_t item = item_size(self.dtype()), old = static_cast<int64_t>(storage_of(self.get())->nbytes);
  const Tensor larger = empty({elements}, self.dtype(), self.device());
  if (old > 0 && !(self.get()->flags & TW_F_NODATA)) {
    const Tensor kept = view::restrided(larger, {old / item}, {1});
    copy_across(kept, view::restrided(self, {old / item}, {1}, -view::storage_offset(self)), false);
  }
  check(tensor_set_data(self.get(), larger.get()));
}

}  // namespace

Tensor resize_(TensorRef self, IntList size, std::optional<std::string_view> format_name) {
  const MemoryFormat format = memory_format("resize_", format_name, MemoryFormat::kContiguous);
  if (size.size() > TW_MAX_NDIM)
    throw fail(TW_E_VALUE, "resize_: a tensor has 0 to ", TW_MAX_NDIM, " dimensions, not ",
               static_cast<int64_t>(size.size()));
  int64_t strides[TW_MAX_NDIM], numel = 0, elements = 0;
  format_strides("resize_", format == MemoryFormat::kPreserve ? MemoryFormat::kContiguous : format, size, nullptr,
                 strides);
  const int64_t offset = view::storage_offset(self);
  const bool fits = checked_numel(size.data(), static_cast<int32_t>(size.size()), &numel) &&
                    !__builtin_add_overflow(numel, offset, &elements) && elements < INT64_MAX / 16;
  if (!fits) throw fail(TW_E_VALUE, "resize_: shape ", size, " of ", self.dtype(), " is too large");
  if (elements > view::storage_numel(self)) {
    grow(self, size, elements);
    if (offset > 0) {
      const Tensor moved = view::restrided(self, {numel}, {1}, offset);
      check(tensor_set_geometry(self.get(), moved.get()));
    }
  }
  check(tensor_set_layout(self.get(), size.data(), strides, static_cast<int32_t>(size.size())));
  return Tensor::retain(self);
}

Tensor set_(TensorRef self, TensorRef source, int64_t storage_offset, IntList size, IntList stride) {
  const Tensor view = view::as_strided(source, size, stride, storage_offset);
  check(tensor_set_data(self.get(), view.get()));
  return Tensor::retain(self);
}

}  // namespace tw::cpu
