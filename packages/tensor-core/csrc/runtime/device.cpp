#include "runtime/device.h"

#include <atomic>
#include <charconv>
#include <string>

#include "runtime/error.h"

namespace tw {

namespace {

// Entries are written under the registry's lock before the count is published, and never change after that.
DeviceType types[kMaxBackends] = {
    {"cpu", TW_DEVICE_CPU, nullptr, "tensorwright"},
    {"meta", TW_DEVICE_META, nullptr, "tensorwright"},
};
std::atomic<uint32_t> type_count{2};

// dlpack.h, DLDeviceType: kDLCUDA, kDLVulkan, kDLMetal, kDLOneAPI, kDLMAIA.
constexpr struct {
  std::string_view name;
  int32_t dl_type;
} numbered[] = {{"cuda", 2}, {"vulkan", 7}, {"mps", 8}, {"xpu", 14}, {"maia", 17}};

int32_t number_of(std::string_view name) {
  const uint32_t backend = backend_by_name(name);
  if (backend != kNoBackend) return types[backend].dl_type;
  for (const auto& kind : numbered)
    if (kind.name == name) return kind.dl_type;
  return 0;
}

std::string known_names() {
  std::string names;
  for (uint32_t i = 0; i < device_count(); ++i) names += (i ? ", " : "") + std::string(types[i].name);
  return names;
}

tw_status count_of(const DeviceType& type, int32_t* n) {
  *n = 1;
  return type.iface ? type.iface->count(type.iface->self, n) : TW_OK;
}

}  // namespace

uint32_t device_count() { return type_count.load(std::memory_order_acquire); }
const DeviceType& device_type(uint32_t backend) { return types[backend]; }

uint32_t backend_by_name(std::string_view name) {
  for (uint32_t i = 0; i < device_count(); ++i)
    if (name == types[i].name) return i;
  return kNoBackend;
}

uint32_t backend_by_dl_type(int32_t dl_type) {
  for (uint32_t i = 0; i < device_count(); ++i)
    if (types[i].dl_type == dl_type) return i;
  return kNoBackend;
}

const char* device_type_name(int32_t dl_type) {
  const uint32_t backend = backend_by_dl_type(dl_type);
  if (backend != kNoBackend) return types[backend].name;
  for (const auto& kind : numbered)
    if (kind.dl_type == dl_type) return kind.name.data();
  return "unknown";
}

uint32_t add_device_type(const DeviceType& type) {
  const uint32_t backend = device_count();
  types[backend] = type;
  type_count.store(backend + 1, std::memory_order_release);
  return backend;
}

tw_status name_device(std::string_view spec, tw_device* out) {
  const size_t colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  int32_t index = 0;
  if (colon != std::string_view::npos) {
    const std::string_view digits = spec.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || index < 0)
      return set_error_text(TW_E_VALUE, "device '", spec,
                            "': expected a name such as 'cpu', or a name and an index such as 'cpu:0'");
  }
  const int32_t number = number_of(name);
  if (!number)
    return set_error_text(TW_E_VALUE, "device '", spec, "': there is no device type '", name,
                          "' (known: ", known_names(), ")");
  *out = {number, index};
  return backend_by_dl_type(number) == kNoBackend ? TW_OK : resolve_device(*out, nullptr);
}

tw_status parse_device(std::string_view spec, tw_device* out) {
  const tw_status status = name_device(spec, out);
  return status ? status : resolve_device(*out, nullptr);
}

tw_status resolve_device(tw_device device, uint32_t* backend) {
  const uint32_t found = backend_by_dl_type(device.type);
  if (found == kNoBackend)
    return set_error_text(TW_E_VALUE, "there is no device type '", device_type_name(device.type), "', DLPack's ",
                          device.type, " (known: ", known_names(), ")");
  int32_t n = 0;
  if (const tw_status status = count_of(types[found], &n)) return status;
  if (device.index < 0 || device.index >= n)
    return set_error_text(TW_E_VALUE, "device '", types[found].name, ":", device.index, "' does not exist: there ",
                          n == 1 ? "is " : "are ", n, " of that type");
  if (backend) *backend = found;
  return TW_OK;
}

}  // namespace tw
