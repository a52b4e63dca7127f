// Where the values of a lane program are while its code is written: a value lies in a register from where it is
// computed to its last use, unless others need the register more; then it goes to the stack, or is read again.
#pragma once

#include <algorithm>
#include <array>

#include "compile.h"
#include "interleaved.h"

namespace tw::jit {

struct DoesNotFit {};

inline constexpr int kStreams[kMostAddresses] = {1, 2, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15};  // where streams are
inline constexpr int kSaved[] = {3, 5, 12, 13, 14, 15};                                      // the caller's
inline constexpr int kRax = 0, kRsp = 4, kRsi = 6, kRdi = 7;
inline constexpr int kMostSlots = 60;  // of the stack: within one page
inline constexpr int kBlockSums = 15;  // the general register for where sums of blocks go, instead of a stream's
inline constexpr int kMaskRegisters = 8;
inline constexpr int kMostAccumulators = 12;
inline constexpr int kSumLanes = 16;  // of a block's sum in the reduction tree
inline constexpr int kNever = INT32_MAX;

inline constexpr VectorOp kLoad{1, 0, 0x10}, kStore{1, 0, 0x11}, kMove{1, 0, 0x28}, kSpread{2, 1, 0x18};
inline constexpr VectorOp kAdd{1, 0, 0x58};
inline constexpr VectorOp kBitAnd{1, 0, 0x54}, kBitAndNot{1, 0, 0x55}, kBitOr{1, 0, 0x56}, kBitXor{1, 0, 0x57};

// What a piece of code does: a loop over so many vectors at once, up to some element; or the elements behind the last
// whole vector; or such a loop over each of several blocks, whose sums are kept one by one.
struct Part {
  int copies;
  int64_t end;  // 0: where the caller says
  bool masked = false;
  int64_t block = 0;
};

class LanePlaces {
 public:
  int most_used() const { return most_used_; }
  int spills() const { return spills_; }
  bool uses_slots() const { return most_slots_ != 0; }

  struct Registers {
    int pinned = 0;      // so much of what does not change keeps a register
    bool share = false;  // a constant that several vectors take in turn is loaded once, if a register is free
    bool stack = true;   // values may be put there
  };

 protected:
  LanePlaces(const LaneProgram& program, VectorWidth width, const std::vector<Part>& parts, const Registers& registers);

  struct Place {
    int reg = -1;   // vector register, or mask register of AVX-512
    int slot = -1;  // of the stack
    bool pinned = false;
  };

  const LaneStep& of(Lane lane) const { return all_.steps[static_cast<size_t>(lane)]; }
  bool in_mask_register(Lane lane) const { return asm_.wide() && of(lane).type == LaneType::kMask; }
  bool is_constant(Lane lane) const { return of(lane).op == LaneOp::kConstant || of(lane).op == LaneOp::kTable; }
  bool is_repeated(Lane lane) const { return of(lane).op == LaneOp::kInput && general_[of(lane).value] < 0; }
  bool is_stream(Lane lane) const;
  bool fixed(Lane lane) const { return !in_mask_register(lane) && (is_constant(lane) || is_repeated(lane)); }

  // ---- sums: in the last registers ------------------------------------------------------------------------------

  static constexpr Lane kAccumulator = INT32_MAX;  // holds a register for good
  static constexpr int kLanesMask = 7;             // of the elements that count
  static constexpr int kZeroOthers = 0x80;         // with a mask: lanes that do not count become 0, else they stay
  int lanes_that_count() const { return masked_ ? kLanesMask : 0; }

  // Sums have 16 lanes, one vector of AVX-512 or two of AVX2, to which vectors are added in turn, in the order of the
  // elements. Of what is smallest or largest each of several vectors has its own.
  bool is_sum_of(size_t k) const { return p_.combines[k] == Combine::kSum; }
  int sum_vectors() const { return kSumLanes / asm_.lanes(); }
  int accumulators(size_t k) const { return is_sum_of(k) ? sum_vectors() : most_copies_; }
  int accumulator(size_t k, int which = 0) const;
  // Adds a vector of the part, to those lanes that count.
  void add_up(Lane lane, size_t k, int copy);
  // What does not count gives way to a number that changes nothing: in a register of its own.
  int only_what_counts(int from, uint32_t nothing);
  // The smaller of two, NaN if one is, to the first.
  void take_smaller(int reg, int other, int spare);
  // Whether the stream is that of a sum, or of the lanes that sums take.
  bool is_sum(size_t stream) const;
  // From where they begin, which the pointers after the streams name; to their streams.
  void move_sums(VectorOp op);
  // In the order of the reduction tree; the sum is then in all lanes.
  enum class Folded : uint8_t { kAll, kSums, kOthers };
  void fold(Folded which);
  // What a block's sums are is put on the stack, and the next block's begin.
  void keep_block_sums();
  // The sums of all blocks, that of an unfinished one the last, in the order of the tree.
  void add_block_sums(bool unfinished);
  int add_blocks(size_t k, int first, int count, int reg);
  Operand block_sum(int block, size_t k) const;

  // ---- around the loops -----------------------------------------------------------------------------------------

  void choose_pinned(int count);
  bool uses(int general) const;
  int frame() const { return (registers_.stack ? kMostSlots : blocks_ * static_cast<int>(p_.sums.size())) * 64; }
  void prologue();
  // Nothing but sums goes on from one part to the next.
  void begin(const Part& part, int64_t first);
  void load_fixed();
  void load_lanes_that_count(int count);
  void epilogue();

  // ---- places ---------------------------------------------------------------------------------------------------

  static Operand stack(int slot) { return Operand::memory(kRsp, slot * 64); }
  int new_slot();
  Operand element(uint32_t stream, LaneType type, int copy) const;
  void load_element(int reg, const Operand& from);
  void store_element(int from, const Operand& to);
  Operand element(Lane lane) const { return element(of(lane).value, of(lane).type, all_.copy[lane]); }

  int32_t constant(uint32_t bits);
  Operand pooled(Lane lane);
  Operand table(const uint32_t* numbers, int half);
  void share(Lane lane);
  void load_constant(int reg, Lane lane);
  int next_use(Lane lane) const;
  bool ends_here(Lane lane) const { return uses_[lane].empty() || uses_[lane].back() <= at_; }
  int take();
  int occupy(int r);
  void put_out(Lane lane);
  bool is_locked(Lane lane) const { return std::find(locked_.begin(), locked_.end(), lane) != locked_.end(); }
  void hold(Lane lane, int reg) { place_[lane].reg = reg, holder_[reg] = lane; }

  // Its register, into which it is brought if need be; it stays there while this step is written.
  int in_register(Lane lane);

  // Where it is; a stream that is used once is read as an operand.
  Operand anywhere(Lane lane);
  bool in_memory(Lane lane) const;

  // The operands of this step that nothing else needs.
  void release(const LaneStep& step);
  void drop(Lane lane);

  int take_mask();
  void hold_mask(Lane lane, int k) { place_[lane].reg = k, masks_[k] = lane; }

  const LaneProgram& p_;
  const Registers registers_;
  int most_copies_ = 1, blocks_ = 0;  // those of which sums are kept
  bool lanes_given_ = false;          // the caller says which lanes sums take
  Assembler asm_;
  // Of the part that is written.
  Interleaved all_;
  int copies_ = 0;
  bool masked_ = false;
  int counting_ = -1;  // of AVX2: the register of the lanes that count
  int64_t first_ = 0;
  std::vector<std::vector<int>> uses_;  // by lane: the steps, and the number of steps for results
  std::vector<Place> place_;
  std::vector<Lane> holder_;  // by vector register
  std::array<Lane, kMaskRegisters> masks_;
  std::vector<Lane> locked_;
  int at_ = 0, slots_ = 0, pinned_ = 0;
  // Of all.
  std::vector<int> general_;  // by stream: its general register, or -1
  std::vector<uint32_t> pool_;
  std::vector<const uint32_t*> tables_;
  int most_slots_ = 0, most_used_ = 0, spills_ = 0;
};

}  // namespace tw::jit
