/* tw_abi_device.h - the table that a device plugin hands to the core in tw_device_def.iface. Pure C99; the rules
 * of tw_abi.h hold. Required entries: count, alloc, free, copy, device_sync. The others may be null as long as
 * the device has one stream only, in which everything runs in order. A null tw_stream is the current stream. */
#ifndef TENSORWRIGHT_TW_ABI_DEVICE_H_
#define TENSORWRIGHT_TW_ABI_DEVICE_H_
#include <tensorwright/tw_abi.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_stream tw_stream;
typedef struct tw_event tw_event;

#define TW_COPY_NON_BLOCKING 0x10000u /* may return before the data has arrived; an ignorable flag */

struct tw_device_if { /* sized */
  uint32_t size;
  uint32_t minor;
  void* self;
  tw_status(TW_CALL* count)(void* self, int32_t* n);
  /* keys: "name" (str), "arch" (str), "mem_total", "mem_free" (int, bytes); unknown keys give TW_NONE */
  tw_status(TW_CALL* info)(void* self, int32_t index, const char* key, tw_value* out);
  tw_status(TW_CALL* alloc)(void* self, int32_t index, uint64_t nbytes, uint64_t align, tw_stream* stream, void** out);
  tw_status(TW_CALL* free)(void* self, int32_t index, void* data, uint64_t nbytes, tw_stream* stream);
  tw_status(TW_CALL* record_use)(void* self, void* data, tw_stream* stream);
  /* dst and src have one dtype and one shape, any strides; at least one lies on this device, the other here or on
   * the CPU. Without TW_COPY_NON_BLOCKING the data has arrived on return. */
  tw_status(TW_CALL* copy)(void* self, const tw_dl* dst, const tw_dl* src, tw_stream* stream, uint32_t flags);
  tw_status(TW_CALL* stream_new)(void* self, int32_t index, int32_t priority, tw_stream** out);
  tw_status(TW_CALL* stream_free)(void* self, tw_stream* stream);
  tw_status(TW_CALL* stream_current)(void* self, int32_t index, tw_stream** out);
  tw_status(TW_CALL* stream_set_current)(void* self, tw_stream* stream);
  tw_status(TW_CALL* stream_native)(void* self, tw_stream* stream, void** out); /* cudaStream_t etc, as void* */
  tw_status(TW_CALL* stream_sync)(void* self, tw_stream* stream);
  tw_status(TW_CALL* event_new)(void* self, int32_t index, uint32_t flags, tw_event** out);
  tw_status(TW_CALL* event_free)(void* self, tw_event* event);
  tw_status(TW_CALL* event_record)(void* self, tw_event* event, tw_stream* stream);
  tw_status(TW_CALL* event_wait)(void* self, tw_event* event, tw_stream* stream);
  tw_status(TW_CALL* event_query)(void* self, tw_event* event, int32_t* done);
  tw_status(TW_CALL* device_sync)(void* self, int32_t index);
};
#define TW_DEVICE_IF_SIZE_V1 160u
TW_STATIC_ASSERT(sizeof(tw_device_if) == TW_DEVICE_IF_SIZE_V1);

#ifdef __cplusplus
}
#endif
#endif
