#include "registry.h"

#include <mutex>
#include <unordered_map>

namespace tw::jit {
namespace {

std::mutex mutex;

std::unordered_map<std::string, const RegistryOp*>& by_name() {
  static auto* map = new std::unordered_map<std::string, const RegistryOp*>();
  return *map;
}
std::unordered_map<const tw_op*, const RegistryOp*>& by_op() {
  static auto* map = new std::unordered_map<const tw_op*, const RegistryOp*>();
  return *map;
}

const RegistryOp* describe(const tw_op* op) {
  tw_op_info info{};
  info.size = sizeof info;
  check(g_host->op_info(op, &info));
  const auto tag = [&](const char* name) { return has_tag(info.tags, name); };
  return new RegistryOp{op,
                        info.name,
                        info.nargs,
                        info.nrets,
                        declared_arguments(info.schema),
                        tag("composite"),
                        tag("view"),
                        tag("random"),
                        tag("dynamic"),
                        tag("pointwise"),
                        tag("reduction"),
                        info.revision};
}

// Under the lock.
const RegistryOp* find(const tw_op* op) {
  const RegistryOp*& found = by_op()[op];
  if (!found) {
    found = describe(op);
    by_name()[found->name] = found;
  }
  return found;
}

}  // namespace

int RegistryOp::argument(std::string_view wanted) const {
  for (size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].name == wanted) return static_cast<int>(i);
  return -1;
}

void forget_error() {
  tw_error* error = nullptr;
  if (g_host->err_take(&error) == TW_OK) g_host->err_free(error);
}

const RegistryOp* registry_op(std::string_view name) {
  if (name.find("::") == std::string_view::npos) return nullptr;
  const std::string key(name);
  std::lock_guard<std::mutex> lock(mutex);
  if (const auto known = by_name().find(key); known != by_name().end()) return known->second;
  const tw_op* op = nullptr;
  if (g_host->op_find(key.c_str(), 0, &op) == TW_OK) return find(op);
  forget_error();
  return nullptr;
}

const RegistryOp& registry_op(const tw_op* op) {
  std::lock_guard<std::mutex> lock(mutex);
  return *find(op);
}

const Arg* given_argument(const Module& module, NodeId call, const RegistryOp& op, uint32_t k) {
  const Node& node = module[call];
  if (k < node.args.count) return &module.item(node.args, k);
  for (uint32_t i = 0; i + 1 < node.keywords.count; i += 2)
    if (module.constants[ConstantId(module.item(node.keywords, i).index)].text == op.arguments[k].name)
      return &module.item(node.keywords, i + 1);
  return nullptr;
}

}  // namespace tw::jit
