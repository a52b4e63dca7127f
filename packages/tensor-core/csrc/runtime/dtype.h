// Data types: names, a dense index for tables, and promotion by the rules of the array API standard.
#pragma once

#include <tensorwright/tw.hpp>

#include <string_view>

namespace tw {

// Order matters: promotion and cast tables are indexed by it.
enum class DtypeId : uint8_t {
  kBool,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat8E4M3FN,
  kFloat8E5M2,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
};
constexpr int kDtypes = 17;
constexpr int kDtypeCodes = 16;  // of DLPack, fewer than
constexpr int kNoDtype = -1;

namespace detail {
TW_EXPORT extern const int8_t kDtypeIndex[kDtypeCodes][8];  // [code][log2(bits)], kNoDtype where there is no such type
}
// The index of a dtype, or kNoDtype for one that tensorwright does not know.
inline int dtype_index(tw_dtype d) {
  if (d.code >= kDtypeCodes || d.bits == 0) return kNoDtype;
  return detail::kDtypeIndex[d.code][__builtin_ctz(d.bits)];
}
inline bool is_known(tw_dtype d) { return d.lanes == 1 && (d.bits & (d.bits - 1)) == 0 && dtype_index(d) != kNoDtype; }
// For dtypes of existing tensors, which are always known.
inline DtypeId dtype_id(tw_dtype d) { return static_cast<DtypeId>(dtype_index(d)); }
TW_EXPORT tw_dtype dtype_of(DtypeId id);
TW_EXPORT const char* dtype_name(tw_dtype d);  // "float32"
TW_EXPORT bool dtype_by_name(std::string_view name, tw_dtype* out);

// What floating-point results of integers and Python floats become; float32 unless changed.
TW_EXPORT tw_dtype default_dtype();
TW_EXPORT void set_default_dtype(tw_dtype d);  // a floating type
TW_EXPORT tw_dtype default_complex_dtype();    // complex64 beside float32, complex128 beside float64

TW_EXPORT tw_dtype promote_types(tw_dtype a, tw_dtype b);  // of two tensors
// Promotion over the operands of a call: tensors take part fully, Python scalars only by their kind.
class Promotion {
 public:
  void add(tw_dtype tensor) { tensor_ = has_tensor_ ? promote_types(tensor_, tensor) : tensor, has_tensor_ = true; }
  TW_EXPORT void add_scalar(const tw_value& scalar);
  TW_EXPORT tw_dtype result() const;
  // As result(), with integers and bool turned into the default float type.
  tw_dtype float_result() const;

 private:
  tw_dtype tensor_ = kBool;
  bool has_tensor_ = false;
  int8_t scalar_kind_ = -1;  // highest kind of a scalar: bool 0, int 1, float 2, complex 3
};
tw_dtype to_float_type(tw_dtype d);  // integers and bool to the default float type

// Whether a result of type `from` may be stored in an out= or in-place tensor of type `to`.
TW_EXPORT bool can_store(tw_dtype from, tw_dtype to);

}  // namespace tw
