/* A plugin that gets one thing wrong: the one that CASE names. Everything else in it is right, and it declares an op
 * first, so a test can see that nothing of a refused plugin stays. */
#include <string.h>
#include <tensorwright/tw_abi_device.h>

static tw_status TW_CALL nothing(void* self, tw_call* call) {
  (void)self, (void)call;
  return TW_OK;
}
static tw_status TW_CALL same(void* self, const tw_call* call, tw_meta* metas) {
  (void)self, (void)call, (void)metas;
  return TW_OK;
}

#define OP(schema) {sizeof(tw_op_def), 0, schema, 0, same, 0, 0}
#define KERNEL(op, where, fn, priority, flags) {sizeof(tw_kernel_def), 0, op, where, fn, 0, priority, flags}

static tw_op_def ops[] = {OP("hostile::first(Tensor self) -> Tensor"), OP("hostile::second(Tensor self) -> Tensor")};
static tw_kernel_def kernels[] = {KERNEL("hostile::first", "cpu", nothing, 0, 0),
                                  KERNEL("tw::add", "cpu", nothing, 7, 0)};
static tw_layer_def layers[] = {{sizeof(tw_layer_def), 0, "hostile.layer", 0, 0, 0}};
static tw_device_if iface = {.size = sizeof(tw_device_if)};
static tw_device_def devices[] = {{sizeof(tw_device_def), 0, "hostile_device", 2001, 0, &iface}};
static const int payload = 1;
static tw_ext_def exts[] = {{sizeof(tw_ext_def), 0, "hostile.interface", 1, 0, &payload}};

static void spoil(tw_plugin* p) {
  switch (CASE) {
    case 1:
      p->size = 0;
      break;
    case 2:
      p->size = 0xFFFFFFFFu;
      break;
    case 3:
      p->abi_min_minor = 0xFFFFFFFFu;
      break;
    case 4:
      p->abi_major = 0;
      break;
    case 5:
      p->name = 0;
      break;
    case 6:
      ops[1].size = 0;
      break;
    case 7:
      ops[1].size = 0xFFFFFF00u;
      break;
    case 8:
      ops[1].schema = 0;
      break;
    case 9:
      ops[1].schema = "hostile::second(Tensr self) -> Tensor";
      break;
    case 10:
      ops[1].schema = "hostile::first(Tensor self) -> Tensor";
      break;
    case 11:
      ops[1].schema = "tw::hostile(Tensor self) -> Tensor";
      break;
    case 12:
      ops[1].schema = "hostile::second(Tensor self) -> int";
      break;
    case 13:
      p->ops = 0;
      break;
    case 14:
      p->nops = 0x7FFFFFFFu;
      break;
    case 15:
      kernels[1].fn = 0;
      break;
    case 16:
      kernels[1].op = "tw::no_such_op";
      break;
    case 17:
      kernels[1].where = "no_such_device";
      break;
    case 18:
      kernels[1].priority = 0;
      break;
    case 19:
      kernels[1].flags = 0x8000u;
      break;
    case 20:
      kernels[1].revision = 99;
      break;
    case 21:
      kernels[1].size = 8;
      break;
    case 22:
      kernels[1].op = "*";
      break;
    case 23:
      layers[0].name = "two words";
      break;
    case 24:
      layers[0].after = "no.such.layer";
      break;
    case 25:
      devices[0].iface = 0;
      break;
    case 26:
      iface.size = 16;
      break;
    case 27:
      break; /* the device's functions are null */
    case 28:
      devices[0].name = "cpu";
      break;
    case 29:
      devices[0].dl_type = TW_DEVICE_CPU;
      break;
    case 30:
      exts[0].payload = 0;
      break;
    case 31:
      ops[1].schema = "hostile::second(Tensor self, Tensor self) -> Tensor";
      break;
    case 32:
      ops[1].schema = "hostile::second(Tensor self";
      break;
    case 33:
      layers[0].flags = 1;
      break;
    default:
      break;
  }
}

TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out);
TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out) {
  tw_plugin p;
  const uint32_t room = out->size < sizeof p ? out->size : (uint32_t)sizeof p;
  if (CASE == 40) return host->err_set(TW_E_UNSUPPORTED, "this machine has no such chip");
  if (CASE == 41) return TW_E_UNKNOWN;
  memset(&p, 0, sizeof p);
  TW_PLUGIN_INIT(&p, out->size);
  p.name = "hostile", p.version = "1.0", p.build = "test";
  p.ops = ops, p.nops = 2, p.kernels = kernels, p.nkernels = 2, p.layers = layers, p.nlayers = 1;
  if (CASE >= 25 && CASE <= 29) p.devices = devices, p.ndevices = 1;
  p.exts = exts, p.nexts = 1;
  spoil(&p);
  memcpy(out, &p, room);
  return TW_OK;
}
