#include "dispatch/broker.h"

#include <mutex>
#include <string>
#include <vector>

#include "runtime/error.h"

namespace tw {

namespace {

struct Interface {
  std::string name;
  uint32_t major, minor;
  const void* table;
};
struct Record {
  std::string iface;
  uint32_t major, min_minor;
  const void* payload;
  const char* provider;
};
struct Broker {
  std::mutex mutex;
  std::vector<Interface> interfaces;
  std::vector<Record> records;
};

Broker& broker() {
  static auto* instance = new Broker;
  return *instance;
}

const Interface* find(const Broker& b, std::string_view name, uint32_t major) {
  for (const Interface& i : b.interfaces)
    if (i.name == name && i.major == major) return &i;
  return nullptr;
}

tw_status hand_over(const Interface& to, const Record& record) {
  const auto* head = static_cast<const InterfaceHead*>(to.table);
  if (record.min_minor > to.minor)
    return set_error_text(TW_E_ABI, record.provider, ": its record for '", to.name, "' needs version ", to.major, ".",
                          record.min_minor, ", this is ", to.major, ".", to.minor);
  if (!TW_HAS(head, InterfaceHead, extend))
    return set_error_text(TW_E_ABI, record.provider, ": the interface '", to.name, "' takes no records");
  return head->extend(record.payload);
}

}  // namespace

tw_status broker_query(const char* name, uint32_t major, uint32_t min_minor, const void** table) {
  *table = nullptr;
  Broker& b = broker();
  const std::lock_guard<std::mutex> lock(b.mutex);
  const Interface* found = find(b, name, major);
  if (!found) return set_error_text(TW_E_ABI, "there is no interface '", name, "' of major version ", major);
  if (found->minor < min_minor)
    return set_error_text(TW_E_ABI, "the interface '", name, "' is version ", major, ".", found->minor, ", but ", major,
                          ".", min_minor, " or newer is needed");
  *table = found->table;
  return TW_OK;
}

tw_status broker_publish(const char* name, uint32_t major, uint32_t minor, const void* table) {
  if (!name || !*name || !table) return set_error(TW_E_VALUE, "publish: a name and a table are needed");
  if (static_cast<const InterfaceHead*>(table)->size < 2 * sizeof(uint32_t))
    return set_error_text(TW_E_ABI, "publish: the table of '", name, "' says it has ",
                          static_cast<const InterfaceHead*>(table)->size, " bytes");
  Broker& b = broker();
  std::vector<Record> waiting;
  const Interface published{name, major, minor, table};
  {
    const std::lock_guard<std::mutex> lock(b.mutex);
    if (find(b, name, major))
      return set_error_text(TW_E_ABI, "the interface '", name, "' ", major, " is already published");
    b.interfaces.push_back(published);
    for (const Record& r : b.records)
      if (r.iface == name && r.major == major) waiting.push_back(r);
  }
  for (const Record& r : waiting)  // outside the lock: `extend` may query
    if (const tw_status status = hand_over(published, r)) return status;
  return TW_OK;
}

tw_status broker_extend(const tw_ext_def& ext, const char* provider) {
  Broker& b = broker();
  const Record record{ext.iface, ext.major, ext.min_minor, ext.payload, provider};
  Interface to{};
  {
    const std::lock_guard<std::mutex> lock(b.mutex);
    b.records.push_back(record);
    if (const Interface* found = find(b, ext.iface, ext.major)) to = *found;
  }
  return to.table ? hand_over(to, record) : TW_OK;
}

}  // namespace tw
