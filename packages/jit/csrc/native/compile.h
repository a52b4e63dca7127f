// Machine code of a lane program.
#pragma once

#include <cstddef>
#include <memory>

#include "assembler.h"
#include "lanes.h"

namespace tw::jit {

// So many streams that are not repeated have a register for their address.
inline constexpr size_t kMostAddresses = 12;

// Elements from some number on up to n, which are a multiple of what the code takes at once; streams[k] is the memory
// of stream k of the program: 4 bytes an element, 1 of masks. A repeated stream is 64 bytes. After the streams stands
// for each sum of the program where it begins, and last the number of the first element. Of code over rows, n is the
// number of rows.
using LaneCode = void (*)(void* const* streams, int64_t n);

// A program for one vector and, where registers allow it, for several at once.
class NativeCode {
 public:
  struct Parts {
    std::vector<uint8_t> one, several;  // one of them may be empty
    int lanes, several_lanes;           // of code that does as many elements as the program says: so many
    bool folds = false, rows = false;
  };
  NativeCode(const LaneProgram& program, const Parts& parts);  // `valid` says whether the system allows it
  NativeCode(const NativeCode&) = delete;
  ~NativeCode();
  bool valid() const { return memory_ != nullptr; }
  int lanes() const { return lanes_; }
  // How many pointers follow the streams proper: of sums where they go, the mask, where they begin; the first element.
  static size_t extra_pointers(size_t sums) { return sums ? 2 * sums + 2 : 1; }
  // Whether sums are folded to one number in all lanes, after the elements that the program says.
  bool folds() const { return folds_; }
  // Whether the code runs over rows, and is told how many.
  bool rows() const { return rows_; }
  // The code that does n elements in one call, or null: for pointers that were set up once, with all of the extra ones.
  LaneCode whole(int64_t n) const;
  // n is a multiple of lanes(). Where sums begin, and the first element, is written to.
  void run(void** streams, int64_t n) const;

 private:
  // The code in memory that can be executed; null where the system refuses that.
  static void* executable(const std::vector<uint8_t>& code);

  void* memory_ = nullptr;
  size_t size_ = 0, one_ = 0;  // where the code for one vector begins
  size_t streams_, sums_;
  int lanes_, several_lanes_;
  bool folds_ = false, rows_ = false;
};

// How many vectors code may take at once: of those that are run for one only, one.
enum class Batch : uint8_t { kOne, kSeveral };

// Null where there is no assembler for the machine, where it is switched off (TENSORWRIGHT_NATIVE_CODE=0), where the
// system refuses executable memory, or for a program that does not fit the registers. Equal programs share their code.
std::shared_ptr<const NativeCode> native_code(const LaneProgram& program, Batch batch = Batch::kSeveral);

// The machine that native_code compiles for.
Machine native_code_machine();
// What native_code asks the machine's part for: whether there is code at all, and then the code.
bool has_native_code();
// Whether there is code that adds up what programs of known length compute.
inline bool native_code_folds() { return has_native_code() && native_code_machine() != Machine::kNeon; }
std::optional<NativeCode::Parts> assemble_for_machine(const LaneProgram& program, Batch batch);

// The machine code itself, for `copies` vectors at once; empty where it does not fit: several have to fit without
// values in memory.
std::vector<uint8_t> assemble_lanes(const LaneProgram& program, VectorWidth width, int copies);
// The same for as many elements as the program says, with the last ones, fewer than a vector holds; sums are folded.
std::vector<uint8_t> assemble_row(const LaneProgram& program, VectorWidth width, int copies);

}  // namespace tw::jit
