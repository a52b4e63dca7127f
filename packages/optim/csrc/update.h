// Update rules: their ops take lists of tensors, one item a parameter, and go over all of them in one call.
#pragma once

#include <tensorwright/simd/instruction_set.h>
#include <tensorwright/tw.hpp>

#include <cstdint>

namespace tw::optim {

// n elements of each operand (param, grad, state, then scalars as splats of 64 bytes), to param and state.
using Kernel = void (*)(int64_t n, void* const* out, const void* const* in, const uint8_t* in_step);

enum Compute : uint8_t { kF32, kF64 };
constexpr int kComputes = 2;

#if defined(__x86_64__)
constexpr int kIsas = kIsaCount;
#else
constexpr int kIsas = 1;
#endif

struct Update {  // generated from updates/*.yaml
  const char* schema;
  uint32_t states, scalars;
  Kernel kernels[kIsas][kComputes];
  uint32_t lists() const { return 2 + states; }  // param, grad, and state
};
extern const Update kUpdates[];
extern const uint32_t kUpdateCount;

// The kernel of an op; `self` is its Update.
tw_status TW_CALL run_update(void* self, tw_call* call);

}  // namespace tw::optim
