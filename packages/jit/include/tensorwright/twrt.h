/* twrt.h - runs saved programs without Python. C99; link with -ltwrt.
 *
 *   twrt_model* model = 0;
 *   if (twrt_load("model.twa", &model)) { puts(twrt_error()); return 1; }
 *   twrt_tensor *in = 0, *out = 0;
 *   twrt_tensor_new(TWRT_FLOAT32, shape, 2, &in);
 *   memcpy(twrt_tensor_dl(in)->data, pixels, sizeof pixels);
 *   twrt_run(model, (const twrt_tensor* const*)&in, 1, &out, 1);
 *
 * Functions return 0, or another number and a sentence in twrt_error(). All may be called from any thread; one model
 * may run on several threads at once. */
#ifndef TENSORWRIGHT_TWRT_H_
#define TENSORWRIGHT_TWRT_H_

#include <tensorwright/tw_abi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct twrt_model twrt_model;
typedef struct twrt_tensor twrt_tensor;

/* where = 0: the libraries beside libtwrt, or in the folder that TENSORWRIGHT_LIB names. Called by twrt_load if need
 * be. */
TW_EXPORT int TW_CALL twrt_start(const char* where);
/* of the last call on this thread that failed; valid until the next one */
TW_EXPORT const char* TW_CALL twrt_error(void);
TW_EXPORT int TW_CALL twrt_set_num_threads(int32_t n);

TW_EXPORT int TW_CALL twrt_load(const char* path, twrt_model** out);
TW_EXPORT void TW_CALL twrt_free(twrt_model* model);
/* names of the parameters and results; null past the last */
TW_EXPORT const char* TW_CALL twrt_input_name(const twrt_model* model, uint32_t k);
TW_EXPORT const char* TW_CALL twrt_output_name(const twrt_model* model, uint32_t k);
TW_EXPORT uint32_t TW_CALL twrt_input_count(const twrt_model* model);
TW_EXPORT uint32_t TW_CALL twrt_output_count(const twrt_model* model);
/* out[k] is owned by the caller; inputs are not changed unless the program writes into its inputs */
TW_EXPORT int TW_CALL twrt_run(twrt_model* model, twrt_tensor* const* inputs, uint32_t input_count,
                               twrt_tensor** outputs, uint32_t output_count);

/* a new tensor without values, on the CPU */
TW_EXPORT int TW_CALL twrt_tensor_new(tw_dtype dtype, const int64_t* shape, int32_t ndim, twrt_tensor** out);
/* a tensor over memory of the caller's, released by release(context) (may be null) */
TW_EXPORT int TW_CALL twrt_tensor_from(const tw_dl* view, void(TW_CALL* release)(void* context), void* context,
                                       twrt_tensor** out);
/* data, shape, strides in elements; the layout of DLPack's DLTensor; valid while the tensor lives */
TW_EXPORT const tw_dl* TW_CALL twrt_tensor_dl(const twrt_tensor* tensor);
TW_EXPORT void TW_CALL twrt_tensor_free(twrt_tensor* tensor);

/* the tensors of a safetensors file, by name */
typedef struct twrt_file twrt_file;
TW_EXPORT int TW_CALL twrt_file_open(const char* path, twrt_file** out);
TW_EXPORT uint32_t TW_CALL twrt_file_count(const twrt_file* file);
TW_EXPORT const char* TW_CALL twrt_file_name(const twrt_file* file, uint32_t k);
TW_EXPORT int TW_CALL twrt_file_tensor(const twrt_file* file, const char* name, twrt_tensor** out);
TW_EXPORT void TW_CALL twrt_file_close(twrt_file* file);
TW_EXPORT int TW_CALL twrt_file_write(const char* path, const char* const* names, twrt_tensor* const* tensors,
                                      uint32_t count);

#ifdef __cplusplus
}
#endif
#endif
