// Machine code of a lane program for AArch64: emitted on any machine, run on that one.
#pragma once

#include <string>

#include "lanes.h"

namespace tw::jit {

struct NeonCode {
  std::vector<uint8_t> bytes;     // called as LaneCode of compile.h; empty where the program does not fit
  std::vector<std::string> text;  // a line for each instruction, before the pool
};
constexpr int kNeonLanes = 4;

// For programs without kScale and without sums.
NeonCode assemble_neon(const LaneProgram& program);

// The code of ops one after the other, each on the result of the one before and on streams of its own, as lines of
// eight hexadecimal digits and the text; the pool's lines have no text. `steps` begins with a stream, and has streams
// after each op: "f tw::exp tw::mul/F": f of floats, m of truth values; F and M of one that is the same for all.
// An op may also be one of LaneOp by its number, with a value: "#13:5", "#26/f".
// Throws TW_E_VALUE for an op that has no expression, and for programs that do not fit.
std::string neon_listing(std::string_view steps);

}  // namespace tw::jit
