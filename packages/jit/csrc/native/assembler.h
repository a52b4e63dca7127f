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

// A register, or memory: base + index * scale + displacement, the constant pool, or the tables behind it.
struct Operand {
  enum Kind : uint8_t { kRegister, kMemory, kPool, kTable } kind;
  int reg = 0;         // the register, or the base
  int index = -1;      // -1: none
  int scale = 0;       // the logarithm
  int32_t offset = 0;  // of the pool: in constants; of tables: in bytes

  static Operand vector(int r) { return {kRegister, r, -1, 0, 0}; }
  static Operand memory(int base, int32_t offset) { return {kMemory, base, -1, 0, offset}; }
  static Operand element(int base, int index, int scale, int32_t offset) {
    return {kMemory, base, index, scale, offset};
  }
  static Operand pool(int32_t which) { return {kPool, 0, -1, 0, which}; }
  // Of instructions that spread one number themselves.
  static Operand number(int32_t which) { return {kPool, 0, -1, 1, which}; }
  static Operand table(int32_t offset) { return {kTable, 0, -1, 0, offset}; }
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
  void move_mask(int to, const Operand& from) { vex({1, 0, 0x90}, to, 0, from, false); }
  void store_mask(int from, const Operand& to) { vex({1, 0, 0x91}, from, 0, to, false); }
  // Of any lane: for jump_if_any.
  void test_mask(int mask);

  // General registers by number: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 to 15.
  void push(int r);
  void pop(int r);
  void load_pointer(int to, int base, int32_t offset);
  void store_pointer(int from, int base, int32_t offset);
  void load_address(int to, int base, int32_t offset);
  void load_number(int to, int32_t number);
  void prefetch(const Operand& memory, bool to_write);  // into the first-level cache
  void change_stack(int32_t by);
  void add_rax(int8_t by);
  void compare_rax(int with);
  void compare_rax_number(int32_t number);
  void add_number(int to, int32_t number);
  size_t here() const { return code_.size(); }
  void jump_back_if_below(size_t to) { jump_back(0x82, to); }
  void jump_back_if_not_zero(size_t to) { jump_back(0x85, to); }
  // Where the target is to be written: set_target(that, here()).
  size_t jump_if_any();
  size_t jump();
  void set_target(size_t at, size_t target);
  // Calls the code that is appended as number `which`.
  void call(size_t which);
  void finish();  // vzeroupper before the epilogue

  void ret() { byte(0xC3); }
  // The code with its pool and its tables behind it, and then what it calls.
  struct Data {
    const std::vector<uint32_t>& pool;
    const std::vector<const uint32_t*>& tables;  // of 16 numbers
    const std::vector<std::vector<uint8_t>>& called;
  };
  std::vector<uint8_t> assemble(const Data& data);

 private:
  void byte(int value) { code_.push_back(static_cast<uint8_t>(value)); }
  void word(int32_t value);
  void jump_back(uint8_t condition, size_t to);
  void vex(VectorOp op, int reg, int vvvv, const Operand& rm, bool long_form);
  void evex(VectorOp op, int reg, int vvvv, const Operand& rm, int mask, int length);
  void modrm(int reg, const Operand& rm);

  struct Fixup {
    size_t at;
    Operand::Kind kind;
    int32_t offset;
    int after;  // bytes of the instruction behind the displacement
  };
  struct Called {
    size_t at, which;
  };
  VectorWidth width_;
  std::vector<uint8_t> code_;
  std::vector<Fixup> fixups_;
  std::vector<Called> calls_;
};

}  // namespace tw::jit
