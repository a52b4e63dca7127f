#include "lane_places.h"

#include <algorithm>

namespace tw::jit {

LanePlaces::LanePlaces(const LaneProgram& program, VectorWidth width, const std::vector<Part>& parts,
                       const Registers& registers)
    : p_(program), registers_(registers), asm_(width), all_(program, 1) {
  for (const Part& part : parts) {
    most_copies_ = std::max(most_copies_, part.copies);
    if (part.block) blocks_ = static_cast<int>(part.end / part.block);
  }
  if (blocks_ * p_.sums.size() > kMostSlots / 2) throw DoesNotFit{};
  general_.assign(p_.streams.size(), -1);
  size_t next = 0;
  for (size_t k = 0; k < p_.streams.size(); ++k) {
    if (!p_.has_address(k) || is_sum(k)) continue;
    if (next == kMostAddresses || (blocks_ && kStreams[next] == kBlockSums)) throw DoesNotFit{};
    general_[k] = kStreams[next++];
  }
}

void LanePlaces::begin(const Part& part) {
  copies_ = part.copies, masked_ = part.masked;
  all_ = Interleaved(p_, copies_);
  const auto count = static_cast<int>(all_.steps.size());
  uses_.assign(all_.steps.size(), {}), place_.assign(all_.steps.size(), {});
  for (int i = 0; i < count; ++i)
    for (const Lane lane : {all_.steps[i].a, all_.steps[i].b, all_.steps[i].c})
      if (lane >= 0) uses_[lane].push_back(i);
  for (const auto& result : all_.results) uses_[result.lane].push_back(count);
  for (const auto& sum : all_.sums) uses_[sum.first].push_back(count);
  holder_.assign(asm_.registers(), -1), masks_.fill(-1);
  slots_ = pinned_ = 0;
  for (size_t k = 0; k < p_.sums.size(); ++k)
    for (int copy = 0; copy < (is_sum_of(k) ? 1 : most_copies_); ++copy, ++pinned_)
      holder_[accumulator(k, copy)] = kAccumulator;
  if (pinned_ > kMostAccumulators) throw DoesNotFit{};
  most_used_ = std::max(most_used_, pinned_ + 2 * static_cast<int>(p_.sums.size()));  // to fold them
  if (!p_.sums.empty() || masked_) masks_[kLanesMask] = kAccumulator;
  choose_pinned(registers_.pinned);
  load_fixed();
}

bool LanePlaces::is_stream(Lane lane) const {
  return of(lane).op == LaneOp::kInput && !is_repeated(lane) && of(lane).type != LaneType::kMask;
}

// ---- sums: in the last registers ------------------------------------------------------------------------------

bool LanePlaces::is_sum(size_t stream) const {
  if (p_.sums.empty()) return false;
  return stream + 1 == p_.streams.size() ||
         std::any_of(p_.sums.begin(), p_.sums.end(), [&](const auto& sum) { return sum.second == stream; });
}

int LanePlaces::accumulator(size_t k, int copy) const {
  int before = copy;
  for (size_t other = 0; other < k; ++other) before += is_sum_of(other) ? 1 : most_copies_;
  return asm_.registers() - 1 - before;
}

void LanePlaces::move_sums(VectorOp op) {
  const bool loads = op.opcode == kLoad.opcode;
  for (size_t k = 0; k < p_.sums.size(); ++k) {
    const size_t from = loads ? p_.streams.size() + k : p_.sums[k].second;
    asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(from) * 8);
    for (int copy = 0; copy < (loads && !is_sum_of(k) ? most_copies_ : 1); ++copy)
      asm_.vector(op, accumulator(k, copy), 0, Operand::memory(kRax, 0));
  }
}

// An instruction gives its second operand if one is NaN or both are zero: the bits of both orders together are right.
void LanePlaces::take_smaller(int reg, int other, int spare) {
  constexpr VectorOp kLeast{1, 0, 0x5D};
  asm_.vector(kLeast, spare, reg, Operand::vector(other));
  asm_.vector(kLeast, reg, other, Operand::vector(reg));
  asm_.vector(kBitOr, reg, reg, Operand::vector(spare));
}

// Each half is added to the other: of the four quarters, of the pairs of quarters, and so within each quarter.
void LanePlaces::fold(Folded which) {
  constexpr VectorOp kQuarters{3, 1, 0x23}, kNumbers{1, 0, 0xC6};
  constexpr uint8_t kHalves = 0x4E, kNeighbours = 0xB1;
  std::vector<size_t> folded;
  for (size_t k = 0; k < p_.sums.size(); ++k)
    if (which == Folded::kAll || is_sum_of(k) == (which == Folded::kSums)) folded.push_back(k);
  const auto spare = [](size_t k) { return static_cast<int>(2 * k); };
  for (const size_t k : folded)
    for (int copy = 1; copy < most_copies_ && !is_sum_of(k); ++copy)
      take_smaller(accumulator(k), accumulator(k, copy), spare(k));
  for (const VectorOp& swap : {kQuarters, kNumbers})
    for (const uint8_t how : {kHalves, kNeighbours})
      for (const size_t k : folded) {
        const int sum = accumulator(k), other = spare(k);
        asm_.vector(swap, other, sum, Operand::vector(sum));
        asm_.immediate(how);
        if (is_sum_of(k))
          asm_.vector(kAdd, sum, sum, Operand::vector(other));
        else
          take_smaller(sum, other, other + 1);
      }
  for (const size_t k : folded)
    if (p_.combines[k] == Combine::kMax)
      asm_.vector(kBitXor, accumulator(k), accumulator(k), Operand::pool(constant(0x80000000u)));
}

Operand LanePlaces::block_sum(int block, size_t k) const {
  const int place = block * static_cast<int>(p_.sums.size()) + static_cast<int>(k);
  return Operand::memory(kRsp, frame() - (place + 1) * 64);
}

void LanePlaces::keep_block_sums() {
  constexpr uint32_t kNothing = 0x80000000u;  // -0
  fold(Folded::kSums);
  for (size_t k = 0; k < p_.sums.size(); ++k) {
    if (!is_sum_of(k)) continue;
    asm_.vector(kStore, accumulator(k), 0, Operand::memory(kBlockSums, -static_cast<int32_t>(k) * 64));
    asm_.vector(kSpread, accumulator(k), 0, Operand::number(constant(kNothing)));
  }
  asm_.load_address(kBlockSums, kBlockSums, -static_cast<int32_t>(p_.sums.size()) * 64);
}

// A power of two of blocks, and the rest of them: to `reg`, with those above it to spare.
int LanePlaces::add_blocks(size_t k, int first, int count, int reg) {
  if (count == 1 && first == blocks_) return accumulator(k);
  if (count == 1) {
    asm_.vector(kLoad, reg, 0, block_sum(first, k));
    return reg;
  }
  int power = 1;
  while (2 * power < count) power *= 2;
  const int left = add_blocks(k, first, power, reg), right = add_blocks(k, first + power, count - power, reg + 1);
  asm_.vector(kAdd, reg, left, Operand::vector(right));
  return reg;
}

void LanePlaces::add_block_sums(bool unfinished) {
  for (size_t k = 0; k < p_.sums.size(); ++k)
    if (is_sum_of(k))
      asm_.vector(kMove, accumulator(k), 0, Operand::vector(add_blocks(k, 0, blocks_ + (unfinished ? 1 : 0), 0)));
}

// ---- around the loop ------------------------------------------------------------------------------------------

void LanePlaces::choose_pinned(int count) {
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

bool LanePlaces::uses(int general) const {
  return (blocks_ && general == kBlockSums) || std::find(general_.begin(), general_.end(), general) != general_.end();
}

void LanePlaces::prologue() {
  for (const int r : kSaved)
    if (uses(r)) asm_.push(r);
  if (frame()) asm_.change_stack(-frame());
  for (size_t k = 0; k < general_.size(); ++k)
    if (general_[k] >= 0) asm_.load_pointer(general_[k], kRdi, static_cast<int32_t>(k) * 8);
  move_sums(kLoad);
  if (!p_.sums.empty()) {
    asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(p_.streams.size() - 1) * 8);
    asm_.load_mask(kLanesMask, kRax);
  }
}

// What is the same for all elements: to registers, or spread on the stack.
void LanePlaces::load_fixed() {
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
}

void LanePlaces::epilogue() {
  move_sums(kStore);
  asm_.finish();
  if (frame()) asm_.change_stack(frame());
  for (size_t k = std::size(kSaved); k-- > 0;)
    if (uses(kSaved[k])) asm_.pop(kSaved[k]);
  asm_.ret();
}

// ---- places ---------------------------------------------------------------------------------------------------

int LanePlaces::new_slot() {
  const int free_slots = kMostSlots - blocks_ * static_cast<int>(p_.sums.size());
  if (slots_ == free_slots || !registers_.stack) throw DoesNotFit{};
  most_slots_ = std::max(most_slots_, slots_ + 1);
  return slots_++;
}

Operand LanePlaces::element(uint32_t stream, LaneType type, int copy) const {
  const int scale = type == LaneType::kMask ? 0 : 2;
  return Operand::element(general_[stream], kRax, scale, (copy * asm_.lanes()) << scale);
}

int32_t LanePlaces::constant(uint32_t bits) {
  const auto found = std::find(pool_.begin(), pool_.end(), bits);
  if (found != pool_.end()) return static_cast<int32_t>(found - pool_.begin());
  pool_.push_back(bits);
  return static_cast<int32_t>(pool_.size() - 1);
}

// A constant as an operand, or a table of 16 numbers, of which AVX2 has a half in a register.
Operand LanePlaces::pooled(Lane lane) {
  if (of(lane).op == LaneOp::kConstant) return Operand::pool(constant(of(lane).value));
  const uint32_t* numbers = kExpressionTables[of(lane).value / 2];
  const auto found = std::find(tables_.begin(), tables_.end(), numbers);
  const auto place = 2 * (found - tables_.begin()) + of(lane).value % 2;
  if (found == tables_.end()) tables_.push_back(numbers);
  return Operand::table(static_cast<int32_t>(place * kTableSize / 2 * 4));
}

void LanePlaces::load_constant(int reg, Lane lane) {
  if (asm_.wide() && of(lane).op == LaneOp::kConstant)
    asm_.vector(kSpread, reg, 0, Operand::number(constant(of(lane).value)));
  else
    asm_.vector(kLoad, reg, 0, pooled(lane));
}

// Loads a constant that the next steps take too, if that displaces nothing but constants.
void LanePlaces::share(Lane lane) {
  if (!registers_.share || !is_constant(lane) || in_mask_register(lane) || place_[lane].reg >= 0) return;
  const std::vector<int>& uses = uses_[lane];
  const auto now = std::lower_bound(uses.begin(), uses.end(), at_);
  if (uses.end() - now < 2 || now[1] - at_ > copies_) return;
  for (int r = 0; r < asm_.registers(); ++r) {
    const Lane held = holder_[r];
    if (held == kAccumulator || (held >= 0 && (place_[held].pinned || !is_constant(held) || next_use(held) < kNever)))
      continue;
    if (held >= 0) drop(held);
    load_constant(occupy(r), lane);
    return hold(lane, r);
  }
}

int LanePlaces::next_use(Lane lane) const {
  const std::vector<int>& uses = uses_[lane];
  const auto next = std::lower_bound(uses.begin(), uses.end(), at_);
  return next == uses.end() ? kNever : *next;
}

int LanePlaces::take() {
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

int LanePlaces::occupy(int r) {
  int used = 1;
  for (const Lane lane : holder_) used += lane >= 0;
  most_used_ = std::max(most_used_, used);
  return r;
}

void LanePlaces::put_out(Lane lane) {
  const int reg = place_[lane].reg;
  const bool elsewhere = is_constant(lane) || is_stream(lane) || place_[lane].slot >= 0;
  if (!elsewhere) {
    place_[lane].slot = new_slot(), ++spills_;
    asm_.vector(kStore, reg, 0, stack(place_[lane].slot));
  }
  place_[lane].reg = -1, holder_[reg] = -1;
}

int LanePlaces::in_register(Lane lane) {
  locked_.push_back(lane);
  if (place_[lane].reg >= 0) return place_[lane].reg;
  if (in_mask_register(lane)) throw DoesNotFit{};
  const int reg = take();
  if (place_[lane].slot >= 0)
    asm_.vector(kLoad, reg, 0, stack(place_[lane].slot));
  else if (is_constant(lane))
    load_constant(reg, lane);
  else
    asm_.vector(kLoad, reg, 0, element(lane), masked_ ? kLanesMask | kZeroOthers : 0);
  hold(lane, reg);
  return reg;
}

Operand LanePlaces::anywhere(Lane lane) {
  if (place_[lane].reg >= 0) return locked_.push_back(lane), Operand::vector(place_[lane].reg);
  if (place_[lane].slot >= 0) return stack(place_[lane].slot);
  if (is_constant(lane)) return pooled(lane);
  if (in_memory(lane)) return element(lane);
  return Operand::vector(in_register(lane));
}

bool LanePlaces::in_memory(Lane lane) const {
  if (place_[lane].reg >= 0) return false;
  return place_[lane].slot >= 0 || is_constant(lane) || (is_stream(lane) && uses_[lane].size() == 1 && !masked_);
}

void LanePlaces::release(const LaneStep& step) {
  locked_.clear();
  for (const Lane lane : {step.a, step.b, step.c})
    if (lane >= 0 && ends_here(lane)) drop(lane);
}

void LanePlaces::drop(Lane lane) {
  Place& place = place_[lane];
  if (place.pinned || place.reg < 0) return;
  (in_mask_register(lane) ? masks_[place.reg] : holder_[place.reg]) = -1;
  place.reg = -1;
}

int LanePlaces::take_mask() {
  for (int k = 1; k < kMaskRegisters; ++k)
    if (masks_[k] < 0) return k;
  throw DoesNotFit{};
}

}  // namespace tw::jit
