// A tensor is one pooled 64-byte aligned block: the public prefix of the C ABI, its storage's bookkeeping,
// inline shape and strides for up to 6 dimensions, and the data itself if it takes at most 64 bytes.
//
// Lifetime. `handles` counts the owners of the tensor. Each live tensor also holds one reference on its
// *storage owner*, the block whose storage it uses (its own, unless it is a view). A block is freed when
// it has neither handles nor users of its storage: so a view keeps the base's memory but not the base's
// metadata, which dies with the base's last handle.
#pragma once

#include <tensorwright/tw_core.h>
#include <tensorwright/tw.hpp>

#include <cstdint>

namespace tw {

constexpr int kInlineDims = 6;
constexpr int64_t kInlineBytes = 64;

enum class StorageKind : uint16_t {
  kNone,
  kInline,
  kHost,
  kDevice,
  kForeign,  // another library's memory, borrowed
  kHooked,   // from the allocator that a program has set
};

struct MetaEntry {  // metadata of a second, third... layer
  uint32_t layer;
  void* meta;
  MetaEntry* next;
};

struct alignas(64) TensorBlock {
  tw_tensor pub;           // _private[0]: handle count (low 32 bits), layer of the inline meta slot (high 32 bits)
                           // _private[1]: the inline meta slot
  TensorBlock* owner;      // whose storage this tensor uses
  void* python;            // weak: the Python wrapper, cleared by it when it dies
  uint32_t storage_users;  // live tensors that use this block's storage
  uint8_t block_users;     // 1 for the handles + 1 for the storage users
  bool holds_base;         // of a view: `storage.base` is a handle, see hold_base
  StorageKind kind;        // of this block's own storage
  uint64_t version;        // of this block's storage: raised by every write
  MetaEntry* more_meta;

  int64_t dims[2 * kInlineDims];  // shape, then strides; longer ones live in their own allocation
  void* allocation;               // what to free, and the bounds within which a view of this storage must stay
  uint64_t nbytes;
  union {
    struct {
      void (*deleter)(void*);
      void* context;
    } foreign;
    struct {
      uint32_t backend;
      int32_t index;
    } place;
    const tw_allocator* hooked;
    tw_tensor* base;  // of a view, which has no storage of its own
  } storage;
  unsigned char data[kInlineBytes];
};
static_assert(sizeof(TensorBlock) % 64 == 0 && offsetof(TensorBlock, data) % 64 == 0);

inline TensorBlock* block_of(tw_tensor* t) { return reinterpret_cast<TensorBlock*>(t); }
inline const TensorBlock* block_of(const tw_tensor* t) { return reinterpret_cast<const TensorBlock*>(t); }

// ---- making tensors ---------------------------------------------------------------------------------------

tw_status tensor_empty(const int64_t* shape, int32_t ndim, tw_dtype dtype, tw_device device, tw_tensor** out);
// The device is known to exist, the dtype to be known; shapes are checked.
tw_status tensor_empty_on(const int64_t* shape, int32_t ndim, tw_dtype dtype, tw_device device, uint32_t backend,
                          tw_tensor** out);
tw_status tensor_from_blob(const tw_dl* view, uint32_t flags, void (*deleter)(void*), void* context, tw_tensor** out);
tw_status tensor_as_strided(tw_tensor* base, const int64_t* shape, const int64_t* strides, int32_t ndim,
                            int64_t byte_offset, tw_tensor** out);
// As tensor_as_strided for geometry that is known to stay inside the base (view ops), perhaps of another dtype.
TW_EXPORT tw_status tensor_view(tw_tensor* base, const int64_t* shape, const int64_t* strides, int32_t ndim, void* data,
                                tw_dtype dtype, tw_tensor** out);
// Gives `t` another shape and strides, which are known to stay inside its storage.
tw_status tensor_set_layout(tw_tensor* t, const int64_t* shape, const int64_t* strides, int32_t ndim);
// Gives `t` the shape, strides and address of a view of its own storage.
tw_status tensor_set_geometry(tw_tensor* t, const tw_tensor* view);
tw_status tensor_set_data(tw_tensor* t, tw_tensor* source);

// ---- handles ----------------------------------------------------------------------------------------------

inline uint32_t* handle_count(tw_tensor* t) { return reinterpret_cast<uint32_t*>(&t->_private[0]); }
inline void tensor_retain(tw_tensor* t) { __atomic_fetch_add(handle_count(t), 1, __ATOMIC_RELAXED); }
TW_EXPORT void tensor_release(tw_tensor* t);

// Gives a view of `source` a handle of the tensor that it shows a part of, until the view dies: of the source, or of
// what that holds itself. A block that has a storage of its own beside the one it shows (after `x.data = y`) holds
// nothing.
inline void hold_base(tw_tensor* view, tw_tensor* source) {
  TensorBlock *b = block_of(view), *s = block_of(source);
  if (b == s || b->holds_base || b->kind != StorageKind::kNone) return;
  b->storage.base = s->holds_base ? s->storage.base : source;
  tensor_retain(b->storage.base);
  b->holds_base = true;
}
// The base that a view holds, with one more handle; null if it holds none.
inline tw_tensor* held_base(const tw_tensor* view) {
  const TensorBlock* b = block_of(view);
  if (!b->holds_base) return nullptr;
  tensor_retain(b->storage.base);
  return b->storage.base;
}
// One handle, and no other tensor on the storage.
inline bool is_unique(const tw_tensor* t) {
  const TensorBlock* b = block_of(t);
  return b->owner == b && __atomic_load_n(handle_count(const_cast<tw_tensor*>(t)), __ATOMIC_ACQUIRE) == 1 &&
         __atomic_load_n(&b->storage_users, __ATOMIC_ACQUIRE) == 1;
}

// The Python object that wraps this tensor, or null. Only csrc/python reads and writes it, under its lock.
inline void*& python_wrapper(tw_tensor* t) { return block_of(t)->python; }

// ---- storage ----------------------------------------------------------------------------------------------

inline TensorBlock* storage_of(const tw_tensor* t) { return block_of(t)->owner; }
inline uint64_t storage_version(const tw_tensor* t) {
  return __atomic_load_n(&storage_of(t)->version, __ATOMIC_RELAXED);
}
// Concurrent writers of one storage race in the user's program; a lost bump still leaves a changed version.
inline void bump_version(tw_tensor* t) {
  uint64_t* v = &storage_of(t)->version;
  __atomic_store_n(v, __atomic_load_n(v, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

// ---- metadata that layers hang on tensors -------------------------------------------------------------------

void* tensor_meta(const tw_tensor* t, uint32_t layer);
tw_status tensor_set_meta(tw_tensor* t, uint32_t layer, void* meta);

// ---- geometry ---------------------------------------------------------------------------------------------

// Product of the sizes; false on overflow or a negative size.
bool checked_numel(const int64_t* shape, int32_t ndim, int64_t* numel);
bool is_contiguous(const int64_t* shape, const int64_t* strides, int32_t ndim);
// An address some bytes further on. On the meta device addresses are offsets from null, which no pointer arithmetic may
// leave.
inline void* advanced(void* data, int64_t bytes) {
  return reinterpret_cast<void*>(reinterpret_cast<intptr_t>(data) + bytes);
}
// Bytes from the start of the storage to the first element.
inline int64_t byte_offset(const tw_tensor* t) {
  return reinterpret_cast<intptr_t>(t->dl.data) - reinterpret_cast<intptr_t>(storage_of(t)->allocation);
}
// The byte range [low, high) that the elements of a tensor occupy; empty for no elements.
struct MemoryRange {
  const char* low;
  const char* high;
};
MemoryRange memory_range(const tw_tensor* t);
// Whether two elements might share an address (expanded or overlapping strides).
bool may_overlap_itself(const tw_tensor* t);
enum class Overlap { kNone, kSame, kPartial };
Overlap overlap_of(const tw_tensor* a, const tw_tensor* b);

}  // namespace tw
