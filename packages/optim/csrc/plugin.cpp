// The shared object's entry: an op for each update rule.
#include <vector>

#include "update.h"

namespace tw {
const tw_host* g_host = nullptr;
}  // namespace tw

namespace tw::optim {
namespace {

std::string name_of(const Update& update) {
  const std::string_view schema(update.schema);
  return std::string(schema.substr(0, schema.find('(')));
}

const std::vector<tw_op_def>& ops() {
  static const auto* all = [] {
    auto* list = new std::vector<tw_op_def>();
    for (uint32_t i = 0; i < kUpdateCount; ++i)
      list->push_back({sizeof(tw_op_def), 0, kUpdates[i].schema, nullptr, nullptr, nullptr, nullptr});
    return list;
  }();
  return *all;
}

// On the meta device the arguments are checked, and nothing else is there to be done.
const std::vector<tw_kernel_def>& kernels() {
  static const auto* all = [] {
    auto* names = new std::vector<std::string>();
    for (uint32_t i = 0; i < kUpdateCount; ++i) names->push_back(name_of(kUpdates[i]));
    auto* list = new std::vector<tw_kernel_def>();
    for (const char* where : {"cpu", "meta"})
      for (uint32_t i = 0; i < kUpdateCount; ++i)
        list->push_back({sizeof(tw_kernel_def), 0, (*names)[i].c_str(), where, run_update,
                         const_cast<Update*>(&kUpdates[i]), 0, 0});
    return list;
  }();
  return *all;
}

}  // namespace
}  // namespace tw::optim

extern "C" TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out) {
  using namespace tw::optim;
  tw::g_host = host;
  return tw::guard([&] {
    tw_plugin plugin{};
    TW_PLUGIN_INIT(&plugin, out->size);
    plugin.name = "tensorwright-optim";
    plugin.version = TW_OPTIM_VERSION;
    plugin.build = __VERSION__;
    plugin.ops = ops().data(), plugin.nops = static_cast<uint32_t>(ops().size());
    plugin.kernels = kernels().data(), plugin.nkernels = static_cast<uint32_t>(kernels().size());
    std::memcpy(out, &plugin, plugin.size);
  });
}
