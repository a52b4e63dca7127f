/* A complete plugin in plain C99, with nothing of tensorwright but its header: the device "toy", kernels for it, and
 * three ops of its own. Memory of the device holds every byte inverted, so whoever reads it as if it were the CPU's
 * gets nonsense: that is what the tests watch for. Copy this file to start a backend. */
#include <stdlib.h>
#include <string.h>
#include <tensorwright/tw_abi_device.h>

static const tw_host* host;
static int64_t calls;     /* of kernels on the device */
static int64_t allocated; /* bytes on the device now */

/* ---- the device ------------------------------------------------------------------------------------------------ */

static tw_status TW_CALL toy_count(void* self, int32_t* n) {
  (void)self;
  *n = 2;
  return TW_OK;
}

static tw_status TW_CALL toy_alloc(void* self, int32_t index, uint64_t nbytes, uint64_t align, tw_stream* stream,
                                   void** out) {
  (void)self, (void)index, (void)align, (void)stream;
  if (nbytes > (1u << 30)) return host->err_set(TW_E_NOMEM, "toy: the device has 1 GiB of memory");
  *out = malloc(nbytes ? (size_t)nbytes : 1);
  if (!*out) return host->err_set(TW_E_NOMEM, "toy: out of memory");
  allocated += (int64_t)nbytes;
  return TW_OK;
}

static tw_status TW_CALL toy_free(void* self, int32_t index, void* data, uint64_t nbytes, tw_stream* stream) {
  (void)self, (void)index, (void)stream;
  allocated -= (int64_t)nbytes;
  free(data);
  return TW_OK;
}

static int on_toy(const tw_dl* t) { return t->device.type != TW_DEVICE_CPU; }

/* One element; bytes are inverted when they change sides. */
static void copy_element(char* to, const char* from, int64_t size, int invert) {
  int64_t i;
  for (i = 0; i < size; ++i) to[i] = (char)(invert ? ~from[i] : from[i]);
}

static tw_status TW_CALL toy_copy(void* self, const tw_dl* dst, const tw_dl* src, tw_stream* stream, uint32_t flags) {
  const int64_t size = (dst->dtype.bits + 7) / 8;
  const int invert = on_toy(dst) != on_toy(src);
  int64_t index[TW_MAX_NDIM] = {0}, to = 0, from = 0;
  int32_t d;
  (void)self, (void)stream, (void)flags;
  for (d = 0; d < dst->ndim; ++d)
    if (dst->shape[d] == 0) return TW_OK;
  for (;;) {
    copy_element((char*)dst->data + to * size, (const char*)src->data + from * size, size, invert);
    for (d = dst->ndim - 1; d >= 0; --d) { /* the next index, and its offsets */
      to += dst->strides[d], from += src->strides[d];
      if (++index[d] < dst->shape[d]) break;
      to -= index[d] * dst->strides[d], from -= index[d] * src->strides[d];
      index[d] = 0;
    }
    if (d < 0) return TW_OK;
  }
}

static tw_status TW_CALL toy_sync(void* self, int32_t index) {
  (void)self, (void)index;
  return TW_OK;
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

static float load(const tw_tensor* t, int64_t i) {
  float x;
  copy_element((char*)&x, (const char*)t->dl.data + i * 4, 4, on_toy(&t->dl));
  return x;
}
static void store(tw_tensor* t, int64_t i, float x) {
  copy_element((char*)t->dl.data + i * 4, (const char*)&x, 4, on_toy(&t->dl));
}

static int is_dense_float(const tw_tensor* t) {
  return (t->flags & TW_F_CONTIGUOUS) && t->dl.dtype.code == TW_DT_FLOAT && t->dl.dtype.bits == 32;
}
static double number(const tw_value* v) { return v->tag == TW_FLOAT ? v->u.f : (double)v->u.i; }

/* tw::add(self, other, alpha) of tensors of one shape; other calls are declined. */
static tw_status TW_CALL add(void* self, tw_call* call) {
  const tw_value* args = call->args;
  tw_tensor* out = call->rets[0].u.t;
  const float alpha = (float)number(&args[2]);
  int64_t i;
  (void)self;
  if (args[0].tag != TW_TENSOR || args[1].tag != TW_TENSOR) return TW_DECLINE;
  if (!is_dense_float(args[0].u.t) || !is_dense_float(args[1].u.t) || !is_dense_float(out)) return TW_DECLINE;
  if (args[0].u.t->numel != out->numel || args[1].u.t->numel != out->numel) return TW_DECLINE;
  for (i = 0; i < out->numel; ++i) store(out, i, load(args[0].u.t, i) + alpha * load(args[1].u.t, i));
  ++calls;
  return TW_OK;
}

static void describe(const tw_tensor* t, tw_meta* meta) {
  meta->dtype = t->dl.dtype, meta->device = t->dl.device, meta->ndim = t->dl.ndim;
  memcpy(meta->shape, t->dl.shape, (size_t)t->dl.ndim * sizeof(int64_t));
}

/* toy::scale(Tensor self, *, float factor=2.0) -> Tensor, on both devices */
static tw_status TW_CALL scale_infer(void* self, const tw_call* call, tw_meta* metas) {
  (void)self;
  if (call->args[0].u.t->dl.dtype.code != TW_DT_FLOAT)
    return host->err_set(TW_E_TYPE, "toy::scale: self must be floating point");
  describe(call->args[0].u.t, &metas[0]);
  return TW_OK;
}
static tw_status TW_CALL scale(void* self, tw_call* call) {
  const float factor = (float)number(&call->args[1]);
  int64_t i;
  (void)self;
  if (!is_dense_float(call->args[0].u.t)) return TW_DECLINE;
  for (i = 0; i < call->rets[0].u.t->numel; ++i) store(call->rets[0].u.t, i, factor * load(call->args[0].u.t, i));
  calls += on_toy(&call->args[0].u.t->dl);
  return TW_OK;
}

/* toy::twice(Tensor self) -> Tensor: a composite, written over another op */
static tw_status TW_CALL twice(void* self, tw_call* call) {
  const tw_op* op;
  tw_value args[3];
  const tw_status status = host->op_find("tw::add", 0, &op);
  (void)self;
  if (status != TW_OK) return status;
  args[0] = args[1] = call->args[0];
  args[2].tag = TW_INT, args[2].aux = 0, args[2].u.i = 1;
  return host->call(op, args, 3, call->rets, 1);
}

/* toy::counters() -> int[]: kernel calls so far, bytes in use */
static tw_status TW_CALL counters(void* self, tw_call* call) {
  const tw_status status = host->list_new(TW_INTS, 2, &call->rets[0]);
  (void)self;
  if (status != TW_OK) return status;
  ((int64_t*)call->rets[0].u.p)[0] = calls, ((int64_t*)call->rets[0].u.p)[1] = allocated;
  return TW_OK;
}

/* ---- what the plugin declares ---------------------------------------------------------------------------------- */

static const tw_device_if toy_iface = {.size = sizeof(tw_device_if),
                                       .count = toy_count,
                                       .alloc = toy_alloc,
                                       .free = toy_free,
                                       .copy = toy_copy,
                                       .device_sync = toy_sync};
static const tw_device_def devices[] = {{sizeof(tw_device_def), 0, "toy", 1002, 0, &toy_iface}};
static const tw_op_def ops[] = {
    {sizeof(tw_op_def), 0, "toy::scale(Tensor self, *, float factor=2.0) -> Tensor", 0, scale_infer, 0, 0},
    {sizeof(tw_op_def), 0, "toy::twice(Tensor self) -> Tensor", 0, 0, twice, 0},
    {sizeof(tw_op_def), 0, "toy::counters() -> int[]", 0, 0, counters, 0},
};
static const tw_kernel_def kernels[] = {
    {sizeof(tw_kernel_def), 0, "tw::add", "toy", add, 0, 0, 0},
    {sizeof(tw_kernel_def), 0, "toy::scale", "toy", scale, 0, 0, 0},
    {sizeof(tw_kernel_def), 0, "toy::scale", "cpu", scale, 0, 0, 0},
};

TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* h, tw_plugin* out);
TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* h, tw_plugin* out) {
  tw_plugin p;
  const uint32_t room = out->size < sizeof p ? out->size : (uint32_t)sizeof p;
  if (out->size < TW_PLUGIN_SIZE_V1 || h->size < TW_HOST_SIZE_V1) return TW_E_ABI;
  memset(&p, 0, sizeof p);
  TW_PLUGIN_INIT(&p, out->size);
  p.name = "toy-device", p.version = "1.0", p.build = "C99";
  p.devices = devices, p.ndevices = 1;
  p.ops = ops, p.nops = 3;
  p.kernels = kernels, p.nkernels = 3;
  host = h;
  memcpy(out, &p, room);
  return TW_OK;
}
