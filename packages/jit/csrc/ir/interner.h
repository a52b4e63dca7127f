// Equal things get one index: comparing them is comparing indices.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ids.h"

namespace tw::jit {

// Values of type T by a key that says everything about them.
template <class T, class IdOf>
class Interner {
 public:
  template <class Make>
  IdOf intern(std::string_view key, Make&& make) {
    if (auto found = ids_.find(key); found != ids_.end()) return found->second;
    const IdOf id(static_cast<uint32_t>(items_.size()));
    items_.push_back(make());
    keys_.emplace_back(key);
    ids_.emplace(keys_.back(), id);
    return id;
  }
  const T& operator[](IdOf id) const { return items_[id.index]; }
  uint32_t size() const { return static_cast<uint32_t>(items_.size()); }

 private:
  std::deque<T> items_;
  std::deque<std::string> keys_;  // a deque never moves them: the map looks into it
  std::unordered_map<std::string_view, IdOf> ids_;
};

class Names {
 public:
  NameId operator()(std::string_view text) {
    return names_.intern(text, [&] { return std::string(text); });
  }
  const std::string& operator[](NameId id) const { return names_[id]; }

 private:
  Interner<std::string, NameId> names_;
};

// A key of plain bytes.
template <class... T>
std::string key_of(const T&... parts) {
  std::string key;
  (key.append(reinterpret_cast<const char*>(&parts), sizeof parts), ...);
  return key;
}

}  // namespace tw::jit
