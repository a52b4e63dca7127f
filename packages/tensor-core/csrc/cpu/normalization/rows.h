// How tensors are cut into rows for kernels that take several of them.
#pragma once

#include "cpu/staging.h"

namespace tw::cpu {

// Rows of one chunk of a parallel loop: an even number of short ones, which kernels go through two in turn.
inline int64_t rows_for(int64_t length) {
  const int64_t rows = grain_for(length);
  return rows > 1 ? rows + rows % 2 : 1;
}

}  // namespace tw::cpu
