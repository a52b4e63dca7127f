#include "node_object.h"

#include <map>
#include <mutex>

#include "hooks.h"
#include "text.h"

namespace tw::autograd {
namespace {

Node& node_in(void* payload) { return *static_cast<Node*>(payload); }

void TW_CALL destroy_node_payload(void* payload) { node_in(payload).release(); }

// ---- methods: objects that hold the node and are called -----------------------------------------------------

tw_status TW_CALL call_name(void* payload, const tw_value*, uint32_t, tw_value* result) {
  return guard([&] { give(result, std::string(node_in(payload).name())); });
}

tw_object* callable_argument(const tw_value* args, uint32_t nargs, const char* method) {
  if (nargs != 1 || args[0].tag != TW_OBJECT) throw Error(TW_E_TYPE, text(method, ": expected one callable"));
  return args[0].u.o;
}

template <std::shared_ptr<HookList> NodeExtras::* List>
tw_status TW_CALL call_register(void* payload, const tw_value* args, uint32_t nargs, tw_value* result) {
  return guard([&] {
    tw_object* hook = callable_argument(args, nargs, "register_hook");
    NodeExtras& extras = node_in(payload).make_extras();
    std::lock_guard<std::mutex> lock(extras.mutex);
    *result = to_value(HookList::add(extras.*List, hook));
  });
}

using CallFn = tw_status(TW_CALL*)(void*, const tw_value*, uint32_t, tw_value*);
constexpr tw_object_type method_type(const char* name, CallFn call) {
  return {sizeof(tw_object_type), 0, name, destroy_node_payload, call, nullptr, nullptr};
}
const tw_object_type kName = method_type("name", call_name);
const tw_object_type kRegisterHook = method_type("register_hook", call_register<&NodeExtras::hooks>);
const tw_object_type kRegisterPreHook = method_type("register_prehook", call_register<&NodeExtras::pre_hooks>);

ObjectRef new_object(const tw_object_type& type, Node& node) {
  tw_object* object = nullptr;
  node.retain();
  const tw_status status = g_host->object_new(&type, &node, &object);
  if (status != TW_OK) node.release();
  check(status);
  return ObjectRef::steal(object);
}

// ---- attributes -------------------------------------------------------------------------------------------

// ((node, slot), ...), (None, 0) where no gradient goes.
void give_next_functions(Node& node, tw_value* result) {
  Value list;
  check(g_host->list_new(TW_VALUES, node.edge_count(), &list));
  for (uint32_t i = 0; i < node.edge_count(); ++i) {
    tw_value* pair = static_cast<tw_value*>(list->u.p) + i;
    check(g_host->list_new(TW_VALUES, 2, pair));
    auto* items = static_cast<tw_value*>(pair->u.p);
    if (node.edge(i).node) items[0] = to_value(object_of_node(node.edge(i).node).release());
    items[1] = to_value(int64_t{node.edge(i).slot});
  }
  *result = list.release();
}

bool give_method(std::string_view name, Node& node, tw_value* result) {
  const tw_object_type* type = name == "name"               ? &kName
                               : name == "register_hook"    ? &kRegisterHook
                               : name == "register_prehook" ? &kRegisterPreHook
                                                            : nullptr;
  if (!type) return false;
  *result = to_value(new_object(*type, node).release());
  return true;
}

bool give_plain(std::string_view name, Node& node, tw_value* result) {
  if (name == "next_functions") return give_next_functions(node, result), true;
  if (name == "sequence_nr") return give(result, static_cast<int64_t>(node.sequence())), true;
  if (name == "id") return give(result, static_cast<int64_t>(reinterpret_cast<intptr_t>(&node))), true;
  if (name == "variable" && node.leaf()) return give(result, Tensor::retain(node.leaf())), true;
  if (name == "saved_tensors") return node.saved_value("tensors", result);
  if (name == "forward_trace") return give(result, node.extras() ? node.extras()->forward_trace : std::string()), true;
  constexpr std::string_view kSaved = "_saved_";
  return name.substr(0, kSaved.size()) == kSaved && node.saved_value(name.substr(kSaved.size()), result);
}

tw_status TW_CALL get_attribute(void* payload, const char* name, tw_value* result) {
  *result = value_none();
  return guard([&] {
    Node& node = node_in(payload);
    if (!give_plain(name, node, result) && !give_method(name, node, result))
      throw Error(TW_E_TYPE, text(node.name(), " has no attribute '", name, "'"));
  });
}

// One type for each node name, so that a node prints as <MulBackward>. Made once, kept for ever.
const tw_object_type& node_type(const char* name) {
  static std::mutex mutex;
  static auto* types = new std::map<std::string, tw_object_type>();
  std::lock_guard<std::mutex> lock(mutex);
  const auto [at, fresh] = types->try_emplace(name);
  if (fresh)
    at->second = {sizeof(tw_object_type), 0, at->first.c_str(), destroy_node_payload, nullptr, get_attribute, nullptr};
  return at->second;
}

}  // namespace

ObjectRef object_of_node(const NodeRef& node) { return new_object(node_type(node->name()), *node.get()); }

}  // namespace tw::autograd
