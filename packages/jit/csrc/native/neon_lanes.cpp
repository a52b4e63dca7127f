#include "neon_lanes.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include <tensorwright/tw.hpp>

#include "neon_assembler.h"

namespace tw::jit {
namespace {

// v8 to v15 are the caller's.
constexpr int kVectors[] = {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
constexpr int kFirstPointer = 2, kPastPointers = 16;  // x2 to x15
constexpr int kIndex = 16;
constexpr int kMostSlots = 60;
constexpr int kMostPinned = 8;

constexpr NeonOp kFadd{0x4E20D400, "fadd"}, kFsub{0x4EA0D400, "fsub"}, kFmul{0x6E20DC00, "fmul"},
    kFdiv{0x6E20FC00, "fdiv"}, kFmla{0x4E20CC00, "fmla"}, kFmls{0x4EA0CC00, "fmls"}, kFcmeq{0x4E20E400, "fcmeq"},
    kFcmge{0x6E20E400, "fcmge"}, kFcmgt{0x6EA0E400, "fcmgt"}, kFacgt{0x6EA0EC00, "facgt"}, kAdd{0x4EA08400, "add"},
    kSub{0x6EA08400, "sub"}, kMul{0x4EA09C00, "mul"}, kSmin{0x4EA06C00, "smin"}, kSmax{0x4EA06400, "smax"},
    kUmin{0x6EA06C00, "umin"}, kSshl{0x4EA04400, "sshl"}, kUshl{0x6EA04400, "ushl"}, kCmgt{0x4EA03400, "cmgt"},
    kCmge{0x4EA03C00, "cmge"}, kCmeq{0x6EA08C00, "cmeq"}, kCmtst{0x4EA08C00, "cmtst"};
constexpr NeonOp kBitAnd{0x4E201C00, "and", "16b"}, kBitOr{0x4EA01C00, "orr", "16b"}, kBitXor{0x6E201C00, "eor", "16b"},
    kBitClear{0x4E601C00, "bic", "16b"}, kChoose{0x6E601C00, "bsl", "16b"};
constexpr NeonOp kTake{0x4E000000, "tbl", "16b"}, kTakeToo{0x4E001000, "tbx", "16b"};
constexpr NeonOp kFsqrt{0x6EA1F800, "fsqrt"}, kFneg{0x6EA0F800, "fneg"}, kFrintn{0x4E218800, "frintn"},
    kFrintm{0x4E219800, "frintm"}, kFrintp{0x4EA18800, "frintp"}, kFrintz{0x4EA19800, "frintz"},
    kScvtf{0x4E21D800, "scvtf"}, kFcvtzs{0x4EA1B800, "fcvtzs"}, kAbs{0x4EA0B800, "abs"}, kNeg{0x6EA0B800, "neg"};
constexpr NeonOp kNot{0x6E205800, "mvn", "16b"};
constexpr NeonOp kShl{0x4F005400, "shl"}, kUshr{0x6F000400, "ushr"}, kSshr{0x4F000400, "sshr"};
constexpr NeonOp kUshrBytes{0x2F000400, "ushr", "8b"}, kLongHalves{0x2F08A400, "ushll", "8h"},
    kLongWords{0x2F10A400, "ushll", "4s"}, kHalves{0x0E612800, "xtn", "4h"}, kBytes{0x0E212800, "xtn", "8b"};

struct DoesNotFit {};

struct Compared {
  NeonOp op;
  bool swapped, inverted;
};

// By the predicates of lanes.cpp.
Compared compared(const LaneStep& s) {
  const bool real = s.op == LaneOp::kCompare;
  const NeonOp greater = real ? kFcmgt : kCmgt, least = real ? kFcmge : kCmge, equal = real ? kFcmeq : kCmeq;
  switch (s.value) {
    case 0x11:
    case 1:
      return {greater, true, false};
    case 0x12:
    case 2:
      return {least, true, false};
    case 0x1E:
    case 6:
      return {greater, false, false};
    case 0x1D:
    case 5:
      return {least, false, false};
    case 0:
      return {equal, false, false};
    default:
      return {equal, false, true};
  }
}

std::optional<NeonOp> two_operands(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd:
      return kFadd;
    case LaneOp::kSub:
      return kFsub;
    case LaneOp::kMul:
      return kFmul;
    case LaneOp::kDiv:
      return kFdiv;
    case LaneOp::kAddInt:
      return kAdd;
    case LaneOp::kSubInt:
      return kSub;
    case LaneOp::kMulInt:
      return kMul;
    case LaneOp::kMinInt:
      return kSmin;
    case LaneOp::kMaxInt:
      return kSmax;
    case LaneOp::kAnd:
      return kBitAnd;
    case LaneOp::kOr:
      return kBitOr;
    case LaneOp::kXor:
      return kBitXor;
    default:
      return std::nullopt;
  }
}

std::optional<NeonOp> one_operand(const LaneStep& s) {
  switch (s.op) {
    case LaneOp::kSqrt:
      return kFsqrt;
    case LaneOp::kAbsInt:
      return kAbs;
    case LaneOp::kToFloat:
      return kScvtf;
    case LaneOp::kRound:
      return s.value == 8 ? kFrintn : s.value == 9 ? kFrintm : s.value == 10 ? kFrintp : kFrintz;
    default:
      return std::nullopt;
  }
}

class Emitter {
 public:
  explicit Emitter(const LaneProgram& program)
      : p_(program), uses_(program.steps.size()), place_(program.steps.size()), pointer_(program.streams.size(), -1) {
    if (!program.sums.empty()) throw DoesNotFit{};
    const auto count = static_cast<int>(p_.steps.size());
    for (int i = 0; i < count; ++i)
      for (const Lane lane : {of(i).a, of(i).b, of(i).c})
        if (lane >= 0) uses_[lane].push_back(i);
    for (const auto& result : p_.results) uses_[result.first].push_back(count);
    int next = kFirstPointer;
    for (int& pointer : pointer_) {
      if (next == kPastPointers) throw DoesNotFit{};
      pointer = next++;
    }
    std::fill(std::begin(holder_), std::end(holder_), kFree);
  }

  NeonCode run() {
    asm_.change_stack(-16 * kMostSlots);
    for (size_t k = 0; k < pointer_.size(); ++k) asm_.load_pointer(pointer_[k], 0, static_cast<uint32_t>(k));
    asm_.load_pointer(kIndex, 0, static_cast<uint32_t>(pointer_.size()));
    asm_.first_and_last();
    pin();
    const size_t loop = asm_.here();
    const auto count = static_cast<int>(p_.steps.size());
    for (at_ = 0; at_ < count; ++at_) {
      step(at_);
      locked_.clear();
      if (uses_[at_].empty()) drop(at_);
    }
    for (const auto& [lane, stream] : p_.results) store(lane, stream);
    asm_.next_below(loop);
    asm_.change_stack(16 * kMostSlots);
    asm_.ret();
    std::vector<uint8_t> bytes = asm_.assemble(pool_);
    return {std::move(bytes), asm_.text()};
  }

 private:
  static constexpr Lane kFree = -1, kScratch = -2;
  struct Place {
    int reg = -1, slot = -1;
    bool pinned = false;
  };

  const LaneStep& of(Lane lane) const { return p_.steps[static_cast<size_t>(lane)]; }
  bool is_constant(Lane lane) const { return of(lane).op == LaneOp::kConstant; }
  bool is_input(Lane lane) const { return of(lane).op == LaneOp::kInput; }
  bool is_fixed(Lane lane) const { return is_constant(lane) || (is_input(lane) && p_.repeated[of(lane).value]); }

  // ---- places ---------------------------------------------------------------------------------------------------

  // What is the same for all elements and used most is loaded once.
  void pin() {
    std::vector<Lane> candidates;
    for (Lane lane = 0; lane < static_cast<Lane>(p_.steps.size()); ++lane)
      if (is_fixed(lane)) candidates.push_back(lane);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](Lane a, Lane b) { return uses_[a].size() > uses_[b].size(); });
    candidates.resize(std::min<size_t>(candidates.size(), kMostPinned));
    for (const Lane lane : candidates) {
      load(lane, take());
      place_[lane].pinned = true;
    }
    locked_.clear();
  }

  int constant(uint32_t bits) { return pooled({bits, bits, bits, bits}); }
  int pooled(const Quad& quad) {
    const auto found = std::find(pool_.begin(), pool_.end(), quad);
    if (found != pool_.end()) return static_cast<int>(found - pool_.begin());
    pool_.push_back(quad);
    return static_cast<int>(pool_.size() - 1);
  }

  // Brings a value that does not lie in a register into this one.
  void load(Lane lane, int index) {
    const LaneStep& s = of(lane);
    const int v = kVectors[index];
    holder_[index] = lane, place_[lane].reg = index;
    if (place_[lane].slot >= 0) return asm_.load_slot(v, place_[lane].slot);
    if (is_constant(lane)) return asm_.load_pool(v, constant(s.value));
    const int base = pointer_[s.value];
    const bool mask = s.type == LaneType::kMask;
    if (!p_.repeated[s.value])
      asm_.load_element(v, base, mask);
    else
      mask ? asm_.load_bytes(v, base) : asm_.load_lanes(v, base);
    if (!mask) return;
    asm_.widen(kLongHalves, v, v, "8b", ", #0");
    asm_.widen(kLongWords, v, v, "4h", ", #0");
    asm_.three(kCmtst, v, v, v);
  }

  int next_use(Lane lane) const {
    const auto next = std::lower_bound(uses_[lane].begin(), uses_[lane].end(), at_);
    return next == uses_[lane].end() ? INT_MAX : *next;
  }
  bool ends_here(Lane lane) const { return uses_[lane].empty() || uses_[lane].back() <= at_; }
  bool is_locked(Lane lane) const { return std::find(locked_.begin(), locked_.end(), lane) != locked_.end(); }

  // A free register's index, of a value that is needed last if there is none.
  int take() {
    int best = -1, furthest = -1;
    for (int r = 0; r < static_cast<int>(std::size(kVectors)); ++r) {
      const Lane lane = holder_[r];
      if (lane == kFree) return r;
      if (lane == kScratch || place_[lane].pinned || is_locked(lane)) continue;
      if (const int next = next_use(lane); next > furthest) furthest = next, best = r;
    }
    if (best < 0) throw DoesNotFit{};
    put_out(holder_[best]);
    return best;
  }

  void put_out(Lane lane) {
    Place& place = place_[lane];
    if (!is_constant(lane) && !is_input(lane) && place.slot < 0) {
      if (slots_ == kMostSlots) throw DoesNotFit{};
      place.slot = slots_++;
      asm_.store_slot(kVectors[place.reg], place.slot);
    }
    holder_[place.reg] = kFree;
    place.reg = -1;
  }

  // The register of a value, for as long as this step is written.
  int in(Lane lane) {
    locked_.push_back(lane);
    if (place_[lane].reg < 0) load(lane, take());
    return kVectors[place_[lane].reg];
  }
  void drop(Lane lane) {
    Place& place = place_[lane];
    if (place.pinned || place.reg < 0) return;
    holder_[place.reg] = kFree;
    place.reg = -1;
  }
  // The register of this step's value: it may be that of an operand that ends here, if the operands were read before.
  int out(Lane lane, const LaneStep& s, bool after_reading) {
    if (after_reading) release(s);
    const int index = take();
    holder_[index] = lane, place_[lane].reg = index;
    locked_.push_back(lane);
    return kVectors[index];
  }
  void release(const LaneStep& s) {
    for (const Lane lane : {s.a, s.b, s.c})
      if (lane >= 0 && ends_here(lane)) drop(lane);
  }
  // A register beside, until it is given back.
  int scratch() {
    const int index = take();
    holder_[index] = kScratch;
    scratch_.push_back(index);
    return kVectors[index];
  }
  int number(uint32_t bits) { return numbers({bits, bits, bits, bits}); }
  int numbers(const Quad& quad) {
    const int v = scratch();
    asm_.load_pool(v, pooled(quad));
    return v;
  }
  void give_back() {
    for (const int index : scratch_) holder_[index] = kFree;
    scratch_.clear();
  }

  // ---- steps ----------------------------------------------------------------------------------------------------

  void step(Lane i) {
    const LaneStep& s = of(i);
    if (s.op == LaneOp::kInput || s.op == LaneOp::kConstant || s.op == LaneOp::kTable) return;  // where they are used
    if (const auto op = two_operands(s.op)) {
      const int a = in(s.a), b = in(s.b);
      return asm_.three(*op, out(i, s, true), a, b);
    }
    if (const auto op = one_operand(s)) {
      const int a = in(s.a);
      return asm_.two(*op, out(i, s, true), a);
    }
    several(i, s);
    give_back();
    release(s);
  }

  // What takes more than one instruction: the operands stay where they are until all are written.
  void several(Lane i, const LaneStep& s) {
    switch (s.op) {
      case LaneOp::kMin:
      case LaneOp::kMax:
        return extreme(i, s);
      case LaneOp::kFma:
        return fma(i, s);
      case LaneOp::kShl:
      case LaneOp::kUshr:
      case LaneOp::kShr:
        return shift(i, s);
      case LaneOp::kShlEach:
      case LaneOp::kUshrEach:
      case LaneOp::kShrEach:
        return shift_each(i, s);
      case LaneOp::kToInt:
        return to_int(i, s);
      case LaneOp::kAndNot: {
        const int a = in(s.a), b = in(s.b);
        return asm_.three(kBitClear, out(i, s, false), b, a);
      }
      case LaneOp::kCompare:
      case LaneOp::kCompareInt:
        return compare(i, s);
      case LaneOp::kSelect: {
        const int mask = in(s.a), b = in(s.b), c = in(s.c), d = out(i, s, false);
        move(d, mask);
        return asm_.three(kChoose, d, b, c);
      }
      case LaneOp::kLookup:
        return lookup(i, s);
      default:
        throw DoesNotFit{};
    }
  }

  void lookup(Lane i, const LaneStep& s) {
    const int bytes = in(s.a), before = s.c < 0 ? -1 : in(s.c), d = out(i, s, false);
    const uint32_t* four = kExpressionTables[of(s.b).value / 2] + 4 * s.value;
    if (s.c >= 0) move(d, before);
    asm_.take(s.c < 0 ? kTake : kTakeToo, d, numbers({four[0], four[1], four[2], four[3]}), bytes);
  }

  void move(int to, int from) { asm_.move(to, from); }

  // Of x86: the second if either is NaN or both are equal.
  void extreme(Lane i, const LaneStep& s) {
    const int a = in(s.a), b = in(s.b), d = out(i, s, false);
    s.op == LaneOp::kMin ? asm_.three(kFcmgt, d, b, a) : asm_.three(kFcmgt, d, a, b);
    asm_.three(kChoose, d, a, b);
  }

  void fma(Lane i, const LaneStep& s) {
    const int a = in(s.a), b = in(s.b), c = in(s.c), d = out(i, s, false);
    s.value & 1 ? asm_.two(kFneg, d, c) : move(d, c);
    asm_.three(s.value & 2 ? kFmls : kFmla, d, a, b);
  }

  void shift(Lane i, const LaneStep& s) {
    const int a = in(s.a), d = out(i, s, false);
    if (!s.value) return move(d, a);
    const bool left = s.op == LaneOp::kShl;
    asm_.shift(left ? kShl : s.op == LaneOp::kShr ? kSshr : kUshr, d, a, 32, static_cast<int>(s.value), left);
  }

  // A count is unsigned, and one of 32 or more shifts everything out; NEON takes its lowest byte, with a sign.
  void shift_each(Lane i, const LaneStep& s) {
    const int a = in(s.a), by = in(s.b), d = out(i, s, false);
    asm_.three(kUmin, d, by, number(s.op == LaneOp::kShrEach ? 31 : 32));
    if (s.op != LaneOp::kShlEach) asm_.two(kNeg, d, d);
    asm_.three(s.op == LaneOp::kShrEach ? kSshl : kUshl, d, a, d);
  }

  // What does not fit gives the smallest integer, as on x86.
  void to_int(Lane i, const LaneStep& s) {
    const int a = in(s.a), d = out(i, s, false);
    const int limit = number(0x4F000000u), smallest = number(0x80000000u), converted = scratch();
    asm_.two(kFcvtzs, converted, a);
    asm_.three(kFacgt, d, limit, a);
    asm_.three(kChoose, d, converted, smallest);
  }

  void compare(Lane i, const LaneStep& s) {
    const Compared how = compared(s);
    const int a = in(s.a), b = in(s.b), d = out(i, s, false);
    asm_.three(how.op, d, how.swapped ? b : a, how.swapped ? a : b);
    if (how.inverted) asm_.two(kNot, d, d);
  }

  void store(Lane lane, uint32_t stream) {
    const int from = in(lane);
    const bool mask = p_.streams[stream] == LaneType::kMask;
    if (!mask) {
      asm_.store_element(from, pointer_[stream], false);
    } else {
      const int v = scratch();
      asm_.widen(kHalves, v, from, "4s");
      asm_.widen(kBytes, v, v, "8h");
      asm_.shift(kUshrBytes, v, v, 8, 7, false);
      asm_.store_element(v, pointer_[stream], true);
      give_back();
    }
    locked_.clear();
  }

  const LaneProgram& p_;
  NeonAssembler asm_;
  std::vector<std::vector<int>> uses_;
  std::vector<Place> place_;
  std::vector<int> pointer_;  // by stream: its general register
  Lane holder_[std::size(kVectors)];
  std::vector<Lane> locked_;
  std::vector<int> scratch_;
  std::vector<Quad> pool_;
  int at_ = 0, slots_ = 0;
};

// Operands of each LaneOp but lookups.
constexpr int kOperands[] = {0, 0, 2, 2, 2, 2, 2, 2, 1, 3, 2, 1, 2, 2, 2, 2, 2,
                             1, 1, 1, 1, 2, 2, 2, 1, 1, 2, 2, 2, 2, 2, 2, 3};
static_assert(std::size(kOperands) == static_cast<size_t>(LaneOp::kSelect) + 1);

// Ops one after the other, as neon_listing says.
class Chain {
 public:
  explicit Chain(std::string_view steps) : program_(Machine::kNeon) {
    std::istringstream words{std::string(steps)};
    std::string word;
    words >> word;
    Lane value = stream(word.size() == 1 ? word[0] : 'x');
    while (words >> word) value = step(word, value);
    const Lane result = value;
    add_stream(program_.steps[static_cast<size_t>(result)].type, false);
    program_.results = {{result, static_cast<uint32_t>(program_.streams.size() - 1)}};
    program_.sweep();
  }
  const LaneProgram& program() const { return program_; }

 private:
  void add_stream(LaneType type, bool repeated) {
    program_.streams.push_back(type), program_.repeated.push_back(repeated);
  }

  Lane stream(char letter) {
    if (std::string_view("fmFM").find(letter) == std::string_view::npos)
      throw Error(TW_E_VALUE, "neon_code: a stream is f, m, F or M");
    add_stream(letter == 'f' || letter == 'F' ? LaneType::kF32 : LaneType::kMask, letter == 'F' || letter == 'M');
    return program_.input(static_cast<uint32_t>(program_.streams.size() - 1));
  }

  Lane step(const std::string& word, Lane value) {
    const size_t slash = word.find('/');
    if (word[0] == '#') return machine_step(word, value);
    const ExpressionEntry* expression = expression_named(word.substr(0, slash));
    if (!expression) throw Error(TW_E_VALUE, "neon_code: " + word + " has no expression");
    std::vector<Lane> operands{value};
    for (size_t k = slash == std::string::npos ? word.size() : slash + 1; k < word.size(); ++k)
      operands.push_back(stream(word[k]));
    try {
      const std::vector<Lane> results = program_.apply(*expression, operands);
      if (!results.empty()) return results[0];
    } catch (const std::out_of_range&) {
    }
    throw Error(TW_E_VALUE, "neon_code: " + word + " has no lanes for these operands");
  }

  // "#18/f": the LaneOp of that number, over whatever its operands are; "#13:5" with a value.
  Lane machine_step(const std::string& word, Lane value) {
    const size_t slash = word.find('/'), colon = word.find(':');
    const int number = std::atoi(word.c_str() + 1);
    if (number <= static_cast<int>(LaneOp::kConstant) || number > static_cast<int>(LaneOp::kSelect))
      throw Error(TW_E_VALUE, "neon_code: there is no lane op " + std::to_string(number));
    const auto op = static_cast<LaneOp>(number);
    const bool compares = op == LaneOp::kCompare || op == LaneOp::kCompareInt;
    LaneStep made{op, compares ? LaneType::kMask : LaneType::kI32, 0, value, -1, -1};
    if (colon != std::string::npos) made.value = static_cast<uint32_t>(std::atoi(word.c_str() + colon + 1));
    if (slash != std::string::npos && slash + 1 < word.size()) made.b = stream(word[slash + 1]);
    if (slash != std::string::npos && slash + 2 < word.size()) made.c = stream(word[slash + 2]);
    const int given = slash == std::string::npos ? 1 : static_cast<int>(word.size() - slash);
    if (given != kOperands[number])
      throw Error(TW_E_VALUE, "neon_code: " + word + " takes " + std::to_string(kOperands[number]) + " operands");
    program_.steps.push_back(made);
    return static_cast<Lane>(program_.steps.size() - 1);
  }

  LaneProgram program_;
};

}  // namespace

NeonCode assemble_neon(const LaneProgram& program) {
  try {
    return Emitter(program).run();
  } catch (const DoesNotFit&) {
    return {};
  }
}

std::string neon_listing(std::string_view steps) {
  const NeonCode code = assemble_neon(Chain(steps).program());
  if (code.bytes.empty()) throw Error(TW_E_VALUE, "neon_code: the program does not fit the registers");
  std::string lines;
  for (size_t k = 0; k < code.bytes.size() / 4; ++k) {
    uint32_t word = 0;
    for (size_t byte = 4; byte-- > 0;) word = word << 8 | code.bytes[4 * k + byte];
    char digits[12];
    std::snprintf(digits, sizeof digits, "%08x", word);
    lines += std::string(digits) + (k < code.text.size() ? " " + code.text[k] : "") + "\n";
  }
  return lines;
}

}  // namespace tw::jit
