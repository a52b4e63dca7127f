#include "containers.h"

#include <cmath>
#include <cstring>

#include "../run/call.h"

namespace tw::jit {
namespace {

template <class T>
void TW_CALL destroy(void* payload) {
  delete static_cast<T*>(payload);
}

const tw_object_type kListType = {
    sizeof(tw_object_type), 0, "list of a graph", destroy<ListObject>, nullptr, nullptr, nullptr};
const tw_object_type kDictType = {
    sizeof(tw_object_type), 0, "dict of a graph", destroy<DictObject>, nullptr, nullptr, nullptr};

template <class T>
Shared object_of(const tw_object_type& type, T content) {
  auto payload = std::make_unique<T>(std::move(content));
  tw_object* object = nullptr;
  check(g_host->object_new(&type, payload.get(), &object));
  static_cast<void>(payload.release());
  return make(to_value(object));
}

template <class T>
T* content_of(const tw_object_type& type, const tw_value& value) {
  return value.tag == TW_OBJECT && value.u.o && value.u.o->type == &type ? static_cast<T*>(value.u.o->payload)
                                                                         : nullptr;
}

std::string number_key(double number) {
  if (number == 0) number = 0;  // -0.0 is the same key
  std::string text = "n";
  text.append(reinterpret_cast<const char*>(&number), sizeof number);
  return text;
}

void freeze_list(const std::vector<Shared>& items, tw_value* out) {
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(items.size()), out));
  for (size_t i = 0; i < items.size(); ++i) freeze_into(items[i]->get(), static_cast<tw_value*>(out->u.p) + i);
}

void freeze_dict(const DictObject& dict, tw_value* out) {
  std::vector<Shared> flat;
  for (const auto& [key, value] : dict.items) flat.push_back(key), flat.push_back(value);
  freeze_list(flat, out);
}

Shared thawed_dict(const Types& types, const Type& type, const std::vector<Shared>& flat) {
  DictObject dict;
  for (size_t i = 0; i + 1 < flat.size(); i += 2)
    put(dict, thawed(types, type.items[0], flat[i]), thawed(types, type.items[1], flat[i + 1]));
  return make_dict(std::move(dict));
}

}  // namespace

Shared make(tw_value value) {
  auto shared = std::make_shared<Value>();
  *&*shared = value;
  return shared;
}

Shared make_none() { return std::make_shared<Value>(); }

Shared make_string(std::string_view text) {
  auto value = std::make_shared<Value>();
  give(&*value, std::string(text));
  return value;
}

Shared make_values(const std::vector<Shared>& items) {
  auto value = std::make_shared<Value>();
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(items.size()), &*value));
  for (size_t i = 0; i < items.size(); ++i) retain_into(items[i]->get(), static_cast<tw_value*>((*value)->u.p) + i);
  return value;
}

Shared make_list(std::vector<Shared> items) { return object_of(kListType, ListObject{std::move(items)}); }
Shared make_dict(DictObject items) { return object_of(kDictType, std::move(items)); }

ListObject* list_in(const tw_value& value) { return content_of<ListObject>(kListType, value); }
DictObject* dict_in(const tw_value& value) { return content_of<DictObject>(kDictType, value); }

std::vector<Shared> items_of(const Shared& shared) {
  const tw_value& value = shared->get();
  if (const ListObject* list = list_in(value)) return list->items;
  std::vector<Shared> items;
  if (const DictObject* dict = dict_in(value)) {
    for (const auto& entry : dict->items) items.push_back(entry.first);
    return items;
  }
  for (uint32_t i = 0; i < value.aux; ++i) {
    switch (value.tag) {
      case TW_VALUES:
        items.push_back(make_none());
        retain_into(static_cast<const tw_value*>(value.u.p)[i], &*items.back());
        continue;
      case TW_TENSORS:
        items.push_back(make_none());
        give(&*items.back(), Tensor::retain(static_cast<tw_tensor**>(value.u.p)[i]));
        continue;
      case TW_INTS:
        items.push_back(make(to_value(static_cast<const int64_t*>(value.u.p)[i])));
        continue;
      case TW_FLOATS:
        items.push_back(make(to_value(static_cast<const double*>(value.u.p)[i])));
        continue;
      default:
        break;
    }
    break;
  }
  if (items.empty() && value.tag != TW_VALUES && value.tag != TW_TENSORS && value.tag != TW_INTS &&
      value.tag != TW_FLOATS)
    throw Error(TW_E_TYPE, "expected a list, a tuple or a dict");
  return items;
}

std::string key_text(const tw_value& key) {
  switch (key.tag) {
    case TW_NONE:
      return "0";
    case TW_BOOL:
    case TW_INT:
      if (key.u.i == static_cast<int64_t>(static_cast<double>(key.u.i)) && key.u.i < (int64_t{1} << 62) &&
          key.u.i > -(int64_t{1} << 62))
        return number_key(static_cast<double>(key.u.i));
      return "i" + std::to_string(key.u.i);
    case TW_FLOAT:
      return number_key(key.u.f);
    case TW_STR:
      return "s" + text_of(key);
    case TW_VALUES: {
      std::string text = "(";
      for (uint32_t i = 0; i < key.aux; ++i) {
        const std::string part = key_text(static_cast<const tw_value*>(key.u.p)[i]);
        text += std::to_string(part.size()) + ":" + part;
      }
      return text;
    }
    default:
      throw Error(TW_E_TYPE, "only numbers, strings and tuples of them can be keys of a dict");
  }
}

void put(DictObject& dict, const Shared& key, const Shared& value) {
  const auto [entry, added] = dict.places.emplace(key_text(key->get()), dict.items.size());
  if (added)
    dict.items.emplace_back(key, value);
  else
    dict.items[entry->second].second = value;
}

void drop(DictObject& dict, size_t place) {
  dict.places.erase(key_text(dict.items[place].first->get()));
  dict.items.erase(dict.items.begin() + static_cast<std::ptrdiff_t>(place));
  for (auto& entry : dict.places)
    if (entry.second > place) --entry.second;
}

Shared thawed(const Types& types, TypeId id, const Shared& value) {
  const Type& type = types[id];
  if (value->is_none() || type.items.empty()) return value;
  if (type.kind == TypeKind::kOptional) return thawed(types, type.items[0], value);
  if (type.kind != TypeKind::kList && type.kind != TypeKind::kDict && type.kind != TypeKind::kTuple) return value;
  std::vector<Shared> items = items_of(value);
  if (type.kind == TypeKind::kDict) return thawed_dict(types, type, items);
  const bool tuple = type.kind == TypeKind::kTuple;
  for (size_t i = 0; i < items.size(); ++i)
    if (!tuple || i < type.items.size()) items[i] = thawed(types, type.items[tuple ? i : 0], items[i]);
  return tuple ? make_values(items) : make_list(std::move(items));
}

void freeze_into(const tw_value& value, tw_value* out) {
  if (const ListObject* list = list_in(value)) return freeze_list(list->items, out);
  if (const DictObject* dict = dict_in(value)) return freeze_dict(*dict, out);
  if (value.tag != TW_VALUES) return retain_into(value, out);
  check(g_host->list_new(TW_VALUES, value.aux, out));
  for (uint32_t i = 0; i < value.aux; ++i)
    freeze_into(static_cast<const tw_value*>(value.u.p)[i], static_cast<tw_value*>(out->u.p) + i);
}

}  // namespace tw::jit
