// Loading native plugins: negotiate, validate everything, then commit everything. A plugin that is refused
// leaves nothing behind, and the error says what was wrong with which of its records.
#pragma once

#include <tensorwright/tw_abi.h>

#include <string>
#include <vector>

namespace tw {

// dlopens the library and registers what it declares. There is no unloading.
TW_EXPORT tw_status load_plugin(const char* path);

struct PluginInfo {
  std::string name, version, build, path;
  uint32_t built_minor, min_minor;
};
std::vector<PluginInfo> loaded_plugins();

// The plugins' on_exit functions, last loaded first; for the end of the interpreter. A second call does nothing.
TW_EXPORT void run_exit_hooks();

}  // namespace tw
