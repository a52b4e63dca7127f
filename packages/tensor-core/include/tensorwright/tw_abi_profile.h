/* tw_abi_profile.h - interface "tw.profile/1", published by the core. Rules as in tw_abi.h.
 * A thread is profiled while its masks include TW_L_PROFILE: then ops note themselves, and other code may note spans.
 */
#ifndef TENSORWRIGHT_TW_ABI_PROFILE_H_
#define TENSORWRIGHT_TW_ABI_PROFILE_H_
#include <tensorwright/tw_abi.h>
#ifdef __cplusplus
extern "C" {
#endif

#define TW_PROFILE_OP 0u   /* an op of the registry */
#define TW_PROFILE_USER 1u /* what a user has named */
#define TW_PROFILE_NODE 2u /* a node of a backward pass */

typedef struct tw_profile_if { /* append-only */
  uint32_t size;
  uint32_t minor;
  tw_status(TW_CALL* extend)(const void* payload); /* null: takes no records */
  /* A span of the calling thread; spans nest. Without a profiler on the thread, both do nothing. */
  tw_status(TW_CALL* begin)(const char* name, uint32_t kind);
  tw_status(TW_CALL* end)(void);
} tw_profile_if;
#define TW_PROFILE_IF_SIZE_V1 32u
TW_STATIC_ASSERT(TW_END_OF(tw_profile_if, end) == TW_PROFILE_IF_SIZE_V1);

#ifdef __cplusplus
}
#endif
#endif
