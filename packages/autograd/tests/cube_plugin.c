/* An op of another distribution, cube::cube(x) = x * x * x, that brings its derivative; and a call of the interface. */
#include <tensorwright/tw_abi_autograd.h>

#include <string.h>

static const tw_host* host;

static tw_status multiply(tw_tensor* a, tw_tensor* b, tw_tensor** out) {
  static const tw_op* mul;
  tw_value args[2], ret;
  tw_status status = mul ? TW_OK : host->op_find("tw::mul", 0, &mul);
  memset(args, 0, sizeof args);
  memset(&ret, 0, sizeof ret);
  args[0].tag = args[1].tag = TW_TENSOR;
  args[0].u.t = a;
  args[1].u.t = b;
  if (status == TW_OK) status = host->call(mul, args, 2, &ret, 1);
  *out = status == TW_OK ? ret.u.t : 0;
  return status;
}

static tw_status TW_CALL cube(void* self, tw_call* call) {
  tw_tensor *x = call->args[0].u.t, *square = 0, *result = 0;
  tw_status status = multiply(x, x, &square);
  (void)self;
  if (status == TW_OK) status = multiply(square, x, &result);
  if (square) host->release(square);
  if (status != TW_OK) return status;
  call->rets[0].tag = TW_TENSOR;
  call->rets[0].u.t = result;
  return TW_OK;
}

/* args: the result's gradient, the saved x */
static tw_status TW_CALL cube_vjp(void* self, tw_call* call) {
  static const tw_op* mul;
  tw_tensor *square = 0, *product = 0;
  tw_value args[2], ret;
  tw_status status = multiply(call->args[1].u.t, call->args[1].u.t, &square);
  (void)self;
  if (status == TW_OK) status = multiply(call->args[0].u.t, square, &product);
  if (square) host->release(square);
  if (status == TW_OK && !mul) status = host->op_find("tw::mul", 0, &mul);
  if (status == TW_OK) {
    memset(args, 0, sizeof args);
    memset(&ret, 0, sizeof ret);
    args[0].tag = TW_TENSOR;
    args[0].u.t = product;
    args[1].tag = TW_INT;
    args[1].u.i = 3;
    status = host->call(mul, args, 2, &ret, 1);
  }
  if (product) host->release(product);
  if (status == TW_OK) call->rets[0] = ret;
  return status;
}

/* cube::through_interface(x): backward of x through the table, then whether x has a gradient */
static tw_status TW_CALL through_interface(void* self, tw_call* call) {
  const void* table = 0;
  const tw_autograd_if* autograd;
  tw_tensor* grad = 0;
  int32_t needed = 0;
  tw_status status = host->query("tw.autograd", 1, 0, &table);
  (void)self;
  if (status != TW_OK) return status;
  autograd = (const tw_autograd_if*)table;
  status = autograd->requires_grad(call->args[0].u.t, &needed);
  if (status == TW_OK && needed) status = autograd->backward(&call->args[0].u.t, 0, 1, TW_BACKWARD_RETAIN_GRAPH);
  if (status == TW_OK) status = autograd->grad(call->args[0].u.t, &grad);
  call->rets[0].tag = TW_BOOL;
  call->rets[0].u.i = grad != 0;
  if (grad) host->release(grad);
  return status;
}

static const tw_op_def ops[] = {
    {sizeof(tw_op_def), 0, "cube::cube(Tensor self) -> Tensor", "", 0, 0, 0},
    {sizeof(tw_op_def), 0, "cube::through_interface(Tensor self) -> bool", "composite", 0, through_interface, 0},
};
static const tw_kernel_def kernels[] = {{sizeof(tw_kernel_def), 0, "cube::cube", "cpu", cube, 0, 0, 0}};
static const tw_vjp_def derivative = {sizeof(tw_vjp_def), 0, "cube::cube", 0, 0, 1, 0, 0, cube_vjp, 0};
static const tw_ext_def exts[] = {{sizeof(tw_ext_def), 0, "tw.autograd", 1, 0, &derivative}};

TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* given, tw_plugin* out) {
  tw_plugin plugin;
  uint32_t n = out->size < sizeof plugin ? out->size : (uint32_t)sizeof plugin;
  memset(&plugin, 0, sizeof plugin);
  TW_PLUGIN_INIT(&plugin, out->size);
  host = given;
  plugin.name = "cube";
  plugin.version = "1";
  plugin.ops = ops;
  plugin.nops = 2;
  plugin.kernels = kernels;
  plugin.nkernels = 1;
  plugin.exts = exts;
  plugin.nexts = 1;
  memcpy(out, &plugin, n);
  return TW_OK;
}
