// Every record of a plugin is looked at before any is registered.
#include <algorithm>
#include <cctype>
#include <memory>

#include "dispatch/plugin_records.h"
#include "dispatch/registry.h"
#include "dispatch/schema.h"
#include "runtime/error.h"

namespace tw {

namespace {

constexpr uint32_t kMostRecords = 65536;
constexpr uint32_t kMustUnderstand = 0xFFFFu;  // the half of every flags word that may not be ignored

struct Refusal {
  tw_status code;
  std::string message;
};

class Validator {
 public:
  Validator(const tw_plugin& plugin, StagedPlugin& staged) : plugin_(plugin), staged_(staged) {}

  void run() {
    check_lists();
    each<tw_layer_def>(plugin_.layers, plugin_.nlayers, TW_LAYER_DEF_SIZE_V1, "layer",
                       [&](const tw_layer_def& d) { layer(d); });
    each<tw_device_def>(plugin_.devices, plugin_.ndevices, TW_DEVICE_DEF_SIZE_V1, "device",
                        [&](const tw_device_def& d) { device(d); });
    each<tw_op_def>(plugin_.ops, plugin_.nops, TW_OP_DEF_SIZE_V1, "op", [&](const tw_op_def& d) { op(d); });
    each<tw_kernel_def>(plugin_.kernels, plugin_.nkernels, TW_KERNEL_DEF_SIZE_V1, "kernel",
                        [&](const tw_kernel_def& d) { kernel(d); });
    each<tw_ext_def>(plugin_.exts, plugin_.nexts, TW_EXT_DEF_SIZE_V1, "extension record",
                     [&](const tw_ext_def& d) { ext(d); });
  }

 private:
  template <class... P>
  [[noreturn]] void refuse(const P&... parts) const {
    throw Refusal{TW_E_ABI, text(staged_.prefix, ": ", parts...)};
  }

  void check_lists() const {
    const struct {
      const char* what;
      const void* list;
      uint32_t count;
    } lists[] = {{"ops", plugin_.ops, plugin_.nops},
                 {"kernels", plugin_.kernels, plugin_.nkernels},
                 {"layers", plugin_.layers, plugin_.nlayers},
                 {"devices", plugin_.devices, plugin_.ndevices},
                 {"exts", plugin_.exts, plugin_.nexts}};
    for (const auto& l : lists) {
      if (l.count && !l.list) refuse("says it has ", l.count, " ", l.what, ", but the pointer to them is null");
      if (l.count > kMostRecords)
        refuse("says it has ", l.count, " ", l.what, "; at most ", kMostRecords, " are accepted");
    }
  }

  // Records are walked by each one's own size, so that a plugin with longer ones loads here.
  template <class T, class F>
  void each(const T* list, uint32_t count, uint32_t smallest, const char* what, F&& f) {
    const char* at = reinterpret_cast<const char*>(list);
    for (uint32_t i = 0; i < count; ++i) {
      record_ = text(what, " #", i);
      T record;
      if (!read_sized(at, smallest, &record)) {
        uint32_t size;
        __builtin_memcpy(&size, at, sizeof size);
        refuse(record_, " has size ", size, ", expected ", smallest, " to ", kLargestRecord, " bytes");
      }
      f(record);
      at += record.size;
    }
  }

  void check_flags(uint32_t flags, uint32_t known) const {
    if (const uint32_t unknown = flags & kMustUnderstand & ~known)
      refuse(record_, " has flags ", unknown, ", which this core does not understand");
  }
  void check_name(const char* name, const char* what) const {
    if (!name || !*name) refuse(record_, " has no ", what);
    for (const char* c = name; *c; ++c)
      if (!std::isalnum(static_cast<unsigned char>(*c)) && *c != '_' && *c != '.' && *c != '-')
        refuse(record_, ": '", name, "' is not a name (letters, digits, '_', '.', '-')");
  }

  void layer(const tw_layer_def& def) {
    check_name(def.name, "name");
    check_flags(def.flags, 0);
    if (find_layer(def.name) != kNoSlot) refuse("layer '", def.name, "' is already registered");
    uint64_t taken = 0;
    for (const StagedLayer& other : staged_.layers) {
      if (std::string_view(other.record.name) == def.name) refuse("declares layer '", def.name, "' twice");
      taken |= uint64_t{1} << other.slot;
    }
    const uint32_t slot = choose_slot(def.name, def.after, def.before, taken);
    if (slot == kNoSlot)
      refuse("there is no place for layer '", def.name, "' after '", def.after ? def.after : "(any)", "' and before '",
             def.before ? def.before : "(any)", "'");
    staged_.layers.push_back({slot, {def.name, def.meta_destroy, staged_.provider}});
  }

  void device(const tw_device_def& def) {
    check_name(def.name, "name");
    check_flags(def.flags, 0);
    if (!def.iface) refuse("device '", def.name, "' has no interface table");
    tw_device_if iface;
    if (!read_sized(def.iface, TW_DEVICE_IF_SIZE_V1, &iface))
      refuse("device '", def.name, "': its interface table has size ", def.iface->size, ", expected at least ",
             TW_DEVICE_IF_SIZE_V1);
    if (!iface.count || !iface.alloc || !iface.free || !iface.copy || !iface.device_sync)
      refuse("device '", def.name, "': count, alloc, free, copy and device_sync must not be null");
    const auto clashes = [&](const DeviceType& other) {
      if (std::string_view(other.name) == def.name)
        refuse("device '", def.name, "' is already registered by ", other.provider);
      if (other.dl_type == def.dl_type)
        refuse("device '", def.name, "': its DLPack number ", def.dl_type, " is that of '", other.name, "'");
    };
    for (uint32_t i = 0; i < device_count(); ++i) clashes(device_type(i));
    for (const DeviceType& other : staged_.devices) clashes(other);
    if (device_count() + staged_.devices.size() >= kMaxBackends)
      refuse("there is no room for more than ", kMaxBackends, " device types");
    staged_.devices.push_back({def.name, def.dl_type, def.iface, staged_.provider});
  }

  void op(const tw_op_def& def) {
    if (!def.schema) refuse(record_, " has no schema");
    std::string error;
    OpSpec* spec = parse_schema(def.schema, &error);
    if (!spec) refuse(record_, ": ", error);
    const std::string_view name(spec->name);
    if (name.substr(0, 4) == "tw::" && std::string_view(plugin_.name).substr(0, 13) != "tensorwright-")
      refuse("op '", name, "': the namespace tw belongs to tensorwright's own packages");
    if (find_op_locked(name)) refuse("op '", name, "' is already registered");
    for (const OpSpec* other : staged_.ops)
      if (name == other->name) refuse("declares op '", name, "' twice");
    spec->tags = def.tags ? def.tags : "";
    spec->revision = def.revision;
    spec->infer = def.infer;
    spec->kernel = def.composite;
    spec->self = def.self;
    spec->flags = (def.infer ? kOpStructured : 0u) | (def.composite ? kOpComposite : 0u);
    for (uint32_t i = 0; def.infer && i < spec->nrets; ++i)
      if (spec->rets[i].type != RetType::kTensor)
        refuse("op '", name, "' has an infer function, so all its results must be tensors");
    staged_.ops.push_back(spec);
  }

  uint32_t layer_slot(const char* name) const {
    for (const StagedLayer& own : staged_.layers)
      if (std::string_view(own.record.name) == name) return own.slot;
    return find_layer(name);
  }
  uint32_t backend(const char* name) const {
    for (size_t i = 0; i < staged_.devices.size(); ++i)
      if (std::string_view(staged_.devices[i].name) == name) return device_count() + static_cast<uint32_t>(i);
    return backend_by_name(name);
  }
  const OpSpec* own_op(std::string_view name) const {
    for (const OpSpec* spec : staged_.ops)
      if (name == spec->name) return spec;
    return nullptr;
  }

  void kernel(const tw_kernel_def& def) {
    if (!def.op || !def.where) refuse(record_, " does not say which op it is for, or where");
    if (!def.fn) refuse("the kernel for '", def.op, "' on '", def.where, "' is a null function");
    check_flags(def.flags, TW_K_LAYER);
    StagedKernel k{nullptr, def.op, (def.flags & TW_K_LAYER) != 0, 0, nullptr};
    k.where = k.is_layer ? layer_slot(def.where) : backend(def.where);
    if (k.where == kNoSlot)
      refuse("the kernel for '", def.op, "' is for the ", k.is_layer ? "layer" : "device", " '", def.where,
             "', which is not registered");
    const bool fallback = k.op_name == "*";
    if (fallback && !k.is_layer) refuse("a kernel for all ops ('*') must be a layer's");
    if (!fallback) check_op(def, k);
    check_rivals(def, k, fallback);
    k.record = new KernelRecord{def.fn, def.self, def.priority, def.revision, staged_.provider, nullptr};
    staged_.kernels.push_back(k);
  }

  void check_op(const tw_kernel_def& def, StagedKernel& k) const {
    k.op = find_op_locked(k.op_name);
    const OpSpec* spec = k.op ? k.op->spec : own_op(k.op_name);
    if (!spec) refuse("has a kernel for the op '", def.op, "', which does not exist");
    if (def.revision > spec->revision)
      refuse("the kernel for '", def.op, "' is for revision ", def.revision, " of the op; here it has revision ",
             spec->revision);
  }

  void check_rivals(const tw_kernel_def& def, const StagedKernel& k, bool fallback) const {
    const char* other = nullptr;
    if (fallback) {
      if (const KernelRecord* r = layer_fallback(k.where)) other = r->provider;
    } else if (k.op) {
      const auto& slot = k.is_layer ? k.op->layer[k.where] : k.op->backend[k.where];
      const KernelRecord* r = rival(slot.load(), def.priority);
      if (r && r != layer_fallback_of(k)) other = r->provider;
    }
    for (const StagedKernel& own : staged_.kernels)
      if (own.op_name == k.op_name && own.is_layer == k.is_layer && own.where == k.where &&
          (fallback || own.record->priority == def.priority))
        other = staged_.provider;
    if (other)
      refuse("a kernel for '", def.op, "' on '", def.where, "' with priority ", def.priority,
             " is already registered by ", other, "; two of equal priority have no order");
  }
  const KernelRecord* layer_fallback_of(const StagedKernel& k) const {
    return k.is_layer ? layer_fallback(k.where) : nullptr;
  }

  void ext(const tw_ext_def& def) {
    if (!def.iface || !*def.iface) refuse(record_, " does not name an interface");
    if (!def.payload) refuse(record_, " for '", def.iface, "' has no payload");
    check_flags(def.flags, 0);
    staged_.exts.push_back(def);
  }

  const tw_plugin& plugin_;
  StagedPlugin& staged_;
  std::string record_;
};

}  // namespace

tw_status validate_plugin(const tw_plugin& plugin, StagedPlugin* staged) {
  try {
    Validator(plugin, *staged).run();
    return TW_OK;
  } catch (const Refusal& refusal) {
    return set_error(refusal.code, refusal.message);
  }
}

void commit_plugin(const StagedPlugin& staged) {
  for (const StagedLayer& layer : staged.layers) add_layer(layer.slot, layer.record);
  for (const DeviceType& device : staged.devices) add_cross_device_kernels(add_device_type(device));
  for (const OpSpec* spec : staged.ops) add_op(spec);
  for (const StagedKernel& k : staged.kernels) {
    if (k.op_name == "*") {
      add_layer_fallback(k.where, k.record);
      continue;
    }
    tw_op* op = k.op ? k.op : find_op_locked(k.op_name);
    if (k.is_layer)
      add_layer_kernel(op, k.where, k.record);
    else
      add_backend_kernel(op, k.where, k.record);
  }
}

}  // namespace tw
