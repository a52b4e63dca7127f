/* Gives tensors memory of its own: ./allocator libtensorwright.so */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <tensorwright/tw_core.h>

struct counts {
  long taken, given;
  uint64_t bytes;
};

static void* TW_CALL take(void* self, uint64_t bytes, uint64_t alignment) {
  struct counts* counts = self;
  counts->taken++, counts->bytes += bytes;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void TW_CALL give(void* self, void* data, uint64_t bytes) {
  struct counts* counts = self;
  counts->given++, counts->bytes -= bytes;
  free(data);
}

int main(int argc, char** argv) {
  void* library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  tw_core_fn start;
  *(void**)&start = dlsym(library, "tw_core_1");
  const tw_core* core = start();
  const tw_host* host = core->host;
  const int64_t shape[2] = {1000, 1000};
  const tw_dtype float32 = {TW_DT_FLOAT, 32, 1};
  const tw_device cpu = {TW_DEVICE_CPU, 0};
  struct counts counts = {0, 0, 0};
  const tw_allocator mine = {sizeof(tw_allocator), 0, &counts, take, give}, broken = {sizeof(tw_allocator), 0, 0, 0, 0};
  tw_tensor *before = 0, *within = 0;
  if (host->empty(shape, 2, float32, cpu, &before)) return 2;
  if (core->set_allocator(&mine) || host->empty(shape, 2, float32, cpu, &within)) return 3;
  printf("%ld taken, %lu bytes\n", counts.taken, (unsigned long)counts.bytes);
  if (core->set_allocator(0)) return 4;
  host->release(before);
  host->release(within);
  printf("%ld given, %lu bytes\n", counts.given, (unsigned long)counts.bytes);
  return core->set_allocator(&broken) == TW_OK;
}
