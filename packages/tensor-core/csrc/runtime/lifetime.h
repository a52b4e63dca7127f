// Reference counting below the handles: storage users and blocks. Used by the files of runtime/ alone.
#pragma once

#include "runtime/tensor.h"

namespace tw {

inline void retain_storage(TensorBlock* owner) { __atomic_fetch_add(&owner->storage_users, 1, __ATOMIC_RELAXED); }
void release_storage(TensorBlock* owner);
void recycle_block(TensorBlock* b);   // to the thread's free list
void free_long_dims(TensorBlock* b);  // shape and strides beyond the inline ones
void destroy_meta(TensorBlock* b);

}  // namespace tw
