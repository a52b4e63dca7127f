/* An op library at three revisions, REVISION = 0, 1 and 2: what scale::scale(x, by) means changes with each.
 *   0  x * by
 *   1  by is in percent, unless percent=False
 *   2  and it is done twice, unless twice=False
 * scale::triple(x) is there at revision 0 only. Later ones say what the earlier meant. */
#include <tensorwright/tw_abi_jit.h>

#include <string.h>

static const tw_host* host;

static tw_status multiply(tw_tensor* x, double by, tw_tensor** out) {
  const tw_op* mul = 0;
  tw_value args[2], ret;
  tw_status status = host->op_find("tw::mul", 0, &mul);
  memset(args, 0, sizeof args);
  memset(&ret, 0, sizeof ret);
  args[0].tag = TW_TENSOR;
  args[0].u.t = x;
  args[1].tag = TW_FLOAT;
  args[1].u.f = by;
  if (status == TW_OK) status = host->call(mul, args, 2, &ret, 1);
  *out = status == TW_OK ? ret.u.t : 0;
  return status;
}

static tw_status TW_CALL scale(void* self, tw_call* call) {
  double by = call->args[1].u.f;
  tw_tensor* out = 0;
  tw_status status;
  (void)self;
  if (call->nargs > 2 && call->args[2].u.i) by /= 100;
  if (call->nargs > 3 && call->args[3].u.i) by *= by;
  status = multiply(call->args[0].u.t, by, &out);
  if (status != TW_OK) return status;
  call->rets[0].tag = TW_TENSOR;
  call->rets[0].u.t = out;
  return TW_OK;
}

#if REVISION == 0
static tw_status TW_CALL triple(void* self, tw_call* call) {
  tw_tensor* out = 0;
  tw_status status = multiply(call->args[0].u.t, 3, &out);
  (void)self;
  if (status != TW_OK) return status;
  call->rets[0].tag = TW_TENSOR;
  call->rets[0].u.t = out;
  return TW_OK;
}
#define SCHEMA "scale::scale(Tensor self, float by) -> Tensor"
#elif REVISION == 1
#define SCHEMA "scale::scale(Tensor self, float by, *, bool percent=True) -> Tensor"
#else
#define SCHEMA "scale::scale(Tensor self, float by, *, bool percent=True, bool twice=True) -> Tensor"
#endif

static const tw_op_def ops[] = {
    {sizeof(tw_op_def), REVISION, SCHEMA, "composite", 0, scale, 0},
#if REVISION == 0
    {sizeof(tw_op_def), 0, "scale::triple(Tensor self) -> Tensor", "composite", 0, triple, 0},
#endif
};

#if REVISION > 0
static const tw_upgrader_def upgraders[] = {
    {sizeof(tw_upgrader_def), 0, "scale::scale", 0, 0,
     "func @upgrade(%self: tensor<?, ?>, %by: float) {\n"
     "  %0: tensor<?, ?> = scale::scale(%self, %by, percent=False)\n"
     "  return(%0)\n"
     "}"},
    {sizeof(tw_upgrader_def), 0, "scale::triple", 0, 0,
     "func @upgrade(%self: tensor<?, ?>) {\n"
     "  %0: tensor<?, ?> = tw::mul(%self, 3)\n"
     "  return(%0)\n"
     "}"},
    {sizeof(tw_upgrader_def), 0, "scale::scale", 1, 0,
     "func @upgrade(%self: tensor<?, ?>, %by: float) {\n"
     "  %percent: bool = placeholder @percent(True)\n"
     "  %0: tensor<?, ?> = scale::scale(%self, %by, percent=%percent, twice=False)\n"
     "  return(%0)\n"
     "}"},
};
static const tw_ext_def exts[] = {
    {sizeof(tw_ext_def), 0, "tw.jit", 1, 0, &upgraders[0]},
    {sizeof(tw_ext_def), 0, "tw.jit", 1, 0, &upgraders[1]},
    {sizeof(tw_ext_def), 0, "tw.jit", 1, 0, &upgraders[2]},
};
#endif

TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* given, tw_plugin* out) {
  tw_plugin plugin;
  uint32_t n = out->size < sizeof plugin ? out->size : (uint32_t)sizeof plugin;
  memset(&plugin, 0, sizeof plugin);
  TW_PLUGIN_INIT(&plugin, out->size);
  host = given;
  plugin.name = "scale";
  plugin.version = "1";
  plugin.build = "test";
  plugin.ops = ops;
  plugin.nops = sizeof ops / sizeof ops[0];
#if REVISION > 0
  plugin.exts = exts;
  plugin.nexts = REVISION == 1 ? 2 : 3;
#endif
  memcpy(out, &plugin, n);
  return TW_OK;
}
