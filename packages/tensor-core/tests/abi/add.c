/* Adds two tensors in a process without Python: ./add libtensorwright.so */
#include <dlfcn.h>
#include <stdio.h>
#include <tensorwright/tw_core.h>

int main(int argc, char** argv) {
  void* library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  tw_core_fn start;
  *(void**)&start = dlsym(library, "tw_core_1");
  const tw_core* core = start();
  const tw_host* host = core->host;
  const int64_t shape[1] = {3};
  const tw_dtype float32 = {TW_DT_FLOAT, 32, 1};
  const tw_device cpu = {TW_DEVICE_CPU, 0};
  tw_tensor* x = 0;
  if (core->set_num_threads(2) || host->empty(shape, 1, float32, cpu, &x)) return 2;
  for (int i = 0; i < 3; ++i) ((float*)x->dl.data)[i] = (float)i;
  const tw_op* add = 0;
  tw_value args[2] = {{TW_TENSOR, 0, {0}}, {TW_FLOAT, 0, {0}}}, result = {TW_NONE, 0, {0}};
  args[0].u.t = x, args[1].u.f = 0.5;
  if (host->op_find("tw::add", 0, &add) || host->call(add, args, 2, &result, 1)) return 3;
  for (int i = 0; i < 3; ++i) printf("%g ", ((float*)result.u.t->dl.data)[i]);
  const char* message = 0;
  if (host->call(add, args, 1, &result, 1) == TW_OK || host->err_message(&message)) return 4;
  printf("%s\n", message);
  host->release(x);
  return core->load_plugin("/does/not/exist") == TW_OK;
}
