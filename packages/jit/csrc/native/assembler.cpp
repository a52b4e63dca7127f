#include "assembler.h"

#include <cstring>

namespace tw::jit {

void Assembler::word(int32_t value) {
  for (int k = 0; k < 4; ++k) byte(static_cast<uint32_t>(value) >> (8 * k) & 0xFF);
}

// ---- prefixes: registers' high bits are inverted ------------------------------------------------------------------

void Assembler::vex(VectorOp op, int reg, int vvvv, const Operand& rm, bool long_form) {
  const int base = rm.reg;
  const int index = rm.index < 0 ? 0 : rm.index;
  byte(0xC4);
  byte((~reg >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 | (~base >> 3 & 1) << 5 | op.map);
  byte((~vvvv & 15) << 3 | (long_form ? 4 : 0) | op.prefix);
  byte(op.opcode);
  modrm(reg, rm);
}

void Assembler::evex(VectorOp op, int reg, int vvvv, const Operand& rm, int mask, int length) {
  const bool is_register = rm.kind == Operand::kRegister;
  const int base = rm.reg;
  const int index = is_register ? base >> 1 & 8 : rm.index < 0 ? 0 : rm.index;  // bit 4 of a register stands in X
  const bool broadcast = rm.kind == Operand::kPool && rm.scale == 0;
  byte(0x62);
  byte((~reg >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 | (~base >> 3 & 1) << 5 | (~reg >> 4 & 1) << 4 | op.map);
  byte((~vvvv & 15) << 3 | 4 | op.prefix);
  byte(length << 5 | (broadcast ? 0x10 : 0) | (~vvvv >> 4 & 1) << 3 | mask);
  byte(op.opcode);
  modrm(reg, rm);
}

// Displacements always have 32 bits, which EVEX does not scale.
void Assembler::modrm(int reg, const Operand& rm) {
  const int r = (reg & 7) << 3;
  if (rm.kind == Operand::kRegister) return byte(0xC0 | r | (rm.reg & 7));
  if (rm.kind != Operand::kMemory) {
    byte(r | 5);
    fixups_.push_back({code_.size(), rm.kind, rm.offset, 0});
    return word(0);
  }
  const bool needs_sib = rm.index >= 0 || (rm.reg & 7) == 4;
  byte(0x80 | r | (needs_sib ? 4 : rm.reg & 7));
  if (needs_sib) byte(rm.scale << 6 | (rm.index < 0 ? 4 : rm.index & 7) << 3 | (rm.reg & 7));
  word(rm.offset);
}

void Assembler::vector(VectorOp op, int reg, int vvvv, const Operand& rm, int mask) {
  wide() ? evex(op, reg, vvvv, rm, mask, 2) : vex(op, reg, vvvv, rm, true);
}
void Assembler::narrow(VectorOp op, int reg, int vvvv, const Operand& rm, int mask) {
  wide() ? evex(op, reg, vvvv, rm, mask, 0) : vex(op, reg, vvvv, rm, false);
}

void Assembler::immediate(uint8_t value) {
  if (!fixups_.empty() && fixups_.back().at + 4 == code_.size()) ++fixups_.back().after;
  byte(value);
}

void Assembler::load_mask(int reg, int base) { vex({1, 0, 0x90}, reg, 0, Operand::memory(base, 0), false); }
void Assembler::mask(uint8_t opcode, int reg, int vvvv, int rm, bool two_operands) {
  vex({1, 0, opcode}, reg, two_operands ? 0 : vvvv, Operand::vector(rm), !two_operands);
}

void Assembler::test_mask(int mask) {
  if (wide())
    vex({1, 0, 0x98}, mask, 0, Operand::vector(mask), false);
  else
    vex({2, 1, 0x0E}, mask, 0, Operand::vector(mask), true);
}

// ---- general registers ----------------------------------------------------------------------------------------------

void Assembler::push(int r) {
  if (r > 7) byte(0x41);
  byte(0x50 | (r & 7));
}
void Assembler::pop(int r) {
  if (r > 7) byte(0x41);
  byte(0x58 | (r & 7));
}
void Assembler::load_pointer(int to, int base, int32_t offset) {
  byte(0x48 | (to >> 3) << 2 | (base >> 3));
  byte(0x8B);
  modrm(to, Operand::memory(base, offset));
}
void Assembler::store_pointer(int from, int base, int32_t offset) {
  byte(0x48 | (from >> 3) << 2 | (base >> 3));
  byte(0x89);
  modrm(from, Operand::memory(base, offset));
}
void Assembler::load_address(int to, int base, int32_t offset) {
  byte(0x48 | (to >> 3) << 2 | (base >> 3));
  byte(0x8D);
  modrm(to, Operand::memory(base, offset));
}
void Assembler::load_number(int to, int32_t number) {
  byte(0x48 | (to >> 3)), byte(0xC7), byte(0xC0 | (to & 7));
  word(number);
}
void Assembler::prefetch(const Operand& memory, bool to_write) {
  if ((memory.reg | memory.index) > 7) byte(0x40 | (memory.index >> 3) << 1 | (memory.reg >> 3));
  byte(0x0F), byte(to_write ? 0x0D : 0x18);
  modrm(1, memory);
}
void Assembler::change_stack(int32_t by) {
  byte(0x48), byte(0x81), byte(0xC4);
  word(by);
}
void Assembler::add_rax(int8_t by) { byte(0x48), byte(0x83), byte(0xC0), byte(by); }
void Assembler::compare_rax(int with) {
  byte(0x48 | (with >> 3) << 2);
  byte(0x39);
  byte(0xC0 | (with & 7) << 3);
}
void Assembler::compare_rax_number(int32_t number) {
  byte(0x48), byte(0x3D);
  word(number);
}
void Assembler::add_number(int to, int32_t number) {
  byte(0x48 | (to >> 3)), byte(0x81), byte(0xC0 | (to & 7));
  word(number);
}
void Assembler::jump_back(uint8_t condition, size_t to) {
  byte(0x0F), byte(condition);
  word(static_cast<int32_t>(static_cast<int64_t>(to) - static_cast<int64_t>(code_.size()) - 4));
}
size_t Assembler::jump_if_any() {
  byte(0x0F), byte(0x85);
  word(0);
  return code_.size() - 4;
}
size_t Assembler::jump() {
  byte(0xE9);
  word(0);
  return code_.size() - 4;
}
void Assembler::set_target(size_t at, size_t target) {
  const auto relative = static_cast<int32_t>(static_cast<int64_t>(target) - static_cast<int64_t>(at) - 4);
  std::memcpy(code_.data() + at, &relative, sizeof relative);
}
void Assembler::call(size_t which) {
  byte(0xE8);
  calls_.push_back({code_.size(), which});
  word(0);
}
void Assembler::finish() { byte(0xC5), byte(0xF8), byte(0x77); }

// ---- the whole ----------------------------------------------------------------------------------------------------

std::vector<uint8_t> Assembler::assemble(const Data& data) {
  constexpr size_t kTable = 64;
  const size_t each = wide() ? 4 : 32;
  const auto aligned = [](size_t size) { return (size + 63) / 64 * 64; };
  const size_t pool = aligned(code_.size()), tables = aligned(pool + data.pool.size() * each);
  std::vector<uint8_t> all = code_;
  all.resize(tables + data.tables.size() * kTable);
  for (size_t k = 0; k < data.pool.size(); ++k)
    for (size_t at = 0; at < each; at += 4) std::memcpy(all.data() + pool + k * each + at, &data.pool[k], 4);
  for (size_t k = 0; k < data.tables.size(); ++k) std::memcpy(all.data() + tables + k * kTable, data.tables[k], kTable);
  const auto point = [&](size_t at, size_t target, int after) {
    const auto relative = static_cast<int32_t>(static_cast<int64_t>(target) - static_cast<int64_t>(at) - 4 - after);
    std::memcpy(all.data() + at, &relative, 4);
  };
  for (const Fixup& fixup : fixups_) {
    const auto offset = static_cast<size_t>(fixup.offset);
    point(fixup.at, fixup.kind == Operand::kTable ? tables + offset : pool + offset * each, fixup.after);
  }
  for (size_t k = 0; k < data.called.size(); ++k) {
    all.resize(aligned(all.size()));
    for (const Called& call : calls_)
      if (call.which == k) point(call.at, all.size(), 0);
    all.insert(all.end(), data.called[k].begin(), data.called[k].end());
  }
  return all;
}

}  // namespace tw::jit
