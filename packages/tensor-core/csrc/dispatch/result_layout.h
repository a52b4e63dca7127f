// How the results that the core allocates lie in memory.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw {

// Row-major, unless the op keeps the layout of its arguments and they have another: then `strides`, for a result of
// the shape in `meta`.
tw_status result_strides(const tw_call* call, const tw_meta& meta, int64_t* strides, bool* strided);

}  // namespace tw
