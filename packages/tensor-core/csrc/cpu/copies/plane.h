// Two-dimensional copies with a cast, whatever the strides and however short the rows.
#pragma once

#include "cpu/copies/cast.h"

namespace tw::cpu {

struct PlaneSteps {  // bytes
  int64_t row, element;
};

// `item` is the elements' size where both sides have one dtype, else 0.
void copy_plane(CastFn cast, int64_t item, int64_t rows, int64_t cols, const char* from, PlaneSteps source, char* to,
                PlaneSteps target);

}  // namespace tw::cpu
