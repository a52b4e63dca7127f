// The instructions of a lane program: one pass in order.
#include <tensorwright/tw_abi_kernels.h>

#include <algorithm>
#include <optional>

#include "lane_places.h"

namespace tw::jit {
namespace {

struct Simple {
  VectorOp op;
  bool commutes;
};
std::optional<Simple> two_operands(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd:
      return Simple{{1, 0, 0x58}, true};
    case LaneOp::kMul:
      return Simple{{1, 0, 0x59}, true};
    case LaneOp::kSub:
      return Simple{{1, 0, 0x5C}, false};
    case LaneOp::kMin:
      return Simple{{1, 0, 0x5D}, false};
    case LaneOp::kDiv:
      return Simple{{1, 0, 0x5E}, false};
    case LaneOp::kMax:
      return Simple{{1, 0, 0x5F}, false};
    case LaneOp::kScale:
      return Simple{{2, 1, 0x2C}, false};
    case LaneOp::kAddInt:
      return Simple{{1, 1, 0xFE}, true};
    case LaneOp::kSubInt:
      return Simple{{1, 1, 0xFA}, false};
    case LaneOp::kMulInt:
      return Simple{{2, 1, 0x40}, true};
    case LaneOp::kMinInt:
      return Simple{{2, 1, 0x39}, true};
    case LaneOp::kMaxInt:
      return Simple{{2, 1, 0x3D}, true};
    case LaneOp::kShlEach:
      return Simple{{2, 1, 0x47}, false};
    case LaneOp::kUshrEach:
      return Simple{{2, 1, 0x45}, false};
    case LaneOp::kShrEach:
      return Simple{{2, 1, 0x46}, false};
    case LaneOp::kAnd:
      return Simple{kBitAnd, true};
    case LaneOp::kOr:
      return Simple{kBitOr, true};
    case LaneOp::kXor:
      return Simple{kBitXor, true};
    case LaneOp::kAndNot:
      return Simple{kBitAndNot, false};
    default:
      return std::nullopt;
  }
}
std::optional<VectorOp> one_operand(LaneOp op) {
  switch (op) {
    case LaneOp::kSqrt:
      return VectorOp{1, 0, 0x51};
    case LaneOp::kRound:
      return VectorOp{3, 1, 0x08};
    case LaneOp::kAbsInt:
      return VectorOp{2, 1, 0x1E};
    case LaneOp::kToFloat:
      return VectorOp{1, 0, 0x5B};
    case LaneOp::kToInt:
      return VectorOp{1, 2, 0x5B};
    default:
      return std::nullopt;
  }
}

class Emitter : public LanePlaces {
 public:
  // With `whole` the parts are all elements that there are, and sums are folded to one number behind the last one.
  Emitter(const LaneProgram& program, VectorWidth width, const std::vector<Part>& parts, const Registers& registers,
          bool whole)
      : LanePlaces(program, width, parts, registers), parts_(parts), whole_(whole) {}

  std::vector<uint8_t> run() {
    const bool rows = !p_.pitches.empty(), begins_once = rows && parts_.size() == 1;
    prologue();
    if (begins_once) begin(parts_[0], 0);
    const size_t row = asm_.here();
    int64_t first = 0;
    for (const Part& part : parts_) {
      if (!begins_once) begin(part, first);
      part.block ? write_blocks(part) : write(part, first);
      first = part.end;
    }
    const bool unfinished = parts_.back().block == 0;
    if (whole_) fold(unfinished ? Folded::kAll : Folded::kOthers);
    if (blocks_) add_block_sums(unfinished);
    if (rows) next_row(row);
    epilogue();
    for (const Rare& rare : rare_) call(rare);
    return asm_.assemble({pool_, tables_, called_});
  }

 private:
  void write(const Part& part, int64_t first) {
    if (part.end)
      asm_.load_number(kRax, static_cast<int32_t>(first));
    else
      asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(p_.streams.size() + p_.sums.size()) * 8);
    const size_t loop = asm_.here();
    write_steps();
    const int at_once = copies_ * asm_.lanes();
    if (part.end && part.end - first <= at_once) return;
    asm_.add_rax(static_cast<int8_t>(at_once));
    part.end ? asm_.compare_rax_number(static_cast<int32_t>(part.end)) : asm_.compare_rax(kRsi);
    asm_.jump_back_if_below(loop);
  }

  void write_blocks(const Part& part) {
    asm_.load_number(kRax, 0);
    asm_.load_address(kBlockSums, kRsp, frame() - 64);
    const size_t blocks = asm_.here();
    asm_.load_address(kRsi, kRax, static_cast<int32_t>(part.block));
    const size_t loop = asm_.here();
    write_steps();
    asm_.add_rax(static_cast<int8_t>(copies_ * asm_.lanes()));
    asm_.compare_rax(kRsi);
    asm_.jump_back_if_below(loop);
    keep_block_sums();
    asm_.compare_rax_number(static_cast<int32_t>(part.end));
    asm_.jump_back_if_below(blocks);
  }

  void next_row(size_t row) {
    for (size_t k = 0; k < general_.size(); ++k)
      if (general_[k] >= 0 && p_.pitches[k]) asm_.add_number(general_[k], p_.pitches[k]);
    asm_.add_number(kRsi, -1);
    asm_.jump_back_if_not_zero(row);
  }

  void write_steps() {
    const auto count = static_cast<int>(all_.steps.size());
    for (const auto& [stream, written] : p_.fetched)
      for (int copy = 0; copy < copies_; ++copy) asm_.prefetch(element(stream, LaneType::kF32, copy), written);
    for (at_ = 0; at_ < count; ++at_) step(at_);
    for (const auto& result : all_.results) store_result(result);
    for (size_t n = 0; n < all_.sums.size(); ++n)
      add_up(all_.sums[n].first, all_.sums[n].second, static_cast<int>(n / p_.sums.size()));
  }

  // ---- steps ----------------------------------------------------------------------------------------------------

  void step(int i) {
    const LaneStep& s = of(i);
    for (const Lane lane : {s.a, s.b, s.c})
      if (lane >= 0) share(lane);
    if (s.op == LaneOp::kInput) {
      if (s.type == LaneType::kMask) load_mask(i, s);
    } else if (is_constant(i)) {
      if (in_mask_register(i)) mask_constant(i, s);
    } else if (s.op == LaneOp::kFma) {
      fma(i, s);
    } else if (s.op == LaneOp::kSelect) {
      select(i, s);
    } else if (s.op == LaneOp::kLookup) {
      lookup(i, s);
    } else if (s.op == LaneOp::kRare) {
      rare(i, s);
    } else if (s.op == LaneOp::kCompare || s.op == LaneOp::kCompareInt) {
      compare(i, s);
    } else if (s.op == LaneOp::kShl || s.op == LaneOp::kUshr || s.op == LaneOp::kShr) {
      shift(i, s);
    } else if (s.type == LaneType::kMask && asm_.wide()) {
      mask_logic(i, s);
    } else if (const auto two = two_operands(s.op)) {
      binary(i, s, *two);
    } else if (const auto one = one_operand(s.op)) {
      unary(i, s, *one);
    }
    locked_.clear();
    if (uses_[i].empty()) drop(i);
  }

  void binary(Lane i, const LaneStep& s, const Simple& simple) {
    Lane a = s.a, b = s.b;
    if (simple.commutes && in_memory(a) && !in_memory(b)) std::swap(a, b);
    const int left = in_register(a);
    const Operand right = anywhere(b);
    release(s);
    const int reg = take();
    asm_.vector(simple.op, reg, left, right);
    hold(i, reg);
  }

  void unary(Lane i, const LaneStep& s, VectorOp op) {
    const Operand from = anywhere(s.a);
    release(s);
    const int reg = take();
    asm_.vector(op, reg, 0, from);
    if (s.op == LaneOp::kRound) asm_.immediate(static_cast<uint8_t>(s.value));
    hold(i, reg);
  }

  void shift(Lane i, const LaneStep& s) {
    const int from = in_register(s.a);
    release(s);
    const int reg = take();
    const int kind = s.op == LaneOp::kShl ? 6 : s.op == LaneOp::kUshr ? 2 : 4;
    asm_.vector({1, 1, 0x72}, kind, reg, Operand::vector(from));
    asm_.immediate(static_cast<uint8_t>(s.value));
    hold(i, reg);
  }

  // d = a * b + c: d is one of the three operands' registers.
  void fma(Lane i, const LaneStep& s) {
    const auto signs = static_cast<uint8_t>(2 * s.value);
    const VectorOp k132{2, 1, uint8_t(0x98 + signs)}, k213{2, 1, uint8_t(0xA8 + signs)},
        k231{2, 1, uint8_t(0xB8 + signs)};
    Lane a = s.a, b = s.b;
    const Lane c = s.c;
    if (in_memory(a) && !in_memory(b)) std::swap(a, b);
    const int ra = in_register(a);
    const bool from_memory = in_memory(b) && !in_memory(c);
    if (from_memory || !in_memory(c)) {
      const int rc = in_register(c);
      const Operand ob = from_memory ? anywhere(b) : Operand::vector(in_register(b));
      if (free_to_change(c)) return finish_fma(i, s, k231, rc, ra, ob);
      if (free_to_change(a) && a != c) return finish_fma(i, s, k132, ra, rc, ob);
      if (!from_memory && free_to_change(b) && b != c) return finish_fma(i, s, k132, ob.reg, rc, Operand::vector(ra));
      const int copy = take();
      asm_.vector(kMove, copy, 0, Operand::vector(rc));
      asm_.vector(k231, copy, ra, ob);
      release(s);
      return hold(i, copy);
    }
    const int rb = in_register(b);
    const Operand oc = anywhere(c);
    if (free_to_change(a)) return finish_fma(i, s, k213, ra, rb, oc);
    if (free_to_change(b)) return finish_fma(i, s, k213, rb, ra, oc);
    const int copy = take();
    asm_.vector(kMove, copy, 0, Operand::vector(ra));
    asm_.vector(k213, copy, rb, oc);
    release(s);
    hold(i, copy);
  }
  bool free_to_change(Lane lane) const { return ends_here(lane) && !place_[lane].pinned; }
  void finish_fma(Lane i, const LaneStep& s, VectorOp op, int reg, int second, const Operand& third) {
    asm_.vector(op, reg, second, third);
    release(s);
    hold(i, reg);
  }

  void compare(Lane i, const LaneStep& s) {
    if (!asm_.wide() && s.op == LaneOp::kCompareInt) return compare_int_narrow(i, s);
    const int left = in_register(s.a);
    const Operand right = anywhere(s.b);
    release(s);
    const int reg = asm_.wide() ? take_mask() : take();
    asm_.vector(s.op == LaneOp::kCompare ? VectorOp{1, 0, 0xC2} : VectorOp{3, 1, 0x1F}, reg, left, right);
    asm_.immediate(static_cast<uint8_t>(s.value));
    asm_.wide() ? hold_mask(i, reg) : hold(i, reg);
  }

  // AVX2 compares for equal and greater; the others are these the other way around, or not.
  void compare_int_narrow(Lane i, const LaneStep& s) {
    const bool equality = s.value == 0 || s.value == 4;
    const bool swapped = s.value == 1 || s.value == 5;  // a < b, and its opposite
    const bool inverted = s.value == 2 || s.value == 4 || s.value == 5;
    const int left = in_register(swapped ? s.b : s.a);
    const Operand right = anywhere(swapped ? s.a : s.b);
    release(s);
    const int reg = take();
    asm_.vector(equality ? VectorOp{1, 1, 0x76} : VectorOp{1, 1, 0x66}, reg, left, right);
    if (inverted) asm_.vector(kBitXor, reg, reg, Operand::pool(constant(0xFFFFFFFFu)));
    hold(i, reg);
  }

  void select(Lane i, const LaneStep& s) {
    const int mask = in_register(s.a), other = in_register(s.c);
    const Operand chosen = anywhere(s.b);
    release(s);
    const int reg = take();
    if (asm_.wide()) {
      asm_.vector({2, 1, 0x65}, reg, other, chosen, mask);
    } else {
      asm_.vector({3, 1, 0x4A}, reg, other, chosen);
      asm_.immediate(static_cast<uint8_t>(mask << 4));
    }
    hold(i, reg);
  }

  void lookup(Lane i, const LaneStep& s) {
    const int index = in_register(s.a);
    const Operand numbers = anywhere(s.b);
    release(s);
    const int reg = take();
    asm_.vector({2, 1, 0x16}, reg, index, numbers);
    hold(i, reg);
  }

  // ---- what is rarely needed: a call behind the code, around which all registers are kept -------------------------

  struct Rare {
    int mask, in, out;     // vector registers, but for the mask of AVX-512
    size_t program, from;  // where the jump is
    size_t back;
  };

  void rare(Lane i, const LaneStep& s) {
    const int mask = in_register(s.a), other = in_register(s.b), in = in_register(s.c);
    int out = other;
    if (!free_to_change(s.b) || s.b == s.c) {
      out = take();
      asm_.vector(kMove, out, 0, Operand::vector(other));
    }
    asm_.test_mask(mask);
    const size_t from = asm_.jump_if_any();
    rare_.push_back({mask, in, out, s.value, from, asm_.here()});
    release(s);
    hold(i, out);
  }

  // On the stack: the vectors, masks, the three pointers that the code takes, general registers, what it takes and
  // gives.
  void call(const Rare& rare) {
    constexpr int kBytes = 64, kMasks = 32 * kBytes, kPointers = kMasks + kBytes, kGeneral = kPointers + 24,
                  kTaken = kPointers + kBytes, kGiven = kTaken + kBytes, kAll = kGiven + kBytes;
    constexpr int kKept[] = {kRax, 1, 2, kRsi, kRdi};
    const auto at = [](int32_t offset) { return Operand::memory(kRsp, offset); };
    asm_.set_target(rare.from, asm_.here());
    asm_.change_stack(-kAll);
    for (int r = 0; r < asm_.registers(); ++r) asm_.vector(kStore, r, 0, at(r * kBytes));
    for (int k = 1; asm_.wide() && k < kMaskRegisters; ++k) asm_.store_mask(k, at(kMasks + k * 8));
    for (int k = 0; k < 5; ++k) asm_.store_pointer(kKept[k], kRsp, kGeneral + k * 8);
    asm_.vector(kStore, rare.in, 0, at(kTaken));
    asm_.load_number(kRax, 0);
    asm_.store_pointer(kRax, kRsp, kPointers + 16);
    for (int k = 0; k < 2; ++k) {
      asm_.load_address(kRax, kRsp, k ? kGiven : kTaken);
      asm_.store_pointer(kRax, kRsp, kPointers + k * 8);
    }
    asm_.load_address(kRdi, kRsp, kPointers);
    asm_.load_number(kRsi, asm_.lanes());
    asm_.call(number_of(rare.program));
    for (int r = 0; r < asm_.registers(); ++r) asm_.vector(kLoad, r, 0, at(r * kBytes));
    for (int k = 1; asm_.wide() && k < kMaskRegisters; ++k) asm_.move_mask(k, at(kMasks + k * 8));
    for (int k = 0; k < 5; ++k) asm_.load_pointer(kKept[k], kRsp, kGeneral + k * 8);
    if (asm_.wide()) {
      asm_.vector({2, 1, 0x65}, rare.out, rare.out, at(kGiven), rare.mask);
    } else {
      asm_.vector({3, 1, 0x4A}, rare.out, rare.out, at(kGiven));
      asm_.immediate(static_cast<uint8_t>(rare.mask << 4));
    }
    asm_.change_stack(kAll);
    asm_.set_target(asm_.jump(), rare.back);
  }

  // Of the code that is called.
  size_t number_of(size_t program) {
    while (called_.size() < p_.rare.size()) {
      called_.push_back(
          assemble_lanes(p_.rare[called_.size()], asm_.wide() ? VectorWidth::kAvx512 : VectorWidth::kAvx2, 1));
      if (called_.back().empty()) throw DoesNotFit{};
    }
    return program;
  }

  const std::vector<Part> parts_;
  const bool whole_;
  std::vector<Rare> rare_;
  std::vector<std::vector<uint8_t>> called_;

  // ---- masks ----------------------------------------------------------------------------------------------------

  void mask_constant(Lane i, const LaneStep& s) {
    const int k = take_mask();
    asm_.mask(s.value ? 0x46 : 0x47, k, k, k, false);
    hold_mask(i, k);
  }

  void mask_logic(Lane i, const LaneStep& s) {
    const int a = in_register(s.a), b = in_register(s.b);
    release(s);
    const int k = take_mask();
    const int op = s.op == LaneOp::kAnd ? 0x41 : s.op == LaneOp::kOr ? 0x45 : s.op == LaneOp::kXor ? 0x47 : 0x42;
    asm_.mask(static_cast<uint8_t>(op), k, a, b, false);
    hold_mask(i, k);
  }

  void load_mask(Lane i, const LaneStep& s) {
    const int reg = take();
    Operand from = element(i);
    if (p_.repeated[s.value]) from = Operand::memory(general_[s.value], 0);
    if (asm_.wide()) {
      const bool all = !masked_ || p_.repeated[s.value];
      asm_.narrow({1, 3, 0x6F}, reg, 0, from, all ? 0 : kLanesMask | kZeroOthers);
      const int k = take_mask();
      asm_.narrow({2, 1, 0x26}, k, reg, Operand::vector(reg));
      return hold_mask(i, k);
    }
    asm_.vector({2, 1, 0x31}, reg, 0, from);
    asm_.vector({1, 1, 0x66}, reg, reg, Operand::pool(constant(0)));
    hold(i, reg);
  }

  void store_result(const Interleaved::Result& result) {
    const LaneType type = p_.streams[result.stream];
    const int from = in_register(result.lane);
    const Operand to = element(result.stream, type, result.copy);
    if (type == LaneType::kMask)
      store_mask(from, to);
    else
      store_element(from, to);
    locked_.clear();
  }

  void store_mask(int from, const Operand& to) {
    const int reg = take();
    if (asm_.wide()) {
      asm_.narrow({2, 2, 0x28}, reg, 0, Operand::vector(from));
      asm_.narrow({2, 1, 0x1C}, reg, 0, Operand::vector(reg));
      return asm_.narrow({1, 3, 0x7F}, reg, 0, to, lanes_that_count());
    }
    asm_.vector({3, 1, 0x39}, from, 0, Operand::vector(reg));
    asm_.immediate(1);
    asm_.narrow({1, 1, 0x6B}, reg, from, Operand::vector(reg));
    asm_.narrow({1, 1, 0x63}, reg, reg, Operand::vector(reg));
    asm_.narrow({2, 1, 0x1C}, reg, 0, Operand::vector(reg));
    asm_.narrow({1, 1, 0xD6}, reg, 0, to);
  }
};

std::vector<uint8_t> assemble(const LaneProgram& program, VectorWidth width, const std::vector<Part>& parts,
                              bool whole) {
  const bool several = parts[0].copies > 1, in_pairs = !program.sums.empty() && width == VectorWidth::kAvx2;
  const auto emitter = [&](const LanePlaces::Registers& registers) {
    return Emitter(program, width, parts, registers, whole);
  };
  try {
    Emitter first = emitter({});
    const std::vector<uint8_t> code = first.run();
    if (first.spills() && parts[0].copies > (in_pairs ? 2 : 1)) return {};
    constexpr int kToShare = 2;
    const int spare = Assembler(width).registers() - first.most_used() - (several ? kToShare : 0);
    LanePlaces::Registers registers{std::max(0, spare), several, true};
    Emitter pinned = emitter(registers);
    const std::vector<uint8_t> better = pinned.run();
    registers.stack = pinned.uses_slots();
    return registers.stack ? better : emitter(registers).run();
  } catch (const DoesNotFit&) {
    return {};
  }
}

}  // namespace

std::vector<uint8_t> assemble_lanes(const LaneProgram& program, VectorWidth width, int copies) {
  return assemble(program, width, {{copies, 0}}, false);
}

std::vector<uint8_t> assemble_row(const LaneProgram& program, VectorWidth width, int copies) {
  const int64_t length = program.length, lanes = Assembler(width).lanes(), at_once = copies * lanes;
  const bool adds = std::count(program.combines.begin(), program.combines.end(), Combine::kSum) != 0;
  const int64_t blocks = adds && length > TW_KERNEL_BLOCK ? length - length % TW_KERNEL_BLOCK : 0;
  const int64_t looped = length - (length - blocks) % at_once, whole = length - length % lanes;
  // Sums of AVX2 are two vectors, to which others are added in turn.
  if (width == VectorWidth::kAvx2 && adds && copies % 2) return {};
  std::vector<Part> parts;
  if (blocks) parts.push_back({copies, blocks, false, TW_KERNEL_BLOCK});
  if (looped != blocks) parts.push_back({copies, looped});
  if (whole != looped) parts.push_back({static_cast<int>((whole - looped) / lanes), whole});
  if (length != whole) parts.push_back({1, length, true});
  return assemble(program, width, parts, true);
}

}  // namespace tw::jit
