// The scalar functions that hand-written kernels use, by one name for both float types.
#pragma once

#include "scalar_functions.h"

namespace tw {
namespace TW_ISA_NS {

TW_INLINE F32 exp(F32 x) { return exp_f32(x); }
TW_INLINE F64 exp(F64 x) { return exp_f64(x); }
TW_INLINE F32 log(F32 x) { return log_f32(x); }
TW_INLINE F64 log(F64 x) { return log_f64(x); }
TW_INLINE F32 sin(F32 x) { return sin_f32(x); }
TW_INLINE F64 sin(F64 x) { return sin_f64(x); }
TW_INLINE F32 cos(F32 x) { return cos_f32(x); }
TW_INLINE F64 cos(F64 x) { return cos_f64(x); }

}  // namespace TW_ISA_NS
}  // namespace tw
