/* tw_abi_autograd.h - interface "tw.autograd/1", published by tensorwright-autograd. Rules as in tw_abi.h.
 * An op's wheel gives its derivative as a tw_ext_def{"tw.autograd", 1, 0, &tw_vjp_def}: load order is irrelevant. */
#ifndef TENSORWRIGHT_TW_ABI_AUTOGRAD_H_
#define TENSORWRIGHT_TW_ABI_AUTOGRAD_H_
#include <tensorwright/tw_abi.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The reverse-mode derivative of an op (vector-Jacobian product).
 * `vjp` is called as a kernel with
 *   args: the gradients of the op's results (TENSOR; NONE where nobody gave one, but not for all of them),
 *         then the saved arguments, then the saved results, each in the order of the schema;
 *   rets: one for each argument of type Tensor or Tensor? in the order of the schema: its gradient, owned,
 *         of the argument's shape and dtype, or NONE for zero.
 * `needed` of the formula: a gradient nobody asked for may be given all the same. */
typedef struct tw_vjp_def { /* sized */
  uint32_t size;
  uint32_t flags;
  const char* op; /* "ns::name" */
  uint32_t revision;
  uint32_t _pad;
  uint64_t save_args;           /* bit i: argument i is kept (a tensor's version is checked) */
  uint64_t save_rets;           /* bit i: result i is kept */
  uint64_t differentiable_rets; /* bit i: result i has a gradient; 0 means all floating ones */
  tw_kernel_fn vjp;
  void* self;
} tw_vjp_def;
#define TW_VJP_DEF_SIZE_V1 64u
TW_STATIC_ASSERT(sizeof(tw_vjp_def) == TW_VJP_DEF_SIZE_V1);

#define TW_BACKWARD_RETAIN_GRAPH 0x1u
#define TW_BACKWARD_CREATE_GRAPH 0x2u

typedef struct tw_autograd_if { /* append-only */
  uint32_t size;
  uint32_t minor;
  tw_status(TW_CALL* extend)(const void* vjp_def); /* a tw_vjp_def that lives as long as the process */
  tw_status(TW_CALL* requires_grad)(tw_tensor* t, int32_t* out);
  tw_status(TW_CALL* set_requires_grad)(tw_tensor* t, int32_t on);
  tw_status(TW_CALL* grad)(tw_tensor* t, tw_tensor** out);     /* owned; null if there is none */
  tw_status(TW_CALL* set_grad)(tw_tensor* t, tw_tensor* grad); /* null drops it */
  /* seeds: gradients of the roots, null for one (of a single number); flags TW_BACKWARD_* */
  tw_status(TW_CALL* backward)(tw_tensor* const* roots, tw_tensor* const* seeds, uint32_t n, uint32_t flags);
  /* `hook` is called with the leaf each time a gradient was added to its `.grad` */
  tw_status(TW_CALL* add_accumulate_hook)(tw_tensor* leaf, tw_object* hook, tw_object** handle);
  /* `callback` is called when the pass that runs on this thread has ended */
  tw_status(TW_CALL* at_end_of_backward)(tw_object* callback);
  /* Visits objects that live only as long as the tensor does, and that nothing else holds: hooks, and what nodes of its
   * history keep. The caller has the tensor's only handle, and nobody uses the tensor meanwhile. Since 1.1. */
  void(TW_CALL* traverse)(const tw_tensor* t, void(TW_CALL* visit)(tw_object* child, void* ctx), void* ctx);
} tw_autograd_if;
#define TW_AUTOGRAD_IF_SIZE_V1 72u
TW_STATIC_ASSERT(TW_END_OF(tw_autograd_if, at_end_of_backward) == TW_AUTOGRAD_IF_SIZE_V1);

#ifdef __cplusplus
}
#endif
#endif
