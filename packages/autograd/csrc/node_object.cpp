#include "node_object.h"

#include <cstring>
#include <map>
#include <mutex>

#include "hooks.h"
#include "saved.h"
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

// ---- saved tensors as they are kept -------------------------------------------------------------------------

struct RawSaved {
  NodeRef node;
  SavedValue* value;  // lives as long as the node
  uint32_t item;      // of a list
};

void TW_CALL destroy_raw_saved(void* payload) { delete static_cast<RawSaved*>(payload); }

tw_status TW_CALL call_set_hooks(void* payload, const tw_value* args, uint32_t nargs, tw_value* result) {
  *result = value_none();
  return guard([&] {
    if (nargs != 2 || args[0].tag != TW_OBJECT || args[1].tag != TW_OBJECT)
      throw Error(TW_E_TYPE, "register_hooks: expected two callables, pack and unpack");
    const auto& raw = *static_cast<RawSaved*>(payload);
    raw.value->set_hooks(*raw.node.get(), raw.item, {ObjectRef::retain(args[0].u.o), ObjectRef::retain(args[1].u.o)});
  });
}

const tw_object_type kSetHooksType = {sizeof(tw_object_type), 0,       "register_hooks", destroy_raw_saved,
                                      call_set_hooks,         nullptr, nullptr};

void give_raw(const tw_object_type& type, const RawSaved& raw, tw_value* result) {
  auto copy = std::make_unique<RawSaved>(raw);
  tw_object* object = nullptr;
  check(g_host->object_new(&type, copy.get(), &object));
  copy.release();
  *result = to_value(object);
}

tw_status TW_CALL get_of_raw_saved(void* payload, const char* name, tw_value* result) {
  *result = value_none();
  return guard([&] {
    if (std::strcmp(name, "register_hooks") != 0)
      throw Error(TW_E_TYPE, text("a saved tensor has no attribute '", name, "'"));
    give_raw(kSetHooksType, *static_cast<RawSaved*>(payload), result);
  });
}

const tw_object_type kRawSavedType = {sizeof(tw_object_type), 0,      "SavedTensor", destroy_raw_saved, nullptr,
                                      get_of_raw_saved,       nullptr};

void give_raw_list(Node& node, uint32_t count, tw_value* result, SavedValue* (*find)(Node& node, uint32_t i, void* ctx),
                   void* ctx) {
  Value list;
  check(g_host->list_new(TW_VALUES, count, &list));
  for (uint32_t i = 0; i < count; ++i)
    if (SavedValue* value = find(node, i, ctx))
      give_raw(kRawSavedType, {NodeRef::retain(&node), value, value->holds_tensors() ? i : 0},
               static_cast<tw_value*>(list->u.p) + i);
  *result = list.release();
}

bool give_raw_saved(std::string_view name, Node& node, tw_value* result) {
  if (name == "tensors" && node.saved_count() != 0) {
    const auto find = [](Node& owner, uint32_t i, void*) { return owner.find_saved(std::to_string(i)); };
    return give_raw_list(node, node.saved_count(), result, find, nullptr), true;
  }
  SavedValue* value = node.find_saved(name);
  if (!value) return false;
  if (value->holds_tensors()) {
    const auto find = [](Node&, uint32_t, void* ctx) { return static_cast<SavedValue*>(ctx); };
    return give_raw_list(node, value->value().aux, result, find, value), true;
  }
  return give_raw(kRawSavedType, {NodeRef::retain(&node), value, 0}, result), true;
}

// ---- metadata -----------------------------------------------------------------------------------------------

ObjectRef* metadata_factory = new ObjectRef();  // never destroyed: it holds a Python object at exit

// A dictionary of the user's, made when it is first asked for.
void give_metadata(Node& node, tw_value* result) {
  NodeExtras& extras = node.make_extras();
  const auto present = [&extras] {
    const std::lock_guard<std::mutex> lock(extras.mutex);
    return extras.metadata;
  };
  ObjectRef metadata = present();
  if (!metadata) {
    if (!*metadata_factory) throw Error(TW_E_UNSUPPORTED, "metadata needs the Python part of autograd");
    Value made;
    call_object(metadata_factory->get(), {}, made);
    const std::lock_guard<std::mutex> lock(extras.mutex);
    if (!extras.metadata) extras.metadata = ObjectRef::retain(made->u.o);
    metadata = extras.metadata;
  }
  *result = to_value(metadata.release());
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
  if (name == "metadata") return give_metadata(node, result), true;
  if (name == "forward_trace") return give(result, node.extras() ? node.extras()->forward_trace : std::string()), true;
  constexpr std::string_view kSaved = "_saved_", kRaw = "_raw_saved_";
  if (name.substr(0, kRaw.size()) == kRaw) return give_raw_saved(name.substr(kRaw.size()), node, result);
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

void set_metadata_factory(tw_object* factory) { *metadata_factory = ObjectRef::retain(factory); }

Node& node_of_object(const tw_object* object, const char* who) {
  if (object->type->get != get_attribute) throw Error(TW_E_TYPE, text(who, ": expected a node of the graph"));
  return node_in(object->payload);
}

ObjectRef object_of_node(const NodeRef& node) { return new_object(node_type(node->name()), *node.get()); }

}  // namespace tw::autograd
