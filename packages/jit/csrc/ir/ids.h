// Handles into a module: 32-bit indices, each kind a type of its own. An index is never given out twice, so a handle of
// something erased can be told from one of something new.
#pragma once

#include <cstdint>
#include <functional>

namespace tw::jit {

template <class Tag>
struct Id {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t index = kNone;

  Id() = default;
  explicit constexpr Id(uint32_t i) : index(i) {}
  explicit operator bool() const { return index != kNone; }
  friend bool operator==(Id a, Id b) { return a.index == b.index; }
  friend bool operator!=(Id a, Id b) { return a.index != b.index; }
  friend bool operator<(Id a, Id b) { return a.index < b.index; }
};

using NodeId = Id<struct NodeTag>;
using RegionId = Id<struct RegionTag>;
using FunctionId = Id<struct FunctionTag>;
using TypeId = Id<struct TypeTag>;
using ConstantId = Id<struct ConstantTag>;
using NameId = Id<struct NameTag>;
using LocationId = Id<struct LocationTag>;
using Dim = Id<struct DimTag>;

}  // namespace tw::jit

template <class Tag>
struct std::hash<tw::jit::Id<Tag>> {
  size_t operator()(tw::jit::Id<Tag> id) const noexcept { return id.index; }
};
