// Machine code of a lane program.
#pragma once

#include <cstddef>
#include <memory>

#include "assembler.h"
#include "lanes.h"

namespace tw::jit {

// n elements, a multiple of lanes(); streams[k] is the memory of stream k of the program: 4 bytes an element, 1 of
// masks. A repeated stream is 64 bytes. After the streams stands for each sum of the program where it begins.
using LaneCode = void (*)(void* const* streams, int64_t n);

class NativeCode {
 public:
  NativeCode(const std::vector<uint8_t>& code, int lanes);  // `valid` says whether the system allows it
  NativeCode(const NativeCode&) = delete;
  ~NativeCode();
  bool valid() const { return memory_ != nullptr; }
  int lanes() const { return lanes_; }
  void run(void* const* streams, int64_t n) const { reinterpret_cast<LaneCode>(memory_)(streams, n); }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
  int lanes_;
};

// Null where there is no assembler for the machine, where it is switched off (TENSORWRIGHT_NATIVE_CODE=0), where the
// system refuses executable memory, or for a program that does not fit the registers. Equal programs share their code.
std::shared_ptr<const NativeCode> native_code(const LaneProgram& program);

// For LaneProgram: whether the machine that native_code compiles for has kScale.
bool native_code_scales();

// The machine code itself, empty where it does not fit; for tests of the encoding.
std::vector<uint8_t> assemble_lanes(const LaneProgram& program, VectorWidth width);

}  // namespace tw::jit
