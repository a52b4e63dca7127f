/* The core for processes without Python: libtensorwright exports tw_core_1, which starts it. */
#ifndef TENSORWRIGHT_TW_CORE_H_
#define TENSORWRIGHT_TW_CORE_H_

#include <tensorwright/tw_abi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_core { /* sized; lives as long as the process */
  uint32_t size;
  uint32_t _pad;
  const tw_host* host;
  tw_status(TW_CALL* load_plugin)(const char* path);
  /* where to find the BLAS library when it is first needed; the text is copied */
  tw_status(TW_CALL* set_blas)(const char* path);
  tw_status(TW_CALL* set_num_threads)(int32_t n);
} tw_core;
#define TW_CORE_SIZE_V1 40u
TW_STATIC_ASSERT(sizeof(tw_core) == TW_CORE_SIZE_V1);

/* Idempotent, from any thread. */
TW_EXPORT const tw_core* TW_CALL tw_core_1(void);
typedef const tw_core*(TW_CALL* tw_core_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
