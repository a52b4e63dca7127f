// Machine code of AArch64 for vectors of four 32-bit lanes (NEON), and beside each instruction its text: what is
// written here can be checked by a disassembler on any machine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tw::jit {

// An instruction over vectors: its bits without registers, its name, and how registers are written: "4s", "16b".
struct NeonOp {
  uint32_t bits;
  const char* name;
  const char* form = "4s";
};

using Quad = std::array<uint32_t, 4>;  // what a register holds

class NeonAssembler {
 public:
  void three(NeonOp op, int d, int n, int m);
  void two(NeonOp op, int d, int n);
  void move(int to, int from);
  void take(NeonOp op, int d, int table, int bytes);  // of a register's 16 bytes, by their numbers
  // The forms of d and n differ: "v0.8h, v1.8b".
  void widen(NeonOp op, int d, int n, const char* from, const char* tail = "");
  void shift(NeonOp op, int d, int n, int bits_of_lane, int by, bool left);

  void load_pointer(int x, int base, uint32_t index);  // the index-th pointer from there
  // Four lanes, or four bytes of truth values: at a base, with or without the number of the vector in x16.
  void load_lanes(int v, int base);
  void load_element(int v, int base, bool bytes);
  void store_element(int v, int base, bool bytes);
  void load_bytes(int v, int base);
  void load_slot(int v, int slot);
  void store_slot(int v, int slot);
  void load_pool(int v, int constant);
  void change_stack(int by);

  void first_and_last();  // x16 and x17: from elements to vectors, x17 of x1
  size_t here() const { return code_.size(); }
  void next_below(size_t to);  // x16 += 1, and back while it is below x17
  void ret();

  // The code with its pool behind it.
  std::vector<uint8_t> assemble(const std::vector<Quad>& pool);
  // A line for each instruction.
  const std::vector<std::string>& text() const { return text_; }

 private:
  void put(uint32_t word, std::string text);
  struct Fixup {
    size_t at;
    int constant;
    int v;
  };
  std::vector<uint32_t> code_;
  std::vector<std::string> text_;
  std::vector<Fixup> fixups_;
};

}  // namespace tw::jit
