// Conversion of runs of elements between dtypes.
#pragma once

#include <cstdint>

#include "runtime/dtype.h"

namespace tw::cpu {

// n elements, read `from_step` bytes apart and written `to_step` bytes apart.
// Floats to integers truncate; NaN gives 0, values beyond int64 saturate to it, and narrower integers keep
// the low bits. Anything non-zero is True. Complex to real drops the imaginary part.
using CastFn = void (*)(int64_t n, const char* from, int64_t from_step, char* to, int64_t to_step);

CastFn cast_function(DtypeId from, DtypeId to);

}  // namespace tw::cpu
