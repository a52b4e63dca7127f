#include "types.h"

namespace tw::jit {
namespace {

struct DtypeName {
  const char* name;
  tw_dtype dtype;
};
constexpr DtypeName kDtypes[] = {
    {"bool", kBool},
    {"uint8", kUInt8},
    {"uint16", kUInt16},
    {"uint32", kUInt32},
    {"uint64", kUInt64},
    {"int8", kInt8},
    {"int16", kInt16},
    {"int32", kInt32},
    {"int64", kInt64},
    {"float16", kFloat16},
    {"bfloat16", kBFloat16},
    {"float32", kFloat32},
    {"float64", kFloat64},
    {"complex64", kComplex64},
    {"complex128", kComplex128},
    {"float8_e4m3fn", kFloat8E4M3FN},
    {"float8_e5m2", kFloat8E5M2},
};

struct KindName {
  const char* name;
  TypeKind kind;
};
constexpr KindName kPlain[] = {
    {"int", TypeKind::kInt},         {"float", TypeKind::kFloat},   {"bool", TypeKind::kBool},
    {"complex", TypeKind::kComplex}, {"str", TypeKind::kStr},       {"none", TypeKind::kNone},
    {"dtype", TypeKind::kDtype},     {"device", TypeKind::kDevice}, {"token", TypeKind::kToken},
    {"object", TypeKind::kObject},   {"number", TypeKind::kNumber},
};
constexpr KindName kGeneric[] = {
    {"list", TypeKind::kList},
    {"tuple", TypeKind::kTuple},
    {"dict", TypeKind::kDict},
    {"optional", TypeKind::kOptional},
};

template <size_t N>
std::optional<TypeKind> kind_named(const KindName (&table)[N], std::string_view name) {
  for (const KindName& entry : table)
    if (name == entry.name) return entry.kind;
  return std::nullopt;
}

const char* kind_name(TypeKind kind) {
  for (const KindName& entry : kPlain)
    if (entry.kind == kind) return entry.name;
  for (const KindName& entry : kGeneric)
    if (entry.kind == kind) return entry.name;
  return "tensor";
}

}  // namespace

const char* dtype_name(tw_dtype dtype) {
  for (const DtypeName& entry : kDtypes)
    if (entry.dtype == dtype) return entry.name;
  throw Error(TW_E_TYPE,
              "no dtype has code " + std::to_string(dtype.code) + " and " + std::to_string(dtype.bits) + " bits");
}

std::optional<tw_dtype> dtype_named(std::string_view name) {
  for (const DtypeName& entry : kDtypes)
    if (name == entry.name) return entry.dtype;
  return std::nullopt;
}

std::string device_text(tw_device device) {
  if (device == tw_device{TW_DEVICE_CPU, 0}) return "cpu";
  if (device == tw_device{TW_DEVICE_META, 0}) return "meta";
  return "device(" + std::to_string(device.type) + ", " + std::to_string(device.index) + ")";
}

std::optional<TypeKind> plain_type_named(std::string_view name) { return kind_named(kPlain, name); }
std::optional<TypeKind> generic_type_named(std::string_view name) { return kind_named(kGeneric, name); }

TypeId Types::intern(const Type& type) {
  const tw_dtype dtype = type.dtype.value_or(tw_dtype{255, 0, 0});
  const tw_device device = type.device.value_or(tw_device{-1, 0});
  std::string key = key_of(type.kind, dtype, device, type.shape.has_value());
  if (type.shape)
    for (const Dim dim : *type.shape) key += key_of(dim);
  for (const TypeId item : type.items) key += key_of(item);
  return types_.intern(key, [&] { return type; });
}

std::string Types::text(TypeId id) const {
  const Type& type = types_[id];
  std::string written = kind_name(type.kind);
  if (type.kind == TypeKind::kTensor) {
    written += std::string("<") + (type.dtype ? dtype_name(*type.dtype) : "?") + ", ";
    if (type.shape) {
      written += '[';
      for (size_t i = 0; i < type.shape->size(); ++i) written += (i ? ", " : "") + dims_.text((*type.shape)[i]);
      written += ']';
    } else {
      written += '?';
    }
    if (!type.device)
      written += ", ?";
    else if (*type.device != tw_device{TW_DEVICE_CPU, 0})
      written += ", " + device_text(*type.device);
    return written + ">";
  }
  if (type.kind == TypeKind::kTuple || !type.items.empty()) {
    written += '<';
    for (size_t i = 0; i < type.items.size(); ++i) written += (i ? ", " : "") + text(type.items[i]);
    written += '>';
  }
  return written;
}

}  // namespace tw::jit
