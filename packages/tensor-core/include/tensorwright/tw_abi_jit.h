/* tw_abi_jit.h - interface "tw.jit/1", published by tensorwright-jit. Rules as in tw_abi.h.
 * An op's wheel says what calls of its older revisions mean now, as a tw_ext_def{"tw.jit", 1, 0, &tw_upgrader_def}:
 * load order is irrelevant. */
#ifndef TENSORWRIGHT_TW_ABI_JIT_H_
#define TENSORWRIGHT_TW_ABI_JIT_H_
#include <tensorwright/tw_abi.h>
#ifdef __cplusplus
extern "C" {
#endif

/* What a call of one revision of an op becomes under the next one, in programs that were saved under the older.
 * `graph` is the text form of one function, @upgrade, whose parameters have the names and order that the op's arguments
 * had, with their defaults; it gives what the call gave. Of the op itself it calls the next revision, of others the
 * installed ones. Needed only where the meaning changes: arguments that are merely new take their defaults. */
typedef struct tw_upgrader_def { /* sized */
  uint32_t size;
  uint32_t flags;
  const char* op; /* "ns::name" */
  uint32_t revision;
  uint32_t _pad;
  const char* graph;
} tw_upgrader_def;
#define TW_UPGRADER_DEF_SIZE_V1 32u
TW_STATIC_ASSERT(sizeof(tw_upgrader_def) == TW_UPGRADER_DEF_SIZE_V1);

typedef struct tw_jit_if { /* append-only */
  uint32_t size;
  uint32_t minor;
  tw_status(TW_CALL* extend)(const void* upgrader_def); /* a tw_upgrader_def */
} tw_jit_if;
#define TW_JIT_IF_SIZE_V1 16u
TW_STATIC_ASSERT(sizeof(tw_jit_if) == TW_JIT_IF_SIZE_V1);

#ifdef __cplusplus
}
#endif
#endif
