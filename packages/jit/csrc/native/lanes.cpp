#include "lanes.h"

#include <algorithm>
#include <cstring>

namespace tw::jit {
namespace {

constexpr uint32_t kSign = 0x80000000u;
constexpr uint32_t kOnes = 0xFFFFFFFFu;
constexpr uint32_t kOne = 0x3F800000u;  // 1.0

// The predicates of VCMPPS and VPCMPD for lt, le, gt, ge, eq, ne.
constexpr uint32_t kFloatPredicates[] = {0x11, 0x12, 0x1E, 0x1D, 0x00, 0x04};
constexpr uint32_t kIntPredicates[] = {1, 2, 6, 5, 0, 4};

constexpr bool is_comparison(Operation op) { return op >= Operation::kLt && op <= Operation::kNe; }
constexpr int comparison(Operation op) { return static_cast<int>(op) - static_cast<int>(Operation::kLt); }

}  // namespace

const ExpressionEntry* expression_named(std::string_view op) {
  const ExpressionEntry* end = kExpressions + kExpressionCount;
  const ExpressionEntry* found =
      std::lower_bound(kExpressions, end, op, [](const ExpressionEntry& e, std::string_view n) { return e.name < n; });
  return found != end && found->name == op ? found : nullptr;
}

Lane LaneProgram::add(LaneOp op, LaneType type, uint32_t value, Lane a, Lane b, Lane c) {
  const auto [known, fresh] = known_.try_emplace({op, type, value, a, b, c}, static_cast<Lane>(steps.size()));
  if (fresh) steps.push_back({op, type, value, a, b, c});
  return known->second;
}

size_t LaneProgram::addresses() const {
  size_t count = 0;
  for (size_t k = 0; k < streams.size(); ++k) count += has_address(k);
  return count;
}

Lane LaneProgram::input(uint32_t stream) { return add(LaneOp::kInput, streams[stream], stream); }

Lane LaneProgram::number(bool truth, const unsigned char* value) {
  if (truth) return constant(LaneType::kMask, *value ? kOnes : 0);
  uint32_t bits;
  std::memcpy(&bits, value, sizeof bits);
  return constant(LaneType::kF32, bits);
}

std::vector<Lane> LaneProgram::apply(const ExpressionEntry& expression, const std::vector<Lane>& operands) {
  const uint16_t* at = kExpressionCode + expression.start;
  std::vector<Lane> lanes(expression.count);
  std::vector<LaneType> types(expression.count);
  std::vector<bool> unlikely(expression.count);
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    const auto op = static_cast<Operation>(*at & 0xFF);
    const LaneType type = types[i] = static_cast<LaneType>(*at++ >> 8);
    if (op == Operation::kOperand) {
      lane = operands.at(*at++);
    } else if (op == Operation::kConstant) {
      lane = constant(type, type == LaneType::kMask ? (at[0] ? kOnes : 0) : uint32_t{at[1]} << 16 | at[0]);
      at += 2;
    } else if (op == Operation::kCall) {
      const ExpressionEntry& callee = kExpressionFunctions[*at++];
      std::vector<Lane> args(*at++);
      for (Lane& arg : args) arg = lanes[*at++];
      if (const auto done = by_instruction(callee, args)) {
        lane = *done;
        continue;
      }
      const std::vector<Lane> results = apply(callee, args);
      if (results.empty()) return {};
      lane = results[0];
    } else if (op == Operation::kLookup) {
      const uint32_t table = *at++;
      lane = lookup(type, table, lanes[*at++]);
    } else {
      if (op == Operation::kUnlikely) unlikely[i] = true;
      const bool rarely = op == Operation::kSelect && unlikely[*at];
      Lane args[3];
      const LaneType over = is_comparison(op) ? types[*at] : type;
      for (int k = 0; k < kOperationArguments[static_cast<int>(op)]; ++k) args[k] = lanes[*at++];
      lane = rarely ? select(type, args[0], args[1], args[2], true) : primitive(op, type, over, args);
    }
    if (lane < 0) return {};
  }
  std::vector<Lane> results;
  for (int r = 0; r < expression.result_count; ++r) results.push_back(lanes[expression.results[r]]);
  return results;
}

// Functions of the library that an instruction computes, to the same bits.
std::optional<Lane> LaneProgram::by_instruction(const ExpressionEntry& function, const std::vector<Lane>& args) {
  if (machine_ != Machine::kAvx512) return std::nullopt;
  const std::string_view name = function.name;
  if (name == "_scale") return add(LaneOp::kScale, LaneType::kF32, 0, args[0], args[1]);
  if (name == "_two_to") return add(LaneOp::kScale, LaneType::kF32, 0, constant(LaneType::kF32, kOne), args[0]);
  return std::nullopt;
}

// What the lane is the negative of.
std::optional<Lane> LaneProgram::negated(Lane lane) const {
  const LaneStep& step = steps[static_cast<size_t>(lane)];
  if (step.op != LaneOp::kXor || step.type != LaneType::kF32) return std::nullopt;
  const LaneStep& sign = steps[static_cast<size_t>(step.b)];
  return sign.op == LaneOp::kConstant && sign.value == kSign ? std::optional(step.a) : std::nullopt;
}

Lane LaneProgram::fma(Lane a, Lane b, Lane c) {
  uint32_t signs = 0;
  for (Lane* factor : {&a, &b})
    if (const auto positive = negated(*factor)) *factor = *positive, signs ^= 2;
  if (const auto positive = negated(c)) c = *positive, signs |= 1;
  return add(LaneOp::kFma, LaneType::kF32, signs, a, b, c);
}

// ---- primitives ---------------------------------------------------------------------------------------------------

// A bit cast leaves a value in its register; that is why `over`, what the arguments are, is not read off the lanes.
Lane LaneProgram::primitive(Operation op, LaneType type, LaneType over, const Lane* args) {
  if (op == Operation::kUnlikely || op == Operation::kBitcast) return args[0];
  if (op == Operation::kSelect) return select(type, args[0], args[1], args[2], false);
  if (op == Operation::kToFloat) return add(LaneOp::kToFloat, type, 0, args[0]);
  if (op == Operation::kToInt) return add(LaneOp::kToInt, type, 0, args[0]);
  if (over == LaneType::kF32) return of_floats(op, args);
  return over == LaneType::kI32 ? of_integers(op, args) : of_masks(op, args);
}

Lane LaneProgram::of_floats(Operation op, const Lane* args) {
  constexpr LaneType kF = LaneType::kF32;
  const Lane a = args[0];
  const auto two = [&](LaneOp which) { return add(which, kF, 0, a, args[1]); };
  const auto bits = [&](LaneOp which, Lane x, uint32_t mask) { return add(which, kF, 0, x, constant(kF, mask)); };
  const auto minimum = [&](Lane x, Lane y) {
    return add(LaneOp::kOr, kF, 0, add(LaneOp::kMin, kF, 0, x, y), add(LaneOp::kMin, kF, 0, y, x));
  };
  const auto negative = [&](Lane x) { return bits(LaneOp::kXor, x, kSign); };
  const auto is_one = [&](Lane x) {
    const LaneStep& step = steps[static_cast<size_t>(x)];
    return step.op == LaneOp::kConstant && step.value == kOne;
  };
  switch (op) {
    case Operation::kAdd:
      if (const auto b = negated(args[1])) return add(LaneOp::kSub, kF, 0, a, *b);
      return two(LaneOp::kAdd);
    case Operation::kSub:
      if (const auto b = negated(args[1])) return add(LaneOp::kAdd, kF, 0, a, *b);
      return two(LaneOp::kSub);
    case Operation::kMul:
      if (is_one(args[1])) return a;
      if (is_one(a)) return args[1];
      return two(LaneOp::kMul);
    case Operation::kDiv:
      return two(LaneOp::kDiv);
    case Operation::kMin_:
      return two(LaneOp::kMin);
    case Operation::kMax_:
      return two(LaneOp::kMax);
    case Operation::kNeg:
      return negative(a);
    case Operation::kAbs:
      return bits(LaneOp::kAnd, a, ~kSign);
    case Operation::kSqrt:
      return add(LaneOp::kSqrt, kF, 0, a);
    case Operation::kFma:
      return fma(a, args[1], args[2]);
    case Operation::kMinimum:
      return minimum(a, args[1]);
    case Operation::kMaximum:
      return negative(minimum(negative(a), negative(args[1])));
    case Operation::kRint:
      return add(LaneOp::kRound, kF, 8, a);
    case Operation::kFloor:
      return add(LaneOp::kRound, kF, 9, a);
    case Operation::kCeil:
      return add(LaneOp::kRound, kF, 10, a);
    case Operation::kTrunc:
      return add(LaneOp::kRound, kF, 11, a);
    case Operation::kCopysign:
      return add(LaneOp::kOr, kF, 0, bits(LaneOp::kAnd, a, ~kSign), bits(LaneOp::kAnd, args[1], kSign));
    default:
      if (!is_comparison(op)) return -1;
      return add(LaneOp::kCompare, LaneType::kMask, kFloatPredicates[comparison(op)], a, args[1]);
  }
}

Lane LaneProgram::of_integers(Operation op, const Lane* args) {
  constexpr LaneType kI = LaneType::kI32;
  const Lane a = args[0];
  const auto two = [&](LaneOp which) { return add(which, kI, 0, a, args[1]); };
  switch (op) {
    case Operation::kAdd:
      return two(LaneOp::kAddInt);
    case Operation::kSub:
      return two(LaneOp::kSubInt);
    case Operation::kMul:
      return two(LaneOp::kMulInt);
    case Operation::kMin_:
    case Operation::kMinimum:
      return two(LaneOp::kMinInt);
    case Operation::kMax_:
    case Operation::kMaximum:
      return two(LaneOp::kMaxInt);
    case Operation::kAnd_:
      return two(LaneOp::kAnd);
    case Operation::kOr_:
      return two(LaneOp::kOr);
    case Operation::kXor:
      return two(LaneOp::kXor);
    case Operation::kNot_:
      return add(LaneOp::kXor, kI, 0, a, constant(kI, kOnes));
    case Operation::kNeg:
      return add(LaneOp::kSubInt, kI, 0, constant(kI, 0), a);
    case Operation::kAbs:
      return add(LaneOp::kAbsInt, kI, 0, a);
    case Operation::kShl:
    case Operation::kShr:
    case Operation::kUshr:
      return shifted(op, a, args[1]);
    default:
      if (!is_comparison(op)) return -1;
      return add(LaneOp::kCompareInt, LaneType::kMask, kIntPredicates[comparison(op)], a, args[1]);
  }
}

Lane LaneProgram::shifted(Operation op, Lane a, Lane n) {
  const LaneStep& count = steps[static_cast<size_t>(n)];
  const bool by = count.op == LaneOp::kConstant && count.value < 32;
  const LaneOp fixed = op == Operation::kShl ? LaneOp::kShl : op == Operation::kShr ? LaneOp::kShr : LaneOp::kUshr;
  const LaneOp each = op == Operation::kShl   ? LaneOp::kShlEach
                      : op == Operation::kShr ? LaneOp::kShrEach
                                              : LaneOp::kUshrEach;
  return by ? add(fixed, LaneType::kI32, count.value, a) : add(each, LaneType::kI32, 0, a, n);
}

Lane LaneProgram::of_masks(Operation op, const Lane* args) {
  constexpr LaneType kM = LaneType::kMask;
  const Lane a = args[0];
  const auto two = [&](LaneOp which, Lane x, Lane y) { return add(which, kM, 0, x, y); };
  const auto negated = [&](Lane x) { return two(LaneOp::kXor, x, constant(kM, kOnes)); };
  switch (op) {
    case Operation::kAdd:
    case Operation::kMaximum:
    case Operation::kOr_:
      return two(LaneOp::kOr, a, args[1]);
    case Operation::kMul:
    case Operation::kMinimum:
    case Operation::kAnd_:
      return two(LaneOp::kAnd, a, args[1]);
    case Operation::kXor:
    case Operation::kNe:
      return two(LaneOp::kXor, a, args[1]);
    case Operation::kEq:
      return negated(two(LaneOp::kXor, a, args[1]));
    case Operation::kNot_:
      return negated(a);
    case Operation::kLt:
      return two(LaneOp::kAndNot, a, args[1]);
    case Operation::kGt:
      return two(LaneOp::kAndNot, args[1], a);
    case Operation::kLe:
      return two(LaneOp::kOr, negated(a), args[1]);
    case Operation::kGe:
      return two(LaneOp::kOr, a, negated(args[1]));
    default:
      return -1;
  }
}

Lane LaneProgram::select(LaneType type, Lane m, Lane a, Lane b, bool unlikely) {
  if (type != LaneType::kMask) return add(LaneOp::kSelect, type, unlikely, m, a, b);
  return add(LaneOp::kOr, type, 0, add(LaneOp::kAnd, type, 0, m, a), add(LaneOp::kAndNot, type, 0, m, b));
}

// The machine looks at the lowest bits of an index only. With AVX2 these are three, and the fourth chooses between
// halves, unless they are the same: a table of eight.
Lane LaneProgram::lookup(LaneType type, uint32_t table, Lane index) {
  constexpr int kHalf = kTableSize / 2;
  const uint32_t* numbers = kExpressionTables[table];
  const bool short_table = std::equal(numbers, numbers + kHalf, numbers + kHalf);
  const LaneStep& step = steps[static_cast<size_t>(index)];
  for (const auto& [number, bits] : {std::pair(step.a, step.b), std::pair(step.b, step.a)}) {
    if (step.op != LaneOp::kAnd) break;
    const LaneStep& kept = steps[static_cast<size_t>(bits)];
    if (kept.op == LaneOp::kConstant && kept.value == uint32_t(short_table ? kHalf : kTableSize) - 1)
      return lookup(type, table, number);
  }
  const auto half = [&](uint32_t which) {
    return add(LaneOp::kLookup, type, 0, index, add(LaneOp::kTable, type, 2 * table + which));
  };
  if (machine_ == Machine::kNeon) return lookup_by_bytes(type, table, index, short_table);
  if (machine_ == Machine::kAvx512 || short_table) return half(0);
  const Lane upper = add(LaneOp::kShl, LaneType::kI32, 28, index);
  return add(LaneOp::kSelect, type, 0, upper, half(1), half(0));
}

// The numbers of an element's four bytes are 4 i to 4 i + 3. A quarter of the table has 16 of them; where a number is
// of another quarter, it is 16 or more after the bits of this one are flipped.
Lane LaneProgram::lookup_by_bytes(LaneType type, uint32_t table, Lane index, bool short_table) {
  constexpr LaneType kI = LaneType::kI32;
  const uint32_t bits = short_table ? 3 : 4;
  const Lane first = add(LaneOp::kUshr, kI, 30 - bits, add(LaneOp::kShl, kI, 32 - bits, index));
  const Lane repeated = add(LaneOp::kMulInt, kI, 0, first, constant(kI, 0x01010101));
  const Lane bytes = add(LaneOp::kAddInt, kI, 0, repeated, constant(kI, 0x03020100));
  const Lane numbers = add(LaneOp::kTable, type, 2 * table);
  Lane found = add(LaneOp::kLookup, type, 0, bytes, numbers);
  for (uint32_t quarter = 1; quarter < 1u << (bits - 2); ++quarter) {
    const Lane flipped = add(LaneOp::kXor, kI, 0, bytes, constant(kI, quarter * 0x10101010));
    found = add(LaneOp::kLookup, type, quarter, flipped, numbers, found);
  }
  return found;
}

// ---- the whole ----------------------------------------------------------------------------------------------------

void LaneProgram::sweep() {
  std::vector<bool> used(steps.size(), false);
  for (const auto* list : {&results, &sums})
    for (const auto& result : *list) used[static_cast<size_t>(result.first)] = true;
  for (size_t i = steps.size(); i-- > 0;)
    for (const Lane lane : {steps[i].a, steps[i].b, steps[i].c})
      if (used[i] && lane >= 0) used[static_cast<size_t>(lane)] = true;
  std::vector<Lane> renamed(steps.size(), -1);
  size_t kept = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!used[i]) continue;
    LaneStep step = steps[i];
    for (Lane* lane : {&step.a, &step.b, &step.c})
      if (*lane >= 0) *lane = renamed[static_cast<size_t>(*lane)];
    renamed[i] = static_cast<Lane>(kept);
    steps[kept++] = step;
  }
  steps.resize(kept);
  for (auto* list : {&results, &sums})
    for (auto& result : *list) result.first = renamed[static_cast<size_t>(result.first)];
  known_.clear();
}

// ---- what is rarely needed ----------------------------------------------------------------------------------------

LaneProgram LaneProgram::with_rare_apart() const {
  LaneProgram program = *this;
  bool some = false;
  for (size_t i = 0; i < program.steps.size(); ++i)
    if (program.steps[i].op == LaneOp::kSelect && program.steps[i].value & 1) some |= program.put_apart(i);
  if (some) program.sweep();
  return program;
}

// The steps of which nothing but what this one chooses rarely needs the values.
std::vector<bool> LaneProgram::needed_for(size_t select) const {
  std::vector<bool> only(steps.size(), false), elsewhere(steps.size(), false);
  for (const auto* list : {&results, &sums})
    for (const auto& result : *list) elsewhere[static_cast<size_t>(result.first)] = true;
  for (size_t i = steps.size(); i-- > 0;) {
    const LaneStep& s = steps[i];
    if (i == select) {
      only[static_cast<size_t>(s.b)] = true;
      elsewhere[static_cast<size_t>(s.a)] = elsewhere[static_cast<size_t>(s.c)] = true;
      continue;
    }
    only[i] = only[i] && !elsewhere[i] && s.op != LaneOp::kInput;
    for (const Lane lane : {s.a, s.b, s.c})
      if (lane >= 0) (only[i] ? only : elsewhere)[static_cast<size_t>(lane)] = true;
  }
  return only;
}

// Makes a kRare step of a kSelect, if what it chooses rarely is long and computed from one value.
bool LaneProgram::put_apart(size_t select) {
  constexpr ptrdiff_t kLong = 12;
  const std::vector<bool> only = needed_for(select);
  if (std::count(only.begin(), only.end(), true) < kLong) return false;
  LaneProgram apart(machine_);
  std::vector<Lane> renamed(steps.size(), -1);
  Lane taken = -1;
  const auto inside = [&](Lane lane) {
    if (lane < 0 || renamed[static_cast<size_t>(lane)] >= 0)
      return lane < 0 ? lane : renamed[static_cast<size_t>(lane)];
    const LaneStep& s = steps[static_cast<size_t>(lane)];
    if (s.op == LaneOp::kConstant || s.op == LaneOp::kTable)
      return renamed[static_cast<size_t>(lane)] = apart.add(s.op, s.type, s.value);
    if (taken >= 0 || s.type == LaneType::kMask) return taken = -2;
    taken = lane;
    apart.streams = {s.type, LaneType::kF32}, apart.repeated = {false, false};
    return renamed[static_cast<size_t>(lane)] = apart.input(0);
  };
  for (size_t i = 0; i < select; ++i) {
    const LaneStep& s = steps[i];
    if (!only[i] || s.op == LaneOp::kConstant || s.op == LaneOp::kTable) continue;
    const Lane a = inside(s.a), b = inside(s.b), c = inside(s.c);
    if (taken == -2) return false;
    renamed[i] = apart.add(s.op, s.type, s.value, a, b, c);
  }
  if (taken < 0 || renamed[static_cast<size_t>(steps[select].b)] < 0) return false;
  apart.results = {{renamed[static_cast<size_t>(steps[select].b)], 1}};
  LaneStep& step = steps[select];
  step = {LaneOp::kRare, step.type, static_cast<uint32_t>(rare.size()), step.a, step.c, taken};
  rare.push_back(std::move(apart));
  return true;
}

// The largest is the smallest of the negated ones.
void LaneProgram::add_sum(Combine combine, Lane lane) {
  if (combine == Combine::kMax) lane = of_floats(Operation::kNeg, &lane);
  sums.emplace_back(lane, 0), combines.push_back(combine);
}

std::string LaneProgram::key() const {
  std::string text;
  const auto put = [&](uint32_t number) { text.append(reinterpret_cast<const char*>(&number), sizeof number); };
  for (const LaneStep& s : steps) {
    put(static_cast<uint32_t>(s.op) << 8 | static_cast<uint32_t>(s.type)), put(s.value);
    for (const Lane lane : {s.a, s.b, s.c}) put(static_cast<uint32_t>(lane));
  }
  for (size_t k = 0; k < streams.size(); ++k) put(static_cast<uint32_t>(streams[k]) << 1 | repeated[k]);
  for (const Combine combine : combines) put(static_cast<uint32_t>(combine));
  put(static_cast<uint32_t>(length)), put(static_cast<uint32_t>(fetched.size()));
  put(static_cast<uint32_t>(pitches.size()));
  for (const int32_t pitch : pitches) put(static_cast<uint32_t>(pitch));
  for (const Fetched& f : fetched) put(f.stream << 1 | f.written);
  for (const auto* list : {&results, &sums}) {
    put(static_cast<uint32_t>(list->size()));
    for (const auto& result : *list) put(static_cast<uint32_t>(result.first)), put(result.second);
  }
  return text;
}

}  // namespace tw::jit
