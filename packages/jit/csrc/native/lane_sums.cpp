// Sums, the smallest and the largest of what a program computes, in the last registers.
#include "lane_places.h"

namespace tw::jit {

bool LanePlaces::is_sum(size_t stream) const {
  if (p_.sums.empty()) return false;
  return stream + 1 == p_.streams.size() ||
         std::any_of(p_.sums.begin(), p_.sums.end(), [&](const auto& sum) { return sum.second == stream; });
}

int LanePlaces::accumulator(size_t k, int which) const {
  int before = which;
  for (size_t other = 0; other < k; ++other) before += accumulators(other);
  return asm_.registers() - 1 - before;
}

// A folded sum is the same in all lanes, and so in all its vectors.
void LanePlaces::move_sums(VectorOp op) {
  const bool loads = op.opcode == kLoad.opcode;
  for (size_t k = 0; k < p_.sums.size(); ++k) {
    const size_t from = loads ? p_.streams.size() + k : p_.sums[k].second;
    asm_.load_pointer(kRax, kRdi, static_cast<int32_t>(from) * 8);
    for (int which = 0; which < (loads ? accumulators(k) : sum_vectors()); ++which)
      asm_.vector(op, accumulator(k, loads ? which : 0), 0, Operand::memory(kRax, which % sum_vectors() * 32));
  }
}

void LanePlaces::add_up(Lane lane, size_t k, int copy) {
  constexpr uint32_t kInfinity = 0x7F800000u, kNegativeZero = 0x80000000u;
  int from = in_register(lane);
  if (!is_sum_of(k)) {
    const int spare = masked_ ? only_what_counts(from, kInfinity) : take();
    take_smaller(accumulator(k, copy), masked_ ? spare : from, masked_ ? take() : spare);
    if (masked_) holder_[spare] = -1;
  } else {
    const auto vector = static_cast<int>(first_ / asm_.lanes()) + copy;
    const int to = accumulator(k, vector % sum_vectors());
    const bool by_mask = asm_.wide() && (masked_ || (lanes_given_ && copies_ == 1));
    const bool apart = masked_ && !asm_.wide();
    if (apart) from = only_what_counts(from, kNegativeZero);
    asm_.vector(kAdd, to, to, Operand::vector(from), by_mask ? kLanesMask : 0);
    if (apart) holder_[from] = -1;
  }
  locked_.clear();
}

int LanePlaces::only_what_counts(int from, uint32_t nothing) {
  constexpr VectorOp kChoose{3, 1, 0x4A};
  const int reg = take();
  asm_.vector(kSpread, reg, 0, Operand::number(constant(nothing)));
  if (asm_.wide()) {
    asm_.vector(kMove, reg, 0, Operand::vector(from), kLanesMask);
  } else {
    asm_.vector(kChoose, reg, reg, Operand::vector(from));
    asm_.immediate(static_cast<uint8_t>(counting_ << 4));
  }
  holder_[reg] = kAccumulator;
  return reg;
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
  constexpr VectorOp kNumbers{1, 0, 0xC6}, kQuarters{3, 1, 0x23}, kHalves{3, 1, 0x06};
  struct Swap {
    VectorOp op;
    uint8_t how;
  };
  constexpr Swap kWide[] = {{kQuarters, 0x4E}, {kQuarters, 0xB1}, {kNumbers, 0x4E}, {kNumbers, 0xB1}};
  constexpr Swap kNarrow[] = {{kHalves, 1}, {kNumbers, 0x4E}, {kNumbers, 0xB1}};
  std::vector<size_t> folded;
  for (size_t k = 0; k < p_.sums.size(); ++k)
    if (which == Folded::kAll || is_sum_of(k) == (which == Folded::kSums)) folded.push_back(k);
  const auto spare = [](size_t k) { return static_cast<int>(2 * k); };
  const auto merge = [&](size_t k, int other) {
    if (is_sum_of(k)) return asm_.vector(kAdd, accumulator(k), accumulator(k), Operand::vector(other));
    take_smaller(accumulator(k), other, spare(k) + 1);
  };
  for (const size_t k : folded)
    for (int other = 1; other < accumulators(k); ++other) merge(k, accumulator(k, other));
  for (size_t s = 0; s < (asm_.wide() ? std::size(kWide) : std::size(kNarrow)); ++s)
    for (const size_t k : folded) {
      const auto& [op, how] = asm_.wide() ? kWide[s] : kNarrow[s];
      asm_.vector(op, spare(k), accumulator(k), Operand::vector(accumulator(k)));
      asm_.immediate(how);
      merge(k, spare(k));
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
    for (int which = 0; which < accumulators(k); ++which)
      asm_.vector(kSpread, accumulator(k, which), 0, Operand::number(constant(kNothing)));
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

}  // namespace tw::jit
