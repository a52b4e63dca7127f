#include "runtime/tensor.h"

#include <cstdlib>

#include "runtime/allocator.h"
#include "runtime/device.h"
#include "runtime/dtype.h"
#include "runtime/error.h"
#include "runtime/lifetime.h"
#include "runtime/live_tensors.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

constexpr uint64_t kNoMetaLayer = uint64_t{0xFFFFFFFFu} << 32;

TensorBlock* take_block() {
  tw_tls* tls = thread_state();
  if (__builtin_expect(tls->free_count > 0, 1)) return tls->free_blocks[--tls->free_count];
  void* p = nullptr;
  return posix_memalign(&p, 64, sizeof(TensorBlock)) == 0 ? static_cast<TensorBlock*>(p) : nullptr;
}

// A block with one handle and no storage, its shape and strides uninitialised.
TensorBlock* new_block(int32_t ndim, tw_dtype dtype, tw_device device, uint32_t backend) {
  TensorBlock* b = take_block();
  if (__builtin_expect(!b, 0)) return nullptr;
  int64_t* dims = b->dims;
  if (__builtin_expect(ndim > kInlineDims, 0)) {
    dims = static_cast<int64_t*>(std::malloc(2 * ndim * sizeof(int64_t)));
    if (!dims) {
      recycle_block(b);
      return nullptr;
    }
  }
  b->pub._private[0] = kNoMetaLayer | 1;
  b->pub._private[1] = 0;
  b->pub.dl = {nullptr, device, ndim, dtype, dims, dims + (ndim > kInlineDims ? ndim : kInlineDims), 0};
  b->pub.layers = 0;
  b->pub.backend = backend;
  b->owner = b;
  b->python = nullptr;
  b->storage_users = 1;
  b->block_users = 2;
  b->holds_base = false;
  b->kind = StorageKind::kNone;
  b->version = 0;
  b->more_meta = nullptr;
  b->nbytes = 0;
  return b;
}

tw_status no_memory(IntList shape, tw_dtype dtype, uint64_t bytes) {
  const std::string others = largest_tensors_text();
  return set_error_text(TW_E_NOMEM, "out of memory: a ", dtype, " tensor of shape ", shape, " takes ", bytes, " bytes",
                        others.empty() ? "" : "; the largest others are ", others);
}

// Row-major strides (a dimension of size 0 counts as 1, so that strides stay meaningful) and the numel.
bool set_contiguous(tw_tensor& t, const int64_t* shape, int64_t item) {
  int64_t stride = 1, numel = 1;
  bool overflow = false;
  for (int i = t.dl.ndim - 1; i >= 0; --i) {
    const int64_t size = shape[i];
    t.dl.shape[i] = size;
    t.dl.strides[i] = stride;
    overflow |= size < 0 || __builtin_mul_overflow(stride, size > 1 ? size : 1, &stride);
    numel = size ? numel : 0;
  }
  int64_t bytes;
  overflow |= __builtin_mul_overflow(stride, item, &bytes);
  t.numel = numel ? stride : 0;
  t.flags = TW_F_CONTIGUOUS;
  return !overflow;
}

tw_status bad_shape(IntList shape, tw_dtype dtype) {
  for (int64_t size : shape)
    if (size < 0) return set_error_text(TW_E_VALUE, "shape ", shape, ": sizes must not be negative");
  return set_error_text(TW_E_VALUE, "shape ", shape, " of ", dtype,
                        " is too large: its size in bytes overflows 64 bits");
}

tw_status allocate_storage(TensorBlock* b, uint64_t bytes) {
  b->nbytes = bytes;
  if (b->pub.backend == kBackendCpu) {
    const tw_allocator* hooked = allocator_hook();
    b->allocation = hooked ? hooked->allocate(hooked->self, bytes, kDataAlignment) : host_allocate(bytes);
    b->kind = !b->allocation ? StorageKind::kNone : hooked ? StorageKind::kHooked : StorageKind::kHost;
    b->storage.hooked = hooked;
    if (!b->allocation) return no_memory({b->pub.dl.shape, size_t(b->pub.dl.ndim)}, b->pub.dl.dtype, bytes);
  } else {
    const tw_status status = device_allocate(b->pub.backend, b->pub.dl.device.index, bytes, &b->allocation);
    if (status != TW_OK) return status;
    b->kind = StorageKind::kDevice, b->storage.place = {b->pub.backend, b->pub.dl.device.index};
  }
  MemoryCounters::add(thread_state()->memory.allocated, bytes);
  if (bytes >= kLargeTensor) list_storage(b);
  return TW_OK;
}

}  // namespace

tw_status tensor_empty_on(const int64_t* shape, int32_t ndim, tw_dtype dtype, tw_device device, uint32_t backend,
                          tw_tensor** out) {
  TensorBlock* b = new_block(ndim, dtype, device, backend);
  if (!b) return set_error(TW_E_NOMEM, "out of memory");
  const int64_t item = item_size(dtype);
  if (__builtin_expect(!set_contiguous(b->pub, shape, item), 0)) {
    const tw_status status = bad_shape({shape, size_t(ndim)}, dtype);
    tensor_release(&b->pub);
    return status;
  }
  const int64_t bytes = b->pub.numel * item;
  if (backend == kBackendCpu && bytes <= kInlineBytes) {
    b->kind = StorageKind::kInline;
    b->allocation = b->data;
    b->nbytes = static_cast<uint64_t>(bytes);
  } else if (backend == kBackendMeta) {
    b->pub.flags |= TW_F_NODATA;
    b->allocation = nullptr;
    b->nbytes = bytes;
  } else if (const tw_status status = allocate_storage(b, bytes)) {
    tensor_release(&b->pub);
    return status;
  }
  b->pub.dl.data = b->allocation;
  *out = &b->pub;
  return TW_OK;
}

tw_status tensor_empty(const int64_t* shape, int32_t ndim, tw_dtype dtype, tw_device device, tw_tensor** out) {
  *out = nullptr;
  uint32_t backend = kBackendCpu;
  if (device.type != TW_DEVICE_CPU || device.index != 0)
    if (const tw_status status = resolve_device(device, &backend)) return status;
  if (!is_known(dtype))
    return set_error_text(TW_E_UNSUPPORTED, "there is no dtype with code ", int(dtype.code), ", ", int(dtype.bits),
                          " bits and ", int(dtype.lanes), " lanes");
  if (ndim < 0 || ndim > TW_MAX_NDIM)
    return set_error_text(TW_E_VALUE, "a tensor has 0 to ", TW_MAX_NDIM, " dimensions, not ", ndim);
  return tensor_empty_on(shape, ndim, dtype, device, backend, out);
}

tw_status tensor_view(tw_tensor* base, const int64_t* shape, const int64_t* strides, int32_t ndim, void* data,
                      tw_dtype dtype, tw_tensor** out) {
  *out = nullptr;
  TensorBlock* b = new_block(ndim, dtype, base->dl.device, base->backend);
  if (!b) return set_error(TW_E_NOMEM, "out of memory");
  b->storage_users = 0;
  b->block_users = 1;
  b->owner = block_of(base)->owner;
  retain_storage(b->owner);
  int64_t numel = 1;
  for (int i = 0; i < ndim; ++i) {
    b->pub.dl.shape[i] = shape[i];
    b->pub.dl.strides[i] = strides[i];
    numel *= shape[i];
  }
  b->pub.dl.data = data;
  b->pub.numel = numel;
  b->pub.flags = TW_F_VIEW | (base->flags & (TW_F_READONLY | TW_F_NODATA)) |
                 (is_contiguous(shape, strides, ndim) ? TW_F_CONTIGUOUS : 0);
  *out = &b->pub;
  return TW_OK;
}

namespace {

// The lowest and the highest byte offset of an element, relative to element 0; false on overflow.
bool extent(const int64_t* shape, const int64_t* strides, int32_t ndim, int64_t item, int64_t* low, int64_t* high) {
  *low = 0;
  *high = item;
  for (int i = 0; i < ndim; ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) || __builtin_mul_overflow(reach, item, &reach) ||
        __builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high))
      return false;
  }
  return true;
}

}  // namespace

tw_status tensor_as_strided(tw_tensor* base, const int64_t* shape, const int64_t* strides, int32_t ndim,
                            int64_t byte_offset, tw_tensor** out) {
  *out = nullptr;
  const IntList sizes{shape, size_t(ndim < 0 ? 0 : ndim)}, steps{strides, sizes.size()};
  if (ndim < 0 || ndim > TW_MAX_NDIM)
    return set_error_text(TW_E_VALUE, "as_strided: a tensor has 0 to ", TW_MAX_NDIM, " dimensions, not ", ndim);
  int64_t numel;
  if (!checked_numel(shape, ndim, &numel)) return bad_shape(sizes, base->dl.dtype);
  const TensorBlock* owner = block_of(base)->owner;
  const int64_t start = tw::byte_offset(base) + byte_offset;
  const int64_t storage = static_cast<int64_t>(owner->nbytes), item = item_size(base->dl.dtype);
  int64_t low = 0, high = 0;
  const bool fits = numel == 0 ? start >= 0 && start <= storage
                               : extent(shape, strides, ndim, item, &low, &high) && start + low >= 0 &&
                                     start <= storage && high <= storage - start;
  if (!fits)
    return set_error_text(TW_E_VALUE, "as_strided: shape ", sizes, " with strides ", steps, " at byte offset ", start,
                          " reaches outside the storage of ", storage, " bytes");
  return tensor_view(base, shape, strides, ndim, advanced(base->dl.data, byte_offset), base->dl.dtype, out);
}

tw_status tensor_from_blob(const tw_dl* view, uint32_t flags, void (*deleter)(void*), void* context, tw_tensor** out) {
  *out = nullptr;
  uint32_t backend = kBackendCpu;
  if (const tw_status status = resolve_device(view->device, &backend)) return status;
  if (!is_known(view->dtype)) return set_error(TW_E_UNSUPPORTED, "from_blob: unknown dtype");
  if (view->ndim < 0 || view->ndim > TW_MAX_NDIM)
    return set_error_text(TW_E_VALUE, "from_blob: a tensor has 0 to ", TW_MAX_NDIM, " dimensions, not ", view->ndim);
  const IntList shape{view->shape, size_t(view->ndim)};
  const int64_t item = item_size(view->dtype);
  TensorBlock* b = new_block(view->ndim, view->dtype, view->device, backend);
  if (!b) return set_error(TW_E_NOMEM, "out of memory");
  int64_t low = 0, high = 0, numel = 0;
  bool fits = set_contiguous(b->pub, view->shape, item) && checked_numel(view->shape, view->ndim, &numel);
  if (fits && view->strides) {
    for (int i = 0; i < view->ndim; ++i) b->pub.dl.strides[i] = view->strides[i];
    if (!is_contiguous(view->shape, view->strides, view->ndim)) b->pub.flags &= ~TW_F_CONTIGUOUS;
  }
  fits = fits && (numel == 0 || extent(view->shape, b->pub.dl.strides, view->ndim, item, &low, &high));
  if (!fits) {
    tensor_release(&b->pub);
    return bad_shape(shape, view->dtype);
  }
  b->pub.numel = numel;
  b->pub.flags |= flags & TW_F_READONLY;
  b->pub.dl.data = static_cast<char*>(view->data) + view->byte_offset;
  b->allocation = static_cast<char*>(b->pub.dl.data) + low;
  b->nbytes = numel ? uint64_t(high - low) : 0;
  b->kind = StorageKind::kForeign;
  b->storage.foreign = {deleter, context};
  *out = &b->pub;
  return TW_OK;
}

namespace {

// Copies shape and strides.
tw_status copy_dims(tw_tensor* t, const int64_t* shape, const int64_t* steps, int32_t ndim) {
  TensorBlock* b = block_of(t);
  int64_t* dims = b->dims;
  if (ndim > kInlineDims) {
    dims = static_cast<int64_t*>(std::malloc(2 * ndim * sizeof(int64_t)));
    if (!dims) return set_error(TW_E_NOMEM, "out of memory");
  }
  free_long_dims(b);
  int64_t* strides = dims + (ndim > kInlineDims ? ndim : kInlineDims);
  for (int i = 0; i < ndim; ++i) dims[i] = shape[i], strides[i] = steps[i];
  t->dl.ndim = ndim;
  t->dl.shape = dims;
  t->dl.strides = strides;
  return TW_OK;
}

// Copies shape, strides, dtype and address.
tw_status copy_geometry(tw_tensor* t, const tw_tensor* source) {
  if (const tw_status status = copy_dims(t, source->dl.shape, source->dl.strides, source->dl.ndim)) return status;
  int64_t *shape = t->dl.shape, *strides = t->dl.strides;
  t->dl = source->dl;
  t->dl.shape = shape;
  t->dl.strides = strides;
  t->numel = source->numel;
  return TW_OK;
}

}  // namespace

tw_status tensor_set_layout(tw_tensor* t, const int64_t* shape, const int64_t* strides, int32_t ndim) {
  if (const tw_status status = copy_dims(t, shape, strides, ndim)) return status;
  t->numel = 1;
  for (int i = 0; i < ndim; ++i) t->numel *= shape[i];
  t->flags = (t->flags & ~TW_F_CONTIGUOUS) | (is_contiguous(shape, strides, ndim) ? TW_F_CONTIGUOUS : 0);
  return TW_OK;
}

tw_status tensor_set_geometry(tw_tensor* t, const tw_tensor* view) {
  if (const tw_status status = copy_geometry(t, view)) return status;
  t->flags = (t->flags & ~TW_F_CONTIGUOUS) | (view->flags & TW_F_CONTIGUOUS);
  return TW_OK;
}

tw_status tensor_set_data(tw_tensor* t, tw_tensor* source) {
  TensorBlock *b = block_of(t), *s = block_of(source);
  if (b == s) return TW_OK;
  if (const tw_status status = copy_geometry(t, source)) return status;
  TensorBlock* old = b->owner;
  retain_storage(s->owner);
  b->owner = s->owner;
  t->flags = source->flags;
  t->backend = source->backend;
  if (std::exchange(b->holds_base, false)) tensor_release(b->storage.base);
  release_storage(old);
  return TW_OK;
}

}  // namespace tw
