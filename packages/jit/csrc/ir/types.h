// Types of values, interned: equal types are one TypeId.
#pragma once

#include <tensorwright/tw.hpp>

#include <optional>
#include <string>
#include <vector>

#include "dims.h"

namespace tw::jit {

enum class TypeKind : uint8_t {
  kTensor,
  kInt,
  kFloat,
  kBool,
  kComplex,
  kNumber,  // one of the four before: which one, only a run knows
  kStr,
  kNone,
  kDtype,
  kDevice,
  kList,      // list<T>
  kTuple,     // tuple<T, U>
  kDict,      // dict<K, V>
  kOptional,  // optional<T>
  kToken,     // orders effects
  kObject,    // a Python object: capture level only
};

struct Type {
  TypeKind kind;
  // Of a tensor; what is absent is not known.
  std::optional<tw_dtype> dtype;
  std::optional<tw_device> device;
  std::optional<std::vector<Dim>> shape;
  std::vector<TypeId> items;  // of list, tuple, dict, optional
};

class Types {
 public:
  explicit Types(Dims& dims) : dims_(dims) {}
  TypeId intern(const Type& type);
  TypeId simple(TypeKind kind) { return intern({kind, {}, {}, {}, {}}); }
  TypeId list(TypeKind kind, std::vector<TypeId> items) { return intern({kind, {}, {}, {}, std::move(items)}); }
  TypeId tensor(std::optional<tw_dtype> dtype, std::optional<std::vector<Dim>> shape,
                std::optional<tw_device> device = std::nullopt) {
    return intern({TypeKind::kTensor, dtype, device, std::move(shape), {}});
  }
  const Type& operator[](TypeId id) const { return types_[id]; }

  // `tensor<float32, [2, s0 + 1], "meta">`; unknown parts are `?`, the device is left out where it is the CPU.
  std::string text(TypeId id) const;

 private:
  Dims& dims_;
  Interner<Type, TypeId> types_;
};

// `float32`, as in Python; throws TW_E_TYPE for a number that is no dtype.
const char* dtype_name(tw_dtype dtype);
std::optional<tw_dtype> dtype_named(std::string_view name);
// `cpu`, `meta`, or `device(<type>, <index>)` by DLPack's numbers.
std::string device_text(tw_device device);
std::optional<TypeKind> plain_type_named(std::string_view name);
std::optional<TypeKind> generic_type_named(std::string_view name);

}  // namespace tw::jit
