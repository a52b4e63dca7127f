#include "dispatch/plugin.h"

#include <dlfcn.h>

#include <mutex>

#include "dispatch/broker.h"
#include "dispatch/host.h"
#include "dispatch/plugin_records.h"
#include "dispatch/registry.h"
#include "runtime/error.h"

namespace tw {

namespace {

struct Loaded {
  PluginInfo info;
  tw_status (*on_exit)(void);
};
std::mutex loaded_mutex;
std::vector<Loaded>& loaded() {
  static auto* list = new std::vector<Loaded>;
  return *list;
}

// Room behind the struct, in case a plugin writes more than it was offered.
struct Offer {
  tw_plugin plugin;
  char slack[4096];
};

tw_status find_entry(const char* path, tw_plugin_entry_fn* entry) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return set_error_text(TW_E_ABI, "cannot load the plugin: ", dlerror());
  *entry = reinterpret_cast<tw_plugin_entry_fn>(dlsym(library, "tw_plugin_entry_1"));
  if (*entry) return TW_OK;
  return set_error_text(TW_E_ABI, path, ": not a tensorwright ABI-1 plugin (symbol tw_plugin_entry_1 missing)");
}

tw_status call_entry(const char* path, tw_plugin_entry_fn entry, tw_plugin* plugin) {
  clear_error();
  plugin->size = sizeof *plugin;
  tw_status status;
  try {
    status = entry(host_table(), plugin);
  } catch (...) {
    return set_error_text(TW_E_ABI, path, ": the plugin threw a C++ exception from its entry function");
  }
  if (status == TW_OK) return TW_OK;
  const std::string why = error_message();
  return set_error_text(TW_E_ABI, path, ": the plugin refused to load: ", why.empty() ? "(it gave no reason)" : why);
}

std::string describe(const tw_plugin& p, const char* path) {
  return text("plugin '", p.name, "' ", p.version, " (", path, ")");
}

tw_status negotiate(const char* path, const tw_plugin& p) {
  if (p.size < TW_PLUGIN_SIZE_V1 || p.size > sizeof p)
    return set_error_text(TW_E_ABI, path, ": the plugin's description has size ", p.size, ", expected ",
                          TW_PLUGIN_SIZE_V1, " to ", sizeof p, " bytes");
  if (!p.name || !*p.name || !p.version)
    return set_error_text(TW_E_ABI, path, ": the plugin gave no name or no version");
  if (p.abi_major == TW_ABI_MAJOR && p.abi_min_minor <= host_table()->minor) return TW_OK;
  const std::string need = text(p.abi_major, ".", p.abi_min_minor), have = text(TW_ABI_MAJOR, ".", host_table()->minor);
  return set_error_text(TW_E_ABI, describe(p, path), " needs tensorwright ABI ", need,
                        p.abi_major == TW_ABI_MAJOR ? " or newer" : "", "; this core provides ", have,
                        ". Fix: pip install -U tensorwright-tensor-core, or install an older '", p.name, "'.");
}

tw_status check_new(const tw_plugin& p, const char* path) {
  const std::lock_guard<std::mutex> lock(loaded_mutex);
  for (const Loaded& other : loaded())
    if (other.info.name == p.name)
      return set_error_text(TW_E_ABI, describe(p, path), ": a plugin of this name is already loaded from ",
                            other.info.path);
  return TW_OK;
}

tw_status finish(const tw_plugin& p, const StagedPlugin& staged, const char* path) {
  {
    const std::lock_guard<std::mutex> lock(loaded_mutex);
    loaded().push_back(
        {{p.name, p.version, p.build ? p.build : "", path, p.abi_built_minor, p.abi_min_minor}, p.on_exit});
  }
  if (p.on_loaded)
    if (const tw_status status = p.on_loaded(host_table())) return status;
  for (const tw_ext_def& ext : staged.exts)
    if (const tw_status status = broker_extend(ext, staged.provider)) return status;
  return TW_OK;
}

}  // namespace

tw_status load_plugin(const char* path) {
  return guard([&] {
    tw_plugin_entry_fn entry;
    check(find_entry(path, &entry));
    Offer offer{};
    check(call_entry(path, entry, &offer.plugin));
    const tw_plugin& plugin = offer.plugin;
    check(negotiate(path, plugin));
    check(check_new(plugin, path));
    StagedPlugin staged;
    staged.prefix = describe(plugin, path);
    staged.provider = (new std::string(staged.prefix))->c_str();  // kernel records name it for ever
    {
      const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
      check(validate_plugin(plugin, &staged));
      commit_plugin(staged);
    }
    check(finish(plugin, staged, path));
  });
}

std::vector<PluginInfo> loaded_plugins() {
  const std::lock_guard<std::mutex> lock(loaded_mutex);
  std::vector<PluginInfo> infos;
  for (const Loaded& plugin : loaded()) infos.push_back(plugin.info);
  return infos;
}

void run_exit_hooks() {
  std::vector<Loaded> plugins;
  {
    const std::lock_guard<std::mutex> lock(loaded_mutex);
    plugins = loaded();
    for (Loaded& plugin : loaded()) plugin.on_exit = nullptr;
  }
  for (auto plugin = plugins.rbegin(); plugin != plugins.rend(); ++plugin)
    if (plugin->on_exit) plugin->on_exit();
}

}  // namespace tw
