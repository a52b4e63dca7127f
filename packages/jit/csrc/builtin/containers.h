// Lists and dicts that a run of the graph changes: objects with an identity, as Python's own. They live as long as
// something of that run holds them; at the ends of a run they are copied from and to plain values.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "../ir/program.h"

namespace tw::jit {

// An owned value that several places hold.
using Shared = std::shared_ptr<Value>;

struct ListObject {
  std::vector<Shared> items;
};

struct DictObject {
  std::vector<std::pair<Shared, Shared>> items;  // in the order of insertion
  std::unordered_map<std::string, size_t> places;
};

Shared make(tw_value value);  // takes it over
Shared make_none();
Shared make_string(std::string_view text);
Shared make_values(const std::vector<Shared>& items);
Shared make_list(std::vector<Shared> items);
Shared make_dict(DictObject items);

// Null for values of another kind.
ListObject* list_in(const tw_value& value);
DictObject* dict_in(const tw_value& value);

// The items of a list, a tuple or any other sequence; throws TW_E_TYPE for what has none.
std::vector<Shared> items_of(const Shared& value);

// Equal keys have equal text. Throws TW_E_TYPE for what cannot be a key.
std::string key_text(const tw_value& key);
void put(DictObject& dict, const Shared& key, const Shared& value);
void drop(DictObject& dict, size_t place);

// What comes into a run: where the type says list or dict, the value becomes one that can be changed.
Shared thawed(const Types& types, TypeId type, const Shared& value);
// What leaves a run: lists are plain values, dicts lists in which keys and values alternate.
void freeze_into(const tw_value& value, tw_value* out);

}  // namespace tw::jit
