#include "lane_places.h"

#include <algorithm>

namespace tw::jit {

LanePlaces::LanePlaces(const LaneProgram& program, VectorWidth width, const std::vector<Part>& parts,
                       const Registers& registers)
    : p_(program), registers_(registers), asm_(width), all_(program, 1) {
  for (const Part& part : parts) {
    most_copies_ = std::max(most_copies_, part.copies);
    if (part.block) blocks_ = static_cast<int>(part.end / part.block);
    lanes_given_ |= !part.end;
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

void LanePlaces::begin(const Part& part, int64_t first) {
  copies_ = part.copies, masked_ = part.masked, first_ = first;
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
  for (size_t k = 0; k < p_.sums.size(); ++k) pinned_ += accumulators(k);
  const int to_fold = pinned_ + 2 * static_cast<int>(p_.sums.size());
  if (pinned_ > kMostAccumulators || to_fold > asm_.registers()) throw DoesNotFit{};
  most_used_ = std::max(most_used_, to_fold);
  for (int n = 1; n <= pinned_; ++n) holder_[asm_.registers() - n] = kAccumulator;
  if (!p_.sums.empty() || masked_) masks_[kLanesMask] = kAccumulator;
  if (masked_) load_lanes_that_count(static_cast<int>(part.end - first));
  choose_pinned(registers_.pinned);
  load_fixed();
}

bool LanePlaces::is_stream(Lane lane) const {
  return of(lane).op == LaneOp::kInput && !is_repeated(lane) && of(lane).type != LaneType::kMask;
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
  if (!p_.sums.empty() && lanes_given_) {
    asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(p_.streams.size() - 1) * 8);
    asm_.load_mask(kLanesMask, kRax);
  }
}

// AVX2 has no mask for bytes, and keeps one for numbers in a vector.
void LanePlaces::load_lanes_that_count(int count) {
  if (asm_.wide()) return asm_.move_mask(kLanesMask, Operand::number(constant((1u << count) - 1)));
  for (size_t k = 0; k < p_.streams.size(); ++k)
    if (p_.streams[k] == LaneType::kMask && !p_.repeated[k]) throw DoesNotFit{};
  constexpr int kNarrow = 8;
  static const auto masks = [] {
    std::array<std::array<uint32_t, kTableSize>, kNarrow> all{};
    for (int n = 0; n < kNarrow; ++n) std::fill_n(all[n].begin(), n, UINT32_MAX);
    return all;
  }();
  counting_ = asm_.registers() - 1 - pinned_++;
  holder_[counting_] = kAccumulator;
  asm_.vector(kLoad, counting_, 0, table(masks[count].data(), 0));
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

void LanePlaces::load_element(int reg, const Operand& from) {
  constexpr VectorOp kMaskedLoad{2, 1, 0x2C};
  if (masked_ && !asm_.wide()) return asm_.vector(kMaskedLoad, reg, counting_, from);
  asm_.vector(kLoad, reg, 0, from, masked_ ? kLanesMask | kZeroOthers : 0);
}

void LanePlaces::store_element(int from, const Operand& to) {
  constexpr VectorOp kMaskedStore{2, 1, 0x2E};
  if (masked_ && !asm_.wide()) return asm_.vector(kMaskedStore, from, counting_, to);
  asm_.vector(kStore, from, 0, to, lanes_that_count());
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
  return table(kExpressionTables[of(lane).value / 2], of(lane).value % 2);
}

Operand LanePlaces::table(const uint32_t* numbers, int half) {
  const auto found = std::find(tables_.begin(), tables_.end(), numbers);
  const auto place = 2 * (found - tables_.begin()) + half;
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
    load_element(reg, element(lane));
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
