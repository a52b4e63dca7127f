#include "runtime/lifetime.h"

#include <cstdlib>

#include "dispatch/layers.h"
#include "runtime/allocator.h"
#include "runtime/error.h"
#include "runtime/live_tensors.h"
#include "runtime/thread_state.h"

namespace tw {

namespace {

uint32_t* inline_meta_layer(TensorBlock* b) { return handle_count(&b->pub) + 1; }

void free_storage(TensorBlock* b) {
  if (b->kind == StorageKind::kHost || b->kind == StorageKind::kDevice || b->kind == StorageKind::kHooked) {
    MemoryCounters::add(thread_state()->memory.freed, b->nbytes);
    if (b->nbytes >= kLargeTensor) unlist_storage(b);
  }
  switch (b->kind) {
    case StorageKind::kNone:
    case StorageKind::kInline:
      break;
    case StorageKind::kHost:
      host_free(b->allocation, b->nbytes);
      break;
    case StorageKind::kDevice:
      device_free(b->storage.place.backend, b->storage.place.index, b->allocation, b->nbytes);
      break;
    case StorageKind::kHooked:
      b->storage.hooked->release(b->storage.hooked->self, b->allocation, b->nbytes);
      break;
    case StorageKind::kForeign:
      if (b->storage.foreign.deleter) b->storage.foreign.deleter(b->storage.foreign.context);
      break;
  }
}

void release_block(TensorBlock* b) {
  if (__atomic_sub_fetch(&b->block_users, 1, __ATOMIC_ACQ_REL) == 0) recycle_block(b);
}

}  // namespace

void recycle_block(TensorBlock* b) {
  tw_tls* tls = thread_state();
  if (tls->free_count < kFreeBlocks)
    tls->free_blocks[tls->free_count++] = b;
  else
    std::free(b);
}

void free_long_dims(TensorBlock* b) {
  if (__builtin_expect(b->pub.dl.shape != b->dims, 0)) std::free(b->pub.dl.shape);
}

void release_storage(TensorBlock* owner) {
  if (__atomic_sub_fetch(&owner->storage_users, 1, __ATOMIC_ACQ_REL) != 0) return;
  free_storage(owner);
  release_block(owner);
}

void destroy_meta(TensorBlock* b) {
  if (void* meta = reinterpret_cast<void*>(b->pub._private[1])) {
    b->pub._private[1] = 0;
    destroy_layer_meta(*inline_meta_layer(b), meta);
  }
  while (MetaEntry* entry = b->more_meta) {
    b->more_meta = entry->next;
    if (entry->meta) destroy_layer_meta(entry->layer, entry->meta);
    delete entry;
  }
}

void tensor_release(tw_tensor* t) {
  TensorBlock* b = block_of(t);
  // With one handle, ours, and no view, nobody else can reach the block: no locked instruction is needed.
  const bool sole = __atomic_load_n(handle_count(t), __ATOMIC_ACQUIRE) == 1 && b->owner == b &&
                    __atomic_load_n(&b->storage_users, __ATOMIC_ACQUIRE) == 1;
  if (!sole && __atomic_sub_fetch(handle_count(t), 1, __ATOMIC_ACQ_REL) != 0) return;
  if (__builtin_expect(t->_private[1] != 0 || b->more_meta, 0)) destroy_meta(b);
  free_long_dims(b);
  if (__builtin_expect(sole, 1)) {
    if (b->kind != StorageKind::kInline) free_storage(b);
    recycle_block(b);
    return;
  }
  if (b->holds_base) tensor_release(b->storage.base);
  release_storage(b->owner);
  release_block(b);
}

void* tensor_meta(const tw_tensor* t, uint32_t layer) {
  auto* b = const_cast<TensorBlock*>(block_of(t));
  if (*inline_meta_layer(b) == layer) return reinterpret_cast<void*>(t->_private[1]);
  for (const MetaEntry* entry = b->more_meta; entry; entry = entry->next)
    if (entry->layer == layer) return entry->meta;
  return nullptr;
}

namespace {

// The slot of a layer, made if there is none; null when memory is short.
void** meta_slot(TensorBlock* b, uint32_t layer) {
  if (*inline_meta_layer(b) == layer) return reinterpret_cast<void**>(&b->pub._private[1]);
  for (MetaEntry* entry = b->more_meta; entry; entry = entry->next)
    if (entry->layer == layer) return &entry->meta;
  if (b->pub._private[1] == 0) {
    *inline_meta_layer(b) = layer;
    return reinterpret_cast<void**>(&b->pub._private[1]);
  }
  b->more_meta = new (std::nothrow) MetaEntry{layer, nullptr, b->more_meta};
  return b->more_meta ? &b->more_meta->meta : nullptr;
}

}  // namespace

tw_status tensor_set_meta(tw_tensor* t, uint32_t layer, void* meta) {
  if (layer >= 64) return set_error_text(TW_E_VALUE, "meta_set: there is no layer ", layer);
  void** slot = meta_slot(block_of(t), layer);
  if (!slot) return set_error(TW_E_NOMEM, "out of memory");
  void* old = *slot;
  *slot = meta;
  if (old && old != meta) destroy_layer_meta(layer, old);
  return TW_OK;
}

}  // namespace tw
