/* The core for processes without Python: libtensorwright exports tw_core_1, which starts it. */
#ifndef TENSORWRIGHT_TW_CORE_H_
#define TENSORWRIGHT_TW_CORE_H_

#include <tensorwright/tw_abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for tensors on the CPU, instead of the core's own: called from any thread, must not call back. It lives as
 * long as the process. */
typedef struct tw_allocator { /* sized */
  uint32_t size;
  uint32_t flags;
  void* self;
  void*(TW_CALL* allocate)(void* self, uint64_t bytes, uint64_t alignment); /* null when there is none */
  void(TW_CALL* release)(void* self, void* data, uint64_t bytes);           /* bytes as allocated */
} tw_allocator;
#define TW_ALLOCATOR_SIZE_V1 32u
TW_STATIC_ASSERT(sizeof(tw_allocator) == TW_ALLOCATOR_SIZE_V1);

typedef struct tw_core { /* sized; lives as long as the process */
  uint32_t size;
  uint32_t _pad;
  const tw_host* host;
  tw_status(TW_CALL* load_plugin)(const char* path);
  /* where to find the BLAS library when it is first needed; the text is copied */
  tw_status(TW_CALL* set_blas)(const char* path);
  tw_status(TW_CALL* set_num_threads)(int32_t n);
  /* --- since 1.1 --- */
  /* where storages of CPU tensors of more than 64 bytes come from, from now on; null: the core's own allocator, which
   * keeps freed blocks. A storage goes back to the allocator that it came from. */
  tw_status(TW_CALL* set_allocator)(const tw_allocator* allocator);
} tw_core;
#define TW_CORE_SIZE_V1 40u
#define TW_CORE_SIZE_V1_1 48u
TW_STATIC_ASSERT(sizeof(tw_core) == TW_CORE_SIZE_V1_1);

/* Idempotent, from any thread. */
TW_EXPORT const tw_core* TW_CALL tw_core_1(void);
typedef const tw_core*(TW_CALL* tw_core_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
