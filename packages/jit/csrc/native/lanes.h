// A straight-line computation on lanes of 32 bits, the same for each element: what is compiled to machine code.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "expressions.h"

namespace tw::jit {

// What the machine does, or nearly.
enum class LaneOp : uint8_t {
  kInput,     // element of stream `value`
  kConstant,  // the bits `value`
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMin,  // of the machine: the second if either is NaN or both are equal
  kMax,
  kSqrt,
  kFma,    // of `value`, bit 0: minus c, bit 1: minus the product
  kScale,  // a * 2^b, rounded once; AVX-512
  kRound,  // mode `value`
  kAddInt,
  kSubInt,
  kMulInt,
  kMinInt,
  kMaxInt,
  kAbsInt,
  kShl,  // by `value`
  kUshr,
  kShr,
  kShlEach,
  kUshrEach,
  kShrEach,
  kToFloat,
  kToInt,
  kAnd,  // of bits, and of masks
  kOr,
  kXor,
  kAndNot,      // not a, and b
  kCompare,     // of floats; `value` is the machine's predicate
  kCompareInt,  // the same of integers
  kSelect,      // of `value`, bit 0: `b` is rarely needed
  kTable,       // half of table `value` / 2, or with AVX-512 all of it
  kLookup,  // element a of table b, by the lowest bits of a; NEON: bytes a of quarter `value` of table b, else those of
            // c
  kRare,    // b, and where mask a holds what the program `value` of `rare` makes of c
};

using Lane = int32_t;
struct LaneStep {
  LaneOp op;
  LaneType type;
  uint32_t value;
  Lane a, b, c;  // -1: none
};

// AVX-512 has an instruction for kScale, masks for additions, and tables of 16 numbers in a register; AVX2 has half of
// such a table there, NEON a quarter.
enum class Machine : uint8_t { kAvx512, kAvx2, kNeon };

class LaneProgram {
 public:
  explicit LaneProgram(Machine machine) : machine_(machine) {}
  bool can_sum() const { return machine_ == Machine::kAvx512; }

  std::vector<LaneStep> steps;  // each after what it takes, equal ones once
  std::vector<LaneType> streams;
  std::vector<bool> repeated;                      // of a stream: the same 64 bytes for all elements
  std::vector<std::pair<Lane, uint32_t>> results;  // and the streams that they go to
  struct Fetched {
    uint32_t stream;
    bool written;
  };
  std::vector<Fetched> fetched;  // streams that are only brought into the cache, to be read or to be written
  // What is added, lane by lane, to the 16 floats of a stream. The last stream is then a mask of 16 bits: which lanes.
  std::vector<std::pair<Lane, uint32_t>> sums;
  // By sum: whether it is one, or the smallest or largest of all; these only where the code folds them, see `length`.
  std::vector<Combine> combines;
  void add_sum(Combine combine, Lane lane);
  // If not 0, the program runs over so many elements, after which its sums are complete.
  int64_t length = 0;
  // By stream, if there are some: how many bytes after a row of `length` elements the next one is; the code then runs
  // over rows, and is told how many. No stream is repeated.
  std::vector<int32_t> pitches;
  // What kRare steps take: programs of one stream in, and one out.
  std::vector<LaneProgram> rare;

  // Whether a register is needed for where the stream is; how many are.
  bool has_address(size_t stream) const { return !repeated[stream] || streams[stream] == LaneType::kMask; }
  size_t addresses() const;

  Lane input(uint32_t stream);
  // A constant from memory: a float, or a byte that is a truth value.
  Lane number(bool truth, const unsigned char* value);
  // The results of an expression over operands; empty where it cannot be done.
  std::vector<Lane> apply(const ExpressionEntry& expression, const std::vector<Lane>& operands);
  // Drops what no result needs.
  void sweep();
  // The program with what is rarely needed and worth skipping in programs of its own.
  LaneProgram with_rare_apart() const;
  // Equal programs have equal keys.
  std::string key() const;

 private:
  Lane add(LaneOp op, LaneType type, uint32_t value, Lane a = -1, Lane b = -1, Lane c = -1);
  Lane constant(LaneType type, uint32_t bits) { return add(LaneOp::kConstant, type, bits); }
  Lane primitive(Operation op, LaneType type, LaneType over, const Lane* args);
  Lane of_floats(Operation op, const Lane* args);
  Lane of_integers(Operation op, const Lane* args);
  Lane of_masks(Operation op, const Lane* args);
  Lane shifted(Operation op, Lane a, Lane n);
  std::optional<Lane> by_instruction(const ExpressionEntry& function, const std::vector<Lane>& args);
  std::optional<Lane> negated(Lane lane) const;
  Lane fma(Lane a, Lane b, Lane c);
  Lane select(LaneType type, Lane m, Lane a, Lane b, bool unlikely);
  Lane lookup(LaneType type, uint32_t table, Lane index);
  Lane lookup_by_bytes(LaneType type, uint32_t table, Lane index, bool short_table);
  bool put_apart(size_t select);
  std::vector<bool> needed_for(size_t select) const;

  Machine machine_;
  std::map<std::tuple<LaneOp, LaneType, uint32_t, Lane, Lane, Lane>, Lane> known_;
};

// Null: the op has no expression that can be compiled.
const ExpressionEntry* expression_named(std::string_view op);

}  // namespace tw::jit
