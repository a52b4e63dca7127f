/* tw_abi_kernels.h - interface "tw.kernels/1", published by the core. Rules as in tw_abi.h.
 * The block kernels that eager execution of pointwise ops and reductions is made of, for those who run several of them
 * over one block of elements that stays in the cache: the same code, hence the same bits.
 */
#ifndef TENSORWRIGHT_TW_ABI_KERNELS_H_
#define TENSORWRIGHT_TW_ABI_KERNELS_H_
#include <tensorwright/tw_abi.h>
#ifdef __cplusplus
extern "C" {
#endif

#define TW_KERNEL_OPERANDS 16u
#define TW_KERNEL_RESULTS 8u
#define TW_KERNEL_BLOCK 1024 /* elements of one leaf of the reduction tree (docs/expression-language.md) */

/* n elements. Operand k is contiguous if in_step[k] is 1; if 0, in[k] points at 64 bytes that repeat one value. */
typedef void(TW_CALL* tw_block_fn)(int64_t n, void* const* out, const void* const* in, const uint8_t* in_step);
/* one result from at most TW_KERNEL_BLOCK elements of each operand */
typedef void(TW_CALL* tw_fold_fn)(int64_t n, const void* const* in, const uint8_t* in_step, void* out);
/* acc[c] = combination of acc[c] and other[c]: results of neighbouring blocks become one */
typedef void(TW_CALL* tw_combine_fn)(int64_t cols, void* acc, const void* other);
/* n elements from one dtype to another; steps in bytes */
typedef void(TW_CALL* tw_convert_fn)(int64_t n, const char* from, int64_t from_step, char* to, int64_t to_step);

/* What a call of an op with these arguments computes, element by element. */
typedef struct tw_block_kernel { /* sized; the caller sets size */
  uint32_t size;
  uint32_t noperands;
  uint32_t nresults;
  tw_dtype compute;                     /* what it computes in: float32 also for float16, int32 also for uint8, ... */
  int32_t argument[TW_KERNEL_OPERANDS]; /* the op's argument that operand k is; -1: the constant k */
  tw_dtype operand[TW_KERNEL_OPERANDS]; /* as the kernel reads and writes them; to be converted where they differ */
  tw_dtype result[TW_KERNEL_RESULTS];
  tw_block_fn block; /* of a pointwise op, else null */
  tw_fold_fn fold;   /* of a reduction, else null */
  tw_combine_fn combine;
  uint64_t dims; /* that a reduction folds: bit i is dimension i of its operands */
  unsigned char constant[TW_KERNEL_OPERANDS][64];
} tw_block_kernel;
#define TW_BLOCK_KERNEL_SIZE_V1 1232u
TW_STATIC_ASSERT(sizeof(tw_block_kernel) == TW_BLOCK_KERNEL_SIZE_V1);

/* Elements [first, first + count) of a result are done, and lie at `part`, in the cache: what follows may change them.
 * Called on threads of the pool; does not throw. */
typedef void(TW_CALL* tw_part_fn)(void* context, int64_t first, int64_t count, void* part);

/* A batch of images of float32: [image][channel][y][x] as tensors are, or in blocks of 16 channels with zeros around
 * each plane, [image][channel / 16][border + y + border][border + x + border][channel % 16]. */
typedef struct tw_images {
  tw_tensor* tensor; /* contiguous */
  int32_t blocked;
  int32_t reserved;
  int64_t border[2]; /* rows and columns, of blocked ones */
} tw_images;
#define TW_IMAGES_SIZE_V1 32u
TW_STATIC_ASSERT(sizeof(tw_images) == TW_IMAGES_SIZE_V1);

typedef struct tw_kernels_if { /* append-only */
  uint32_t size;
  uint32_t minor;
  tw_status(TW_CALL* extend)(const void* payload); /* null: takes no records */
  /* TW_DECLINE where the op is neither pointwise nor a reduction by expression, or runs by another kernel. The tensors
   * among the arguments may be without data. What the op itself refuses is refused. */
  tw_status(TW_CALL* find)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_block_kernel* out);
  tw_status(TW_CALL* convert)(tw_dtype from, tw_dtype to, tw_convert_fn* out);
  const char*(TW_CALL* instruction_set)(void); /* "baseline", "avx2" or "avx512": the one in use */
  /* minor 1: layers, which are tw::linear and tw::conv2d of contiguous float32 or float64 results. */
  /* The layer's weight as its kernel reads it, for calls like this one, while the weight does not change: a tensor of
   * this process and machine. Owned by the caller; null where nothing is gained. TW_DECLINE for other ops. */
  tw_status(TW_CALL* prepare_layer)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor** prepared);
  /* The op, with its weight prepared, or null; `follow`, or null, is called on each part of the result once. A tensor
   * in `result` (borrowed) is written into if it is what would be made; afterwards it is the caller's. TW_DECLINE with
   * nothing done for other ops and dtypes. What the op itself refuses is refused. */
  tw_status(TW_CALL* run_layer)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor* prepared,
                                tw_part_fn follow, void* context, tw_value* result);
  /* minor 2: ops on images in blocks: tw::conv2d and the maxima of tw::max_pool2d_with_indices. */
  /* As prepare_layer, for run_images. */
  tw_status(TW_CALL* prepare_images)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor** prepared);
  /* The op, whose first argument may be without data: `input` is read for it, and `result` written. What lies around
   * blocked input must be zeros where a convolution pads. With a null op the images are moved from one layout to the
   * other. TW_DECLINE with nothing done for what is not supported. */
  tw_status(TW_CALL* run_images)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_tensor* prepared,
                                 const tw_images* input, const tw_images* result, tw_part_fn follow, void* context);
  /* minor 3: how many threads a parallel loop may take, the caller's among them. */
  int32_t(TW_CALL* threads)(void);
} tw_kernels_if;
#define TW_KERNELS_IF_SIZE_V1 40u
TW_STATIC_ASSERT(TW_END_OF(tw_kernels_if, instruction_set) == TW_KERNELS_IF_SIZE_V1);

#ifdef __cplusplus
}
#endif
#endif
