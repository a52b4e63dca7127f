// Registers and instructions of a lane program: one pass in order; a value lies in a register from where it is computed
// to its last use, unless others need the register more.
#include <algorithm>
#include <optional>

#include "compile.h"

namespace tw::jit {
namespace {

constexpr int kStreams[] = {1, 2, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15};  // general registers for streams
constexpr int kSaved[] = {3, 5, 12, 13, 14, 15};                        // the caller's
constexpr int kRax = 0, kRsp = 4, kRsi = 6, kRdi = 7;
constexpr int kMostSlots = 60;  // of the stack: within one page
constexpr int kMaskRegisters = 8;
constexpr int kNever = INT32_MAX;

struct DoesNotFit {};

constexpr VectorOp kLoad{1, 0, 0x10}, kStore{1, 0, 0x11}, kMove{1, 0, 0x28}, kSpread{2, 1, 0x18};
constexpr VectorOp kBitAnd{1, 0, 0x54}, kBitAndNot{1, 0, 0x55}, kBitOr{1, 0, 0x56}, kBitXor{1, 0, 0x57};

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

// The program for several vectors at once, a step of each in turn: while one waits for a result, the others go on.
struct Interleaved {
  struct Result {
    Lane lane;
    uint32_t stream;
    int copy;
  };
  std::vector<LaneStep> steps;
  std::vector<int> copy;  // by step: of which vector it is, from the first
  std::vector<Result> results;
  std::vector<std::pair<Lane, size_t>> sums;  // in the order of the elements, with the number of the sum

  Interleaved(const LaneProgram& program, int copies) {
    std::vector<std::vector<Lane>> renamed(copies, std::vector<Lane>(program.steps.size(), -1));
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const LaneStep& s = program.steps[i];
      const bool same = s.op == LaneOp::kConstant || (s.op == LaneOp::kInput && program.repeated[s.value]);
      for (int k = 0; k < copies; ++k) {
        if (k == 0 || !same) {
          LaneStep step = s;
          for (Lane* lane : {&step.a, &step.b, &step.c})
            if (*lane >= 0) *lane = renamed[k][*lane];
          steps.push_back(step), copy.push_back(k);
        }
        renamed[k][i] = static_cast<Lane>(steps.size() - 1);
      }
    }
    for (int k = 0; k < copies; ++k) {
      for (const auto& [lane, stream] : program.results) results.push_back({renamed[k][lane], stream, k});
      for (size_t n = 0; n < program.sums.size(); ++n) sums.emplace_back(renamed[k][program.sums[n].first], n);
    }
  }
};

class Emitter {
 public:
  Emitter(const LaneProgram& program, VectorWidth width, int copies, int pinned, bool stack)
      : p_(program),
        all_(program, copies),
        copies_(copies),
        stack_(stack),
        asm_(width),
        uses_(all_.steps.size()),
        place_(all_.steps.size()),
        holder_(asm_.registers(), -1) {
    const auto count = static_cast<int>(all_.steps.size());
    for (int i = 0; i < count; ++i)
      for (const Lane lane : {all_.steps[i].a, all_.steps[i].b, all_.steps[i].c})
        if (lane >= 0) uses_[lane].push_back(i);
    for (const auto& result : all_.results) uses_[result.lane].push_back(count);
    for (const auto& sum : all_.sums) uses_[sum.first].push_back(count);
    general_.assign(p_.streams.size(), -1);
    size_t next = 0;
    for (size_t k = 0; k < p_.streams.size(); ++k) {
      if ((p_.repeated[k] && p_.streams[k] != LaneType::kMask) || is_sum(k)) continue;
      if (next == std::size(kStreams)) throw DoesNotFit{};
      general_[k] = kStreams[next++];
    }
    for (size_t k = 0; k < p_.sums.size(); ++k) holder_.at(asm_.registers() - 1 - pinned_++) = kAccumulator;
    if (!p_.sums.empty()) masks_[kLanesMask] = kAccumulator;
    choose_pinned(pinned);
  }

  std::vector<uint8_t> run() {
    prologue();
    const size_t loop = asm_.here();
    const auto count = static_cast<int>(all_.steps.size());
    for (const uint32_t stream : p_.fetched)
      for (int copy = 0; copy < copies_; ++copy) asm_.prefetch(element(stream, LaneType::kF32, copy));
    for (at_ = 0; at_ < count; ++at_) step(at_);
    for (const auto& result : all_.results) store_result(result);
    for (const auto& [lane, k] : all_.sums) {
      const int from = in_register(lane);
      asm_.vector({1, 0, 0x58}, accumulator(k), accumulator(k), Operand::vector(from), kLanesMask);
      locked_.clear();
    }
    asm_.add_rax(static_cast<int8_t>(copies_ * asm_.lanes()));
    asm_.compare_rax(kRsi);
    asm_.jump_back_if_below(loop);
    epilogue();
    return asm_.assemble(pool_);
  }

  int most_used() const { return most_used_; }
  int spills() const { return spills_; }
  int slots() const { return slots_; }

 private:
  struct Place {
    int reg = -1;   // vector register, or mask register of AVX-512
    int slot = -1;  // of the stack
    bool pinned = false;
  };

  const LaneStep& of(Lane lane) const { return all_.steps[static_cast<size_t>(lane)]; }
  bool in_mask_register(Lane lane) const { return asm_.wide() && of(lane).type == LaneType::kMask; }
  bool is_constant(Lane lane) const { return of(lane).op == LaneOp::kConstant; }
  bool is_repeated(Lane lane) const { return of(lane).op == LaneOp::kInput && general_[of(lane).value] < 0; }
  bool is_stream(Lane lane) const {
    return of(lane).op == LaneOp::kInput && !is_repeated(lane) && of(lane).type != LaneType::kMask;
  }
  bool fixed(Lane lane) const { return !in_mask_register(lane) && (is_constant(lane) || is_repeated(lane)); }

  // ---- sums: in the last registers ------------------------------------------------------------------------------

  static constexpr Lane kAccumulator = INT32_MAX;  // holds a register for good
  static constexpr int kLanesMask = 7;

  int accumulator(size_t k) const { return asm_.registers() - 1 - static_cast<int>(k); }
  // Whether the stream is that of a sum, or of the lanes that sums take.
  bool is_sum(size_t stream) const {
    if (p_.sums.empty()) return false;
    return stream + 1 == p_.streams.size() ||
           std::any_of(p_.sums.begin(), p_.sums.end(), [&](const auto& sum) { return sum.second == stream; });
  }
  // From where they begin, which the pointers after the streams name; to their streams.
  void move_sums(VectorOp op) {
    for (size_t k = 0; k < p_.sums.size(); ++k) {
      const size_t from = op.opcode == kLoad.opcode ? p_.streams.size() + k : p_.sums[k].second;
      asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(from) * 8);
      asm_.vector(op, accumulator(k), 0, Operand::memory(kRax, 0));
    }
  }

  // ---- around the loop ------------------------------------------------------------------------------------------

  void choose_pinned(int count) {
    std::vector<Lane> candidates;
    for (Lane lane = 0; lane < static_cast<Lane>(all_.steps.size()); ++lane)
      if (fixed(lane)) candidates.push_back(lane);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](Lane a, Lane b) { return uses_[a].size() > uses_[b].size(); });
    for (const Lane lane : candidates) {
      if (count-- > 0) {
        place_[lane].reg = asm_.registers() - 1 - pinned_++;
        place_[lane].pinned = true;
        holder_[place_[lane].reg] = lane;
      } else if (is_repeated(lane)) {
        place_[lane].slot = new_slot();
      }
    }
  }

  bool uses(int general) const { return std::find(general_.begin(), general_.end(), general) != general_.end(); }

  void prologue() {
    for (const int r : kSaved)
      if (uses(r)) asm_.push(r);
    if (stack_) asm_.change_stack(-kMostSlots * 64);
    for (Lane lane = 0; lane < static_cast<Lane>(all_.steps.size()); ++lane) {
      if (!fixed(lane)) continue;
      const int reg = place_[lane].pinned ? place_[lane].reg : 0;
      if (is_constant(lane)) {
        if (place_[lane].pinned) load_constant(reg, lane);
        continue;
      }
      asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(of(lane).value) * 8);
      asm_.vector(kSpread, reg, 0, Operand::memory(kRax, 0));
      if (!place_[lane].pinned) asm_.vector(kStore, reg, 0, stack(place_[lane].slot));
    }
    for (size_t k = 0; k < general_.size(); ++k)
      if (general_[k] >= 0) asm_.load_pointer(general_[k], kRdi, static_cast<int32_t>(k) * 8);
    move_sums(kLoad);
    if (!p_.sums.empty()) {
      asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(p_.streams.size() - 1) * 8);
      asm_.load_mask(kLanesMask, kRax);
    }
    asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(p_.streams.size() + p_.sums.size()) * 8);
  }

  void epilogue() {
    move_sums(kStore);
    asm_.finish();
    if (stack_) asm_.change_stack(kMostSlots * 64);
    for (size_t k = std::size(kSaved); k-- > 0;)
      if (uses(kSaved[k])) asm_.pop(kSaved[k]);
    asm_.ret();
  }

  // ---- places ---------------------------------------------------------------------------------------------------

  static Operand stack(int slot) { return Operand::memory(kRsp, slot * 64); }
  int new_slot() {
    if (slots_ == kMostSlots || !stack_) throw DoesNotFit{};
    return slots_++;
  }
  Operand element(uint32_t stream, LaneType type, int copy) const {
    const int scale = type == LaneType::kMask ? 0 : 2;
    return Operand::element(general_[stream], kRax, scale, (copy * asm_.lanes()) << scale);
  }
  Operand element(Lane lane) const { return element(of(lane).value, of(lane).type, all_.copy[lane]); }

  int32_t constant(uint32_t bits) {
    const auto found = std::find(pool_.begin(), pool_.end(), bits);
    if (found != pool_.end()) return static_cast<int32_t>(found - pool_.begin());
    pool_.push_back(bits);
    return static_cast<int32_t>(pool_.size() - 1);
  }
  void load_constant(int reg, Lane lane) {
    if (asm_.wide())
      asm_.vector(kSpread, reg, 0, Operand::number(constant(of(lane).value)));
    else
      asm_.vector(kLoad, reg, 0, Operand::pool(constant(of(lane).value)));
  }

  int next_use(Lane lane) const {
    const std::vector<int>& uses = uses_[lane];
    const auto next = std::lower_bound(uses.begin(), uses.end(), at_);
    return next == uses.end() ? kNever : *next;
  }
  bool ends_here(Lane lane) const { return uses_[lane].empty() || uses_[lane].back() <= at_; }

  int take() {
    int best = -1, furthest = -1;
    for (int r = 0; r < asm_.registers(); ++r) {
      const Lane lane = holder_[r];
      if (lane < 0) return occupy(r);
      if (lane == kAccumulator || place_[lane].pinned || is_locked(lane)) continue;
      if (const int next = next_use(lane); next > furthest) furthest = next, best = r;
    }
    if (best < 0) throw DoesNotFit{};
    put_out(holder_[best]);
    return occupy(best);
  }
  int occupy(int r) {
    int used = 1;
    for (const Lane lane : holder_) used += lane >= 0;
    most_used_ = std::max(most_used_, used);
    return r;
  }

  void put_out(Lane lane) {
    const int reg = place_[lane].reg;
    const bool elsewhere = is_constant(lane) || is_stream(lane) || place_[lane].slot >= 0;
    if (!elsewhere) {
      place_[lane].slot = new_slot(), ++spills_;
      asm_.vector(kStore, reg, 0, stack(place_[lane].slot));
    }
    place_[lane].reg = -1, holder_[reg] = -1;
  }

  bool is_locked(Lane lane) const { return std::find(locked_.begin(), locked_.end(), lane) != locked_.end(); }
  void hold(Lane lane, int reg) { place_[lane].reg = reg, holder_[reg] = lane; }

  // Its register, into which it is brought if need be; it stays there while this step is written.
  int in_register(Lane lane) {
    locked_.push_back(lane);
    if (place_[lane].reg >= 0) return place_[lane].reg;
    if (in_mask_register(lane)) throw DoesNotFit{};
    const int reg = take();
    if (place_[lane].slot >= 0)
      asm_.vector(kLoad, reg, 0, stack(place_[lane].slot));
    else if (is_constant(lane))
      load_constant(reg, lane);
    else
      asm_.vector(kLoad, reg, 0, element(lane));
    hold(lane, reg);
    return reg;
  }

  // Where it is; a stream that is used once is read as an operand.
  Operand anywhere(Lane lane) {
    if (place_[lane].reg >= 0) return locked_.push_back(lane), Operand::vector(place_[lane].reg);
    if (place_[lane].slot >= 0) return stack(place_[lane].slot);
    if (is_constant(lane)) return Operand::pool(constant(of(lane).value));
    if (uses_[lane].size() == 1) return element(lane);
    return Operand::vector(in_register(lane));
  }
  bool in_memory(Lane lane) const {
    if (place_[lane].reg >= 0) return false;
    return place_[lane].slot >= 0 || is_constant(lane) || (is_stream(lane) && uses_[lane].size() == 1);
  }

  // The operands of this step that nothing else needs.
  void release(const LaneStep& step) {
    locked_.clear();
    for (const Lane lane : {step.a, step.b, step.c})
      if (lane >= 0 && ends_here(lane)) drop(lane);
  }
  void drop(Lane lane) {
    Place& place = place_[lane];
    if (place.pinned || place.reg < 0) return;
    (in_mask_register(lane) ? masks_[place.reg] : holder_[place.reg]) = -1;
    place.reg = -1;
  }

  int take_mask() {
    for (int k = 1; k < kMaskRegisters; ++k)
      if (masks_[k] < 0) return k;
    throw DoesNotFit{};
  }
  void hold_mask(Lane lane, int k) { place_[lane].reg = k, masks_[k] = lane; }

  // ---- steps ----------------------------------------------------------------------------------------------------

  void step(int i) {
    const LaneStep& s = of(i);
    if (s.op == LaneOp::kInput) {
      if (s.type == LaneType::kMask) load_mask(i, s);
    } else if (s.op == LaneOp::kConstant) {
      if (in_mask_register(i)) mask_constant(i, s);
    } else if (s.op == LaneOp::kFma) {
      fma(i, s);
    } else if (s.op == LaneOp::kSelect) {
      select(i, s);
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
      asm_.narrow({1, 2, 0x6F}, reg, 0, from);
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
      asm_.vector(kStore, from, 0, to);
    locked_.clear();
  }

  void store_mask(int from, const Operand& to) {
    const int reg = take();
    if (asm_.wide()) {
      asm_.narrow({2, 2, 0x28}, reg, 0, Operand::vector(from));
      asm_.narrow({2, 1, 0x1C}, reg, 0, Operand::vector(reg));
      return asm_.narrow({1, 2, 0x7F}, reg, 0, to);
    }
    asm_.vector({3, 1, 0x39}, from, 0, Operand::vector(reg));
    asm_.immediate(1);
    asm_.narrow({1, 1, 0x6B}, reg, from, Operand::vector(reg));
    asm_.narrow({1, 1, 0x63}, reg, reg, Operand::vector(reg));
    asm_.narrow({2, 1, 0x1C}, reg, 0, Operand::vector(reg));
    asm_.narrow({1, 1, 0xD6}, reg, 0, to);
  }

  const LaneProgram& p_;
  const Interleaved all_;
  int copies_;
  bool stack_;  // whether values may be put there
  Assembler asm_;
  std::vector<std::vector<int>> uses_;  // by lane: the steps, and the number of steps for results
  std::vector<Place> place_;
  std::vector<Lane> holder_;  // by vector register
  Lane masks_[kMaskRegisters] = {-1, -1, -1, -1, -1, -1, -1, -1};
  std::vector<int> general_;  // by stream: its general register, or -1
  std::vector<Lane> locked_;
  std::vector<uint32_t> pool_;
  int at_ = 0, slots_ = 0, pinned_ = 0, most_used_ = 0, spills_ = 0;
};

}  // namespace

std::vector<uint8_t> assemble_lanes(const LaneProgram& program, VectorWidth width, int copies) {
  try {
    Emitter first(program, width, copies, 0, true);
    const std::vector<uint8_t> code = first.run();
    if (copies > 1 && first.spills()) return {};
    const int spare = std::max(0, Assembler(width).registers() - first.most_used());
    Emitter pinned(program, width, copies, spare, true);
    const std::vector<uint8_t> better = spare ? pinned.run() : code;
    const bool uses_stack = spare ? pinned.slots() : first.slots();
    return uses_stack ? better : Emitter(program, width, copies, spare, false).run();
  } catch (const DoesNotFit&) {
    return {};
  }
}

}  // namespace tw::jit
