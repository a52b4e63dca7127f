#include "neon_assembler.h"

#include <cstdio>

namespace tw::jit {
namespace {

uint32_t field(int value, int at) { return static_cast<uint32_t>(value) << at; }
std::string number(int n) { return std::to_string(n); }
std::string vector(int v, const char* form) { return "v" + number(v) + "." + form; }
std::string x(int r) { return r == 31 ? "sp" : "x" + number(r); }

std::string hexadecimal(size_t value) {
  char text[24];
  std::snprintf(text, sizeof text, value < 10 ? "#%zu" : "#0x%zx", value);
  return text;
}

}  // namespace

void NeonAssembler::put(uint32_t word, std::string text) {
  code_.push_back(word);
  text_.push_back(std::move(text));
}

void NeonAssembler::three(NeonOp op, int d, int n, int m) {
  put(op.bits | field(m, 16) | field(n, 5) | field(d, 0),
      std::string(op.name) + " " + vector(d, op.form) + ", " + vector(n, op.form) + ", " + vector(m, op.form));
}

// An `orr` of the same register twice.
void NeonAssembler::move(int to, int from) {
  put(0x4EA01C00u | field(from, 16) | field(from, 5) | field(to, 0),
      "mov " + vector(to, "16b") + ", " + vector(from, "16b"));
}

void NeonAssembler::take(NeonOp op, int d, int table, int bytes) {
  put(op.bits | field(bytes, 16) | field(table, 5) | field(d, 0), std::string(op.name) + " " + vector(d, op.form) +
                                                                      ", {" + vector(table, op.form) + "}, " +
                                                                      vector(bytes, op.form));
}

void NeonAssembler::two(NeonOp op, int d, int n) { widen(op, d, n, op.form); }

void NeonAssembler::widen(NeonOp op, int d, int n, const char* from, const char* tail) {
  put(op.bits | field(n, 5) | field(d, 0),
      std::string(op.name) + " " + vector(d, op.form) + ", " + vector(n, from) + tail);
}

void NeonAssembler::shift(NeonOp op, int d, int n, int bits_of_lane, int by, bool left) {
  const int immediate = left ? bits_of_lane + by : 2 * bits_of_lane - by;
  put(op.bits | field(immediate, 16) | field(n, 5) | field(d, 0), std::string(op.name) + " " + vector(d, op.form) +
                                                                      ", " + vector(n, op.form) + ", " +
                                                                      hexadecimal(static_cast<size_t>(by)));
}

void NeonAssembler::load_pointer(int to, int base, uint32_t index) {
  const std::string place = index ? "[" + x(base) + ", " + hexadecimal(8 * index) + "]" : "[" + x(base) + "]";
  put(0xF9400000u | index << 10 | field(base, 5) | field(to, 0), "ldr " + x(to) + ", " + place);
}

void NeonAssembler::load_lanes(int v, int base) {
  put(0x3DC00000u | field(base, 5) | field(v, 0), "ldr q" + number(v) + ", [" + x(base) + "]");
}

void NeonAssembler::load_bytes(int v, int base) {
  put(0xBD400000u | field(base, 5) | field(v, 0), "ldr s" + number(v) + ", [" + x(base) + "]");
}

void NeonAssembler::load_element(int v, int base, bool bytes) {
  put((bytes ? 0xBC607800u : 0x3CE07800u) | field(16, 16) | field(base, 5) | field(v, 0),
      std::string("ldr ") + (bytes ? "s" : "q") + number(v) + ", [" + x(base) + ", x16, lsl " +
          (bytes ? "#2]" : "#4]"));
}

void NeonAssembler::store_element(int v, int base, bool bytes) {
  put((bytes ? 0xBC207800u : 0x3CA07800u) | field(16, 16) | field(base, 5) | field(v, 0),
      std::string("str ") + (bytes ? "s" : "q") + number(v) + ", [" + x(base) + ", x16, lsl " +
          (bytes ? "#2]" : "#4]"));
}

void NeonAssembler::load_slot(int v, int slot) {
  const std::string place = slot ? "[sp, " + hexadecimal(static_cast<size_t>(16 * slot)) + "]" : "[sp]";
  put(0x3DC003E0u | field(slot, 10) | field(v, 0), "ldr q" + number(v) + ", " + place);
}

void NeonAssembler::store_slot(int v, int slot) {
  const std::string place = slot ? "[sp, " + hexadecimal(static_cast<size_t>(16 * slot)) + "]" : "[sp]";
  put(0x3D8003E0u | field(slot, 10) | field(v, 0), "str q" + number(v) + ", " + place);
}

void NeonAssembler::load_pool(int v, int constant) {
  fixups_.push_back({code_.size(), constant, v});
  put(0x9C000000u | field(v, 0), "");
}

void NeonAssembler::change_stack(int by) {
  const auto size = static_cast<uint32_t>(by < 0 ? -by : by);
  put((by < 0 ? 0xD10003FFu : 0x910003FFu) | size << 10,
      std::string(by < 0 ? "sub" : "add") + " sp, sp, " + hexadecimal(size));
}

void NeonAssembler::first_and_last() {
  put(0xD342FE10u, "lsr x16, x16, #2");
  put(0xD342FC31u, "lsr x17, x1, #2");
}

void NeonAssembler::next_below(size_t to) {
  put(0x91000610u, "add x16, x16, #1");
  put(0xEB11021Fu, "cmp x16, x17");
  const int64_t distance = static_cast<int64_t>(to) - static_cast<int64_t>(code_.size());
  put(0x54000003u | (static_cast<uint32_t>(distance) & 0x7FFFFu) << 5, "b.lo " + hexadecimal(4 * to));
}

void NeonAssembler::ret() { put(0xD65F03C0u, "ret"); }

std::vector<uint8_t> NeonAssembler::assemble(const std::vector<Quad>& pool) {
  const size_t begin = (code_.size() + 3) / 4 * 4;  // where the pool is, in words
  for (const Fixup& fixup : fixups_) {
    const size_t target = begin + 4 * static_cast<size_t>(fixup.constant);
    code_[fixup.at] |= static_cast<uint32_t>(target - fixup.at) << 5;
    text_[fixup.at] = "ldr q" + number(fixup.v) + ", " + hexadecimal(4 * target);
  }
  std::vector<uint32_t> words = code_;
  words.resize(begin, 0xD503201Fu);  // nop
  for (size_t k = code_.size(); k < begin; ++k) text_.emplace_back("nop");
  for (const Quad& quad : pool) words.insert(words.end(), quad.begin(), quad.end());
  std::vector<uint8_t> bytes;
  for (const uint32_t word : words)
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(word >> shift));
  return bytes;
}

}  // namespace tw::jit
