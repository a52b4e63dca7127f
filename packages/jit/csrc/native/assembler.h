// Machine code of x86-64: vectors of 32-bit lanes with AVX2 and FMA (VEX, 16 registers of 8 lanes, masks in vectors) or
// AVX-512 (EVEX, 32 registers of 16 lanes, masks in registers of their own).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tw::jit {

enum class VectorWidth : uint8_t { kAvx2, kAvx512 };

// Which opcode map, prefix and opcode; all have W = 0.
struct VectorOp {
  uint8_t map;     // 1: 0F, 2: 0F 38, 3: 0F 3A
  uint8_t prefix;  // 0: none, 1: 66, 2: F3, 3: F2
  uint8_t opcode;
};

// A register, or memory: base + index * scale + displacement, or the constant pool.
struct Operand {
  enum Kind : uint8_t { kRegister, kMemory, kPool } kind;
  int reg = 0;         // the register, or the base
  int index = -1;      // -1: none
  int scale = 0;       // the logarithm
  int32_t offset = 0;  // of the pool: in constants

  static Operand vector(int r) { return {kRegister, r, -1, 0, 0}; }
  static Operand memory(int base, int32_t offset) { return {kMemory, base, -1, 0, offset}; }
  static Operand element(int base, int index, int scale, int32_t offset) {
    return {kMemory, base, index, scale, offset};
  }
  static Operand pool(int32_t which) { return {kPool, 0, -1, 0, which}; }
  // Of instructions that spread one number themselves.
  static Operand number(int32_t which) { return {kPool, 0, -1, 1, which}; }
};

class Assembler {
 public:
  explicit Assembler(VectorWidth width) : width_(width) {}

  int lanes() const { return width_ == VectorWidth::kAvx512 ? 16 : 8; }
  int registers() const { return width_ == VectorWidth::kAvx512 ? 32 : 16; }
  bool wide() const { return width_ == VectorWidth::kAvx512; }

  // op reg, vvvv, rm; `mask` is the mask register of EVEX. A constant of the pool is broadcast by EVEX.
  void vector(VectorOp op, int reg, int vvvv, const Operand& rm, int mask = 0);
  // The same, 128 bits wide in VEX and EVEX: what deals with bytes.
  void narrow(VectorOp op, int reg, int vvvv, const Operand& rm, int mask = 0);
  void immediate(uint8_t value);
  // Instructions over mask registers: VEX, by name of the opcode.
  void load_mask(int reg, int base);  // 16 bits from memory
  void mask(uint8_t opcode, int reg, int vvvv, int rm, bool two_operands);

  // General registers by number: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 to 15.
  void push(int r);
  void pop(int r);
  void load_pointer(int to, int base, int32_t offset);
  void prefetch(const Operand& memory);  // into the first-level cache
  void change_stack(int32_t by);
  void add_rax(int8_t by);
  void compare_rax(int with);
  size_t here() const { return code_.size(); }
  void jump_back_if_below(size_t to);
  void finish();  // vzeroupper before the epilogue

  void ret() { byte(0xC3); }
  // The code with its pool behind it.
  std::vector<uint8_t> assemble(const std::vector<uint32_t>& pool);

 private:
  void byte(int value) { code_.push_back(static_cast<uint8_t>(value)); }
  void word(int32_t value);
  void vex(VectorOp op, int reg, int vvvv, const Operand& rm, bool long_form);
  void evex(VectorOp op, int reg, int vvvv, const Operand& rm, int mask, int length);
  void modrm(int reg, const Operand& rm);

  struct Fixup {
    size_t at;
    int32_t constant;
    int after;  // bytes of the instruction behind the displacement
  };
  VectorWidth width_;
  std::vector<uint8_t> code_;
  std::vector<Fixup> fixups_;
};

}  // namespace tw::jit
