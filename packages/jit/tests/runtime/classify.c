/* ./classify model.twa: runs the model on 0, 1, 2, ... and prints what it gives. */
#include <stdio.h>
#include <tensorwright/twrt.h>

static int fail(void) { return fprintf(stderr, "%s\n", twrt_error()), 1; }

int main(int argc, char** argv) {
  const int64_t shape[2] = {2, 3};
  const tw_dtype float32 = {TW_DT_FLOAT, 32, 1};
  twrt_model* model = 0;
  twrt_tensor *in = 0, *out = 0;
  if (argc != 2) return 2;
  if (twrt_load(argv[1], &model) || twrt_tensor_new(float32, shape, 2, &in)) return fail();
  for (int i = 0; i < 6; ++i) ((float*)twrt_tensor_dl(in)->data)[i] = (float)i;
  if (twrt_run(model, &in, 1, &out, 1)) return fail();
  printf("%s %s:", twrt_input_name(model, 0), twrt_output_name(model, 0));
  for (int i = 0; i < (int)twrt_tensor_dl(out)->shape[0]; ++i) printf(" %g", ((float*)twrt_tensor_dl(out)->data)[i]);
  printf("\n");
  twrt_tensor_free(in);
  twrt_tensor_free(out);
  twrt_free(model);
  return 0;
}
