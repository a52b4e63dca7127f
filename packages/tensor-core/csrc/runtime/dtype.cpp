#include "runtime/dtype.h"

#include <algorithm>
#include <atomic>

#include "runtime/text.h"

namespace tw {

namespace detail {
// Columns: 1 2 4 8 16 32 64 128 bits.
const int8_t kDtypeIndex[kDtypeCodes][8] = {
    {-1, -1, -1, 5, 6, 7, 8, -1},      // int
    {-1, -1, -1, 1, 2, 3, 4, -1},      // uint
    {-1, -1, -1, -1, 11, 13, 14, -1},  // float
    {-1, -1, -1, -1, -1, -1, -1, -1},  // handles
    {-1, -1, -1, -1, 12, -1, -1, -1},  // bfloat
    {-1, -1, -1, -1, -1, -1, 15, 16},  // complex
    {-1, -1, -1, 0, -1, -1, -1, -1},   // bool
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e3m4
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e4m3
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e4m3b11fnuz
    {-1, -1, -1, 9, -1, -1, -1, -1},   // float8_e4m3fn
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e4m3fnuz
    {-1, -1, -1, 10, -1, -1, -1, -1},  // float8_e5m2
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e5m2fnuz
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float8_e8m0fnu
    {-1, -1, -1, -1, -1, -1, -1, -1},  // float6_e2m3fn
};
}  // namespace detail

namespace {

struct DtypeEntry {
  tw_dtype dtype;
  const char* name;
};
const DtypeEntry kTable[kDtypes] = {
    {kBool, "bool"},
    {kUInt8, "uint8"},
    {kUInt16, "uint16"},
    {kUInt32, "uint32"},
    {kUInt64, "uint64"},
    {kInt8, "int8"},
    {kInt16, "int16"},
    {kInt32, "int32"},
    {kInt64, "int64"},
    {kFloat8E4M3FN, "float8_e4m3fn"},
    {kFloat8E5M2, "float8_e5m2"},
    {kFloat16, "float16"},
    {kBFloat16, "bfloat16"},
    {kFloat32, "float32"},
    {kFloat64, "float64"},
    {kComplex64, "complex64"},
    {kComplex128, "complex128"},
};

std::atomic<DtypeId> default_float{DtypeId::kFloat32};

enum Kind : int8_t { kKindBool, kKindInt, kKindFloat, kKindComplex };
Kind kind_of(DtypeId id) {
  if (id == DtypeId::kBool) return kKindBool;
  if (id <= DtypeId::kInt64) return kKindInt;
  return id <= DtypeId::kFloat64 ? kKindFloat : kKindComplex;
}

DtypeId complex_of(DtypeId floating) {
  return floating == DtypeId::kFloat64 ? DtypeId::kComplex128 : DtypeId::kComplex64;
}

// The narrowest type with the values of both. Of uint64 and a signed type there is none: they meet in float64.
DtypeId promote_integers(DtypeId a, DtypeId b) {
  if (a > DtypeId::kUInt64 || b <= DtypeId::kUInt64) return b;  // both signed, or both unsigned
  if (a == DtypeId::kUInt64) return DtypeId::kFloat64;
  constexpr int kNext = static_cast<int>(DtypeId::kInt16) - static_cast<int>(DtypeId::kUInt8);
  return std::max(b, static_cast<DtypeId>(static_cast<int>(a) + kNext));  // uint8 needs int16 and so on
}

// Both of the same kind, or a < b in kind.
DtypeId promote_ids(DtypeId a, DtypeId b) {
  if (a == b) return a;
  if (a > b) return promote_ids(b, a);
  const Kind ka = kind_of(a), kb = kind_of(b);
  if (ka == kKindFloat && kb == kKindComplex) return promote_ids(complex_of(a), b);
  if (ka != kb) return b;
  if (ka == kKindInt) return promote_integers(a, b);
  if (ka == kKindFloat && dtype_of(a).bits == dtype_of(b).bits)  // of each the other lacks something
    return is_float8(dtype_of(a)) ? DtypeId::kFloat16 : DtypeId::kFloat32;
  return b;  // the wider one of a kind
}

}  // namespace

tw_dtype dtype_of(DtypeId id) { return kTable[static_cast<int>(id)].dtype; }

const char* dtype_name(tw_dtype d) { return is_known(d) ? kTable[dtype_index(d)].name : "an unknown dtype"; }

bool dtype_by_name(std::string_view name, tw_dtype* out) {
  for (const DtypeEntry& entry : kTable) {
    if (name == entry.name) {
      *out = entry.dtype;
      return true;
    }
  }
  return false;
}

tw_dtype default_dtype() { return dtype_of(default_float.load(std::memory_order_relaxed)); }

void set_default_dtype(tw_dtype d) {
  if (!is_known(d) || !is_floating(d) || is_float8(d))
    throw fail(TW_E_TYPE, "set_default_dtype: expected a floating-point dtype, got ", d);
  default_float.store(dtype_id(d), std::memory_order_relaxed);
}

tw_dtype default_complex_dtype() { return dtype_of(complex_of(dtype_id(default_dtype()))); }

tw_dtype promote_types(tw_dtype a, tw_dtype b) { return dtype_of(promote_ids(dtype_id(a), dtype_id(b))); }

void Promotion::add_scalar(const tw_value& scalar) {
  int8_t kind = kKindInt;
  if (scalar.tag == TW_BOOL)
    kind = kKindBool;
  else if (scalar.tag == TW_FLOAT)
    kind = kKindFloat;
  else if (scalar.tag == TW_COMPLEX)
    kind = kKindComplex;
  if (kind > scalar_kind_) scalar_kind_ = kind;
}

tw_dtype Promotion::result() const {
  if (scalar_kind_ < 0 || (has_tensor_ && scalar_kind_ <= kind_of(dtype_id(tensor_)))) return tensor_;
  switch (scalar_kind_) {
    case kKindBool:
      return kBool;
    case kKindInt:
      return kInt64;
    case kKindFloat:
      return default_dtype();
    default:
      return has_tensor_ && is_floating(tensor_) ? dtype_of(complex_of(dtype_id(tensor_))) : default_complex_dtype();
  }
}

tw_dtype to_float_type(tw_dtype d) { return is_floating(d) || is_complex(d) ? d : default_dtype(); }

tw_dtype Promotion::float_result() const { return to_float_type(result()); }

bool can_store(tw_dtype from, tw_dtype to) { return kind_of(dtype_id(from)) <= kind_of(dtype_id(to)); }

}  // namespace tw
