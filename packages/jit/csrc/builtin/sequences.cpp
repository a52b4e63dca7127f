// Lists, tuples and dicts.
#include <algorithm>

#include "table.h"

namespace tw::jit {

int64_t checked_index(int64_t index, size_t size, const char* what) {
  const auto n = static_cast<int64_t>(size);
  if (index < -n || index >= n) throw Error(TW_E_INDEX, std::string(what) + " index out of range");
  return index < 0 ? index + n : index;
}

namespace {

ListObject& the_list(const Shared& value) {
  if (ListObject* list = list_in(value->get())) return *list;
  throw Error(TW_E_TYPE, "expected a list");
}
DictObject& the_dict(const Shared& value) {
  if (DictObject* dict = dict_in(value->get())) return *dict;
  throw Error(TW_E_TYPE, "expected a dict");
}
Shared same_kind(const Shared& like, std::vector<Shared> items) {
  return list_in(like->get()) ? make_list(std::move(items)) : make_values(items);
}

// ---- text by code points ----------------------------------------------------------------------------------------

std::vector<std::string> letters_of(const std::string& text) {
  std::vector<std::string> letters;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 || letters.empty()) letters.emplace_back();
    letters.back() += c;
  }
  return letters;
}

// ---- reading ----------------------------------------------------------------------------------------------------

Shared length(const Arguments& a) {
  const tw_value& v = a[0]->get();
  if (v.tag == TW_STR) return make_int(static_cast<int64_t>(letters_of(text_of(v)).size()));
  if (v.tag == TW_TENSOR) {
    if (TensorRef(v.u.t).ndim() == 0) throw Error(TW_E_TYPE, "len() of a 0-d tensor");
    return make_int(TensorRef(v.u.t).size(0));
  }
  if (const ListObject* list = list_in(v)) return make_int(static_cast<int64_t>(list->items.size()));
  return make_int(static_cast<int64_t>(items_of(a[0]).size()));
}

[[noreturn]] void no_key(const Shared& key) { raise_named("KeyError", repr_of(key)); }

Shared getitem(const Arguments& a) {
  const tw_value& v = a[0]->get();
  if (const DictObject* dict = dict_in(v)) {
    const auto found = dict->places.find(key_text(a[1]->get()));
    if (found == dict->places.end()) no_key(a[1]);
    return dict->items[found->second].second;
  }
  if (const ListObject* list = list_in(v))
    return list->items[static_cast<size_t>(checked_index(integer_of(a[1]), list->items.size(), "list"))];
  if (v.tag == TW_STR) {
    const std::vector<std::string> letters = letters_of(text_of(v));
    return make_string(letters[static_cast<size_t>(checked_index(integer_of(a[1]), letters.size(), "string"))]);
  }
  const std::vector<Shared> items = items_of(a[0]);
  return items[static_cast<size_t>(checked_index(integer_of(a[1]), items.size(), "tuple"))];
}

// The positions that a slice takes, as Python counts them.
std::vector<size_t> positions(const Arguments& a, size_t size) {
  const auto n = static_cast<int64_t>(size);
  const int64_t step = a[3]->is_none() ? 1 : integer_of(a[3]);
  if (step == 0) throw Error(TW_E_VALUE, "slice step cannot be zero");
  const auto bound = [&](const Shared& value, int64_t missing) {
    if (value->is_none()) return missing;
    int64_t place = integer_of(value);
    if (place < 0) place += n;
    return std::clamp(place, step < 0 ? int64_t{-1} : int64_t{0}, step < 0 ? n - 1 : n);
  };
  const int64_t start = bound(a[1], step < 0 ? n - 1 : 0), stop = bound(a[2], step < 0 ? -1 : n);
  std::vector<size_t> places;
  for (int64_t i = start; step < 0 ? i > stop : i < stop;) {
    places.push_back(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return places;
}

Shared slice(const Arguments& a) {
  if ((*a[0])->tag == TW_STR) {
    const std::vector<std::string> letters = letters_of(text_of(a[0]->get()));
    std::string text;
    for (const size_t place : positions(a, letters.size())) text += letters[place];
    return make_string(text);
  }
  const std::vector<Shared> items = items_of(a[0]);
  std::vector<Shared> part;
  for (const size_t place : positions(a, items.size())) part.push_back(items[place]);
  return same_kind(a[0], std::move(part));
}

Shared contains(const Arguments& a) {
  const tw_value& v = a[0]->get();
  if (const DictObject* dict = dict_in(v)) return make_bool(dict->places.count(key_text(a[1]->get())) != 0);
  if (v.tag == TW_STR) return make_bool(text_of(v).find(text_of(a[1]->get())) != std::string::npos);
  for (const Shared& item : items_of(a[0]))
    if (equal(item, a[1])) return make_bool(true);
  return make_bool(false);
}

Shared count(const Arguments& a) {
  if ((*a[0])->tag == TW_STR) {
    const std::string text = text_of(a[0]->get()), part = text_of(a[1]->get());
    if (part.empty()) return make_int(static_cast<int64_t>(letters_of(text).size()) + 1);
    int64_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
    return make_int(n);
  }
  int64_t n = 0;
  for (const Shared& item : items_of(a[0])) n += equal(item, a[1]);
  return make_int(n);
}

int64_t place_of(const Shared& from, const Shared& wanted, const char* refusal) {
  const std::vector<Shared> items = items_of(from);
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(items[i], wanted)) return static_cast<int64_t>(i);
  throw Error(TW_E_VALUE, refusal == nullptr ? repr_of(wanted) + " is not in list" : refusal);
}
Shared index(const Arguments& a) {
  return make_int(place_of(a[0], a[1], list_in(a[0]->get()) ? nullptr : "tuple.index(x): x not in tuple"));
}

// A new list of the items of anything that has some.
Shared to_list(const Arguments& a) {
  if (a.empty()) return make_list({});
  if ((*a[0])->tag != TW_STR) return make_list(items_of(a[0]));
  std::vector<Shared> letters;
  for (const std::string& letter : letters_of(text_of(a[0]->get()))) letters.push_back(make_string(letter));
  return make_list(std::move(letters));
}
Shared to_tuple(const Arguments& a) { return make_values(items_of(to_list(a))); }

// From keys and values in turn.
Shared new_dict(const Arguments& a) {
  DictObject dict;
  for (size_t i = 0; i + 1 < a.size(); i += 2) put(dict, a[i], a[i + 1]);
  return make_dict(std::move(dict));
}
// From a list of pairs.
Shared dict_of(const Arguments& a) {
  DictObject dict;
  for (const Shared& pair : items_of(a[0])) {
    const std::vector<Shared> entry = items_of(pair);
    if (entry.size() != 2) throw Error(TW_E_VALUE, "dict() takes pairs of key and value");
    put(dict, entry[0], entry[1]);
  }
  return make_dict(std::move(dict));
}

Shared copy(const Arguments& a) {
  if (const DictObject* dict = dict_in(a[0]->get())) return make_dict(*dict);
  return make_list(the_list(a[0]).items);
}

Shared keys(const Arguments& a) { return make_list(items_of(a[0])); }
Shared values(const Arguments& a) {
  std::vector<Shared> list;
  for (const auto& entry : the_dict(a[0]).items) list.push_back(entry.second);
  return make_list(std::move(list));
}
Shared items(const Arguments& a) {
  std::vector<Shared> list;
  for (const auto& [key, value] : the_dict(a[0]).items) list.push_back(make_values({key, value}));
  return make_list(std::move(list));
}
Shared get(const Arguments& a) {
  const DictObject& dict = the_dict(a[0]);
  const auto found = dict.places.find(key_text(a[1]->get()));
  if (found != dict.places.end()) return dict.items[found->second].second;
  return a.size() > 2 ? a[2] : make_none();
}

// The items of a sequence that is taken apart into `n` names.
Shared unpack(const Arguments& a) {
  const std::vector<Shared> items = items_of(to_list({a[0]}));
  const int64_t wanted = integer_of(a[1]), got = static_cast<int64_t>(items.size());
  if (got > wanted) throw Error(TW_E_VALUE, "too many values to unpack (expected " + std::to_string(wanted) + ")");
  if (got < wanted)
    throw Error(TW_E_VALUE, "not enough values to unpack (expected " + std::to_string(wanted) + ", got " +
                                std::to_string(got) + ")");
  return make_values(items);
}

// How many numbers range(start, stop, step) gives.
Shared range_length(const Arguments& a) {
  const int64_t start = integer_of(a[0]), stop = integer_of(a[1]), step = integer_of(a[2]);
  if (step == 0) throw Error(TW_E_VALUE, "range() arg 3 must not be zero");
  if (step > 0 ? start >= stop : start <= stop) return make_int(0);
  const uint64_t distance = step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start)
                                     : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  return make_int(static_cast<int64_t>((distance - 1) / stride + 1));
}

// ---- over all items ---------------------------------------------------------------------------------------------

Shared extreme(const Arguments& a, bool largest) {
  const std::vector<Shared> items = a.size() == 1 ? items_of(a[0]) : a;
  if (items.empty()) throw Error(TW_E_VALUE, std::string(largest ? "max" : "min") + "() arg is an empty sequence");
  Shared best = items[0];
  for (const Shared& item : items)
    if (largest ? less(best, item) : less(item, best)) best = item;
  return best;
}
Shared smallest(const Arguments& a) { return extreme(a, false); }
Shared largest(const Arguments& a) { return extreme(a, true); }

Shared any(const Arguments& a) {
  for (const Shared& item : items_of(a[0]))
    if (truth(item->get())) return make_bool(true);
  return make_bool(false);
}
Shared all(const Arguments& a) {
  for (const Shared& item : items_of(a[0]))
    if (!truth(item->get())) return make_bool(false);
  return make_bool(true);
}

void sort_items(std::vector<Shared>& items, bool descending) {
  if (descending)
    std::stable_sort(items.begin(), items.end(), [](const Shared& x, const Shared& y) { return less(y, x); });
  else
    std::stable_sort(items.begin(), items.end(), less);
}
Shared sorted(const Arguments& a) {
  std::vector<Shared> items = items_of(to_list({a[0]}));
  sort_items(items, a.size() > 1 && truth(a[1]->get()));
  return make_list(std::move(items));
}
Shared reversed(const Arguments& a) {
  std::vector<Shared> items = items_of(to_list({a[0]}));
  std::reverse(items.begin(), items.end());
  return make_list(std::move(items));
}

// ---- changing ---------------------------------------------------------------------------------------------------

Shared setitem(const Arguments& a) {
  if (DictObject* dict = dict_in(a[0]->get())) return put(*dict, a[1], a[2]), make_none();
  std::vector<Shared>& items = the_list(a[0]).items;
  if (!is_integer(a[1]->get())) throw Error(TW_E_TYPE, "list indices must be integers");
  const auto n = static_cast<int64_t>(items.size());
  const int64_t place = integer_of(a[1]);
  if (place < -n || place >= n) throw Error(TW_E_INDEX, "list assignment index out of range");
  items[static_cast<size_t>(place < 0 ? place + n : place)] = a[2];
  return make_none();
}

Shared delitem(const Arguments& a) {
  if (DictObject* dict = dict_in(a[0]->get())) {
    const auto found = dict->places.find(key_text(a[1]->get()));
    if (found == dict->places.end()) no_key(a[1]);
    return drop(*dict, found->second), make_none();
  }
  std::vector<Shared>& items = the_list(a[0]).items;
  items.erase(items.begin() + checked_index(integer_of(a[1]), items.size(), "list assignment"));
  return make_none();
}

Shared append(const Arguments& a) { return the_list(a[0]).items.push_back(a[1]), make_none(); }

Shared extend(const Arguments& a) {
  const std::vector<Shared> more = items_of(to_list({a[1]}));
  std::vector<Shared>& items = the_list(a[0]).items;
  items.insert(items.end(), more.begin(), more.end());
  return make_none();
}

Shared insert(const Arguments& a) {
  std::vector<Shared>& items = the_list(a[0]).items;
  const auto n = static_cast<int64_t>(items.size());
  int64_t place = integer_of(a[1]);
  if (place < 0) place += n;
  items.insert(items.begin() + std::clamp(place, int64_t{0}, n), a[2]);
  return make_none();
}

Shared pop_key(DictObject& dict, const Arguments& a) {
  const auto found = dict.places.find(key_text(a[1]->get()));
  if (found == dict.places.end()) {
    if (a.size() < 3) no_key(a[1]);
    return a[2];
  }
  const Shared value = dict.items[found->second].second;
  drop(dict, found->second);
  return value;
}

Shared pop(const Arguments& a) {
  if (DictObject* dict = dict_in(a[0]->get())) return pop_key(*dict, a);
  std::vector<Shared>& items = the_list(a[0]).items;
  if (items.empty()) throw Error(TW_E_INDEX, "pop from empty list");
  const int64_t place = checked_index(a.size() > 1 ? integer_of(a[1]) : -1, items.size(), "pop");
  const Shared value = items[static_cast<size_t>(place)];
  items.erase(items.begin() + place);
  return value;
}

Shared remove(const Arguments& a) {
  const int64_t place = place_of(a[0], a[1], "list.remove(x): x not in list");
  std::vector<Shared>& items = the_list(a[0]).items;
  items.erase(items.begin() + place);
  return make_none();
}

Shared clear(const Arguments& a) {
  if (DictObject* dict = dict_in(a[0]->get()))
    dict->items.clear(), dict->places.clear();
  else
    the_list(a[0]).items.clear();
  return make_none();
}
Shared reverse(const Arguments& a) {
  std::reverse(the_list(a[0]).items.begin(), the_list(a[0]).items.end());
  return make_none();
}
Shared sort(const Arguments& a) {
  std::vector<Shared> items = the_list(a[0]).items;
  sort_items(items, a.size() > 1 && truth(a[1]->get()));
  the_list(a[0]).items = std::move(items);
  return make_none();
}
Shared update(const Arguments& a) {
  const DictObject more = the_dict(a[1]);
  for (const auto& [key, value] : more.items) put(the_dict(a[0]), key, value);
  return make_none();
}
Shared setdefault(const Arguments& a) {
  DictObject& dict = the_dict(a[0]);
  if (dict.places.count(key_text(a[1]->get())) == 0) put(dict, a[1], a[2]);
  return getitem(a);
}

}  // namespace

const Builtin kContainerBuiltins[] = {
    {"len", 1, 1, false, length},
    {"unpack", 2, 2, false, unpack},
    {"range_length", 3, 3, false, range_length},
    {"getitem", 2, 2, false, getitem},
    {"slice", 4, 4, false, slice},
    {"contains", 2, 2, false, contains},
    {"count", 2, 2, false, count},
    {"index", 2, 2, false, index},
    {"list", 0, 1, false, to_list},
    {"tuple", 1, 1, false, to_tuple},
    {"dict", 0, -1, false, new_dict},
    {"dict.of", 1, 1, false, dict_of},
    {"copy", 1, 1, false, copy},
    {"keys", 1, 1, false, keys},
    {"values", 1, 1, false, values},
    {"items", 1, 1, false, items},
    {"get", 2, 3, false, get},
    {"min", 1, -1, false, smallest},
    {"max", 1, -1, false, largest},
    {"any", 1, 1, false, any},
    {"all", 1, 1, false, all},
    {"sorted", 1, 2, false, sorted},
    {"reversed", 1, 1, false, reversed},
    {"setitem", 3, 3, true, setitem},
    {"delitem", 2, 2, true, delitem},
    {"append", 2, 2, true, append},
    {"extend", 2, 2, true, extend},
    {"insert", 3, 3, true, insert},
    {"pop", 1, 3, true, pop},
    {"remove", 2, 2, true, remove},
    {"clear", 1, 1, true, clear},
    {"reverse", 1, 1, true, reverse},
    {"sort", 1, 2, true, sort},
    {"update", 2, 2, true, update},
    {"setdefault", 3, 3, true, setdefault},
    {},
};

const Builtin* builtin(std::string_view name) {
  static const auto* by_name = [] {
    auto* map = new std::unordered_map<std::string_view, const Builtin*>();
    for (const Builtin* table :
         {kNumberBuiltins, kMathBuiltins, kContainerBuiltins, kTextBuiltins, kTensorBuiltins, kModeBuiltins})
      for (const Builtin* row = table; !row->name.empty(); ++row) map->emplace(row->name, row);
    return map;
  }();
  const auto found = by_name->find(name);
  return found == by_name->end() ? nullptr : found->second;
}

}  // namespace tw::jit
