// A group with all that does not change from run to run: the order of its sweeps, its machine code, and where each call
// of a kernel finds its operands.
#pragma once

#include <map>

#include "../native/compile.h"
#include "schedule.h"

namespace tw::jit {

class TileKernel {
 public:
  explicit TileKernel(TileGroup group) : TileKernel(std::move(group), 1, TW_KERNEL_BLOCK) { by_code_ = by_code(); }

  const TileGroup& group() const { return group_; }
  bool across() const;
  // Whether this is faster than so many ops one by one.
  bool pays(size_t ops) const;
  // inputs[k] is the data of input k, outputs[k] the memory of output k, laid out as the group says.
  void run(const void* const* inputs, void* const* outputs) const;

 private:
  friend class Sweeper;

  static constexpr size_t kMostSums = 8;
  static constexpr size_t kMostStreams = 48;  // of one piece of machine code
  static constexpr int64_t kWholeRow = INT64_MAX / 2;
  static constexpr int64_t kGroupBlocks = 32;  // blocks of one unit of work: a complete part of the tree
  static constexpr int64_t kPart = kGroupBlocks * TW_KERNEL_BLOCK;
  static constexpr int64_t kRepeats = 16;  // how often 64 bytes hold a float

  // A full value in memory: an input, a result.
  struct Stream {
    int64_t item;
    std::vector<int64_t> kept, reduced;  // strides in bytes, over the merged dimensions
    // kRecurring: packed too, but once for all tiles, which are whole turns.
    enum Mode : uint8_t { kDirect, kSplat, kPacked, kRecurring } mode;
  };
  // Some steps of a sweep: one by one, or by machine code over the registers named, the results last.
  struct Piece {
    size_t begin, end;
    std::shared_ptr<const NativeCode> code;
    std::vector<Register> registers;
    std::vector<uint8_t> items;  // bytes of an element, by register; 0: repeated
    size_t results;
    // Streams that are fetched on the way, inputs' next row and results' present one; they follow the registers.
    std::vector<uint32_t> fetched = {};
    // Folds of the sweep that the code does; their streams, and the mask's, are the last.
    std::vector<uint32_t> sums = {};
    LaneCode whole = nullptr;  // does a row that is one tile, to the last number
    // How many `whole` does: elements, or rows.
    int64_t count(int64_t length) const { return code->rows() ? 1 : length; }
    // Whether the code leaves its sums where they are needed.
    bool folds() const { return !sums.empty() && whole; }
  };
  // The same of what is computed once for a row, over the repeated values named.
  struct RowPiece {
    std::vector<uint32_t> steps;
    std::shared_ptr<const NativeCode> code;
    std::vector<uint32_t> rows;
    std::vector<uint32_t> truths;  // results that have one byte, of which the code leaves 16
    uint32_t first = 0;            // of its pointers among all pointers
    LaneCode whole = nullptr;      // does all
  };
  struct alignas(64) Repeated {
    unsigned char bytes[64];
  };

  // Where an operand or a result of a call lies.
  struct Place {
    enum From : uint8_t { kStream, kNextRow, kSaved, kSlot, kRow } from;  // kNextRow: of a stream
    uint32_t index;
    int64_t item;  // bytes of an element; 0: one repeated value
  };
  // One call of a kernel of a sweep; its pointers stand one after the other among the sweep's.
  struct Call {
    enum What : uint8_t { kCode, kBlock, kConvert, kFold } what;
    uint32_t first;                     // of its pointers
    const Piece* piece = nullptr;       // of kCode
    const TileStep* step = nullptr;     // of the others
    uint32_t fold = 0;                  // of kFold: which partial results
    std::vector<uint8_t> in_step = {};  // of the others, by operand
  };
  struct Calls {
    std::vector<Call> all;
    uint32_t first = 0, count = 0;  // of the sweep's pointers among all pointers
    struct Pointer {
      uint32_t at;  // among the sweep's
      Place place;
    };
    std::vector<Pointer> fixed, moving;  // those that are the same for all rows, those that go through memory
    struct Transfer {
      Place place;
      uint32_t stream;
    };
    std::vector<Transfer> packs, repeats;  // before the calls: a tile into one run, an element into one repeated
    std::vector<Transfer> recurring;       // before the first tile: what is the same in all
    std::vector<Transfer> unpacks;         // after them: from where a tile of a result is to where it belongs
  };

  // A row of the group is so many rows of the tensors; of one with reductions so many elements may be one tile.
  TileKernel(TileGroup group, int64_t rows_in_turn, int64_t longest_tile);

  class Binder;
  uint32_t output_stream(size_t o) const { return static_cast<uint32_t>(streams_.size() - group_.outputs.size() + o); }
  void run_rows(int64_t first, const void* const* inputs, void* const* outputs) const;
  void run_parts(const void* const* inputs, void* const* outputs) const;
  void run_long_rows(const void* const* inputs, void* const* outputs) const;
  void compile(const Sweep& sweep);
  Piece compiled(const Sweep& sweep, size_t begin, size_t end) const;
  void make_code(const Sweep& sweep, Piece& piece, LaneProgram& program) const;
  bool folds_in_code(const TileStep& step, const Sweep::Step& fold, const std::map<Register, tw_dtype>& made) const;
  std::vector<uint32_t> fetched_in(const Sweep& sweep, const LaneProgram& program) const;
  // From row to row, if the piece is all that is done for a row, with nothing but streams that lie in rows.
  std::vector<int32_t> pitches(const Sweep& sweep, const Piece& piece) const;
  std::optional<uint32_t> stream_in(const Sweep& sweep, Register r) const;
  bool is_output(uint32_t stream) const { return stream >= streams_.size() - group_.outputs.size(); }
  bool runs_on(uint32_t stream) const;
  void compile_rows(const std::vector<uint32_t>& steps);
  RowPiece compiled_rows(const std::vector<uint32_t>& steps) const;
  bool used_beyond(ValueId value, const std::vector<uint32_t>& steps) const;
  bool repeats(const Sweep& sweep, Register r) const;
  bool used_after(const Sweep& sweep, Register r, size_t end, const std::vector<uint32_t>& but) const;
  // The same where all of it can be code: two rows in turn, or rows of several blocks; else null.
  std::unique_ptr<const TileKernel> by_code() const;
  void merge();
  void merge_dims(std::vector<int64_t>& sizes, std::vector<int64_t> Stream::* strides);
  void order_by_result();
  void cut_into_rows();
  void choose_modes();
  void turn_tiles();
  void bind();

  TileGroup group_;
  int64_t rows_in_turn_, longest_tile_;
  Schedule schedule_;
  struct Pieces {
    std::vector<Piece> all;
    std::vector<Register> results;  // that code and steps leave, as tiles
    std::vector<uint32_t> folds;    // that no code does
  };
  std::vector<Pieces> pieces_;  // by sweep
  std::vector<Calls> calls_;
  uint32_t pointers_ = 0;                          // of all sweeps and pieces of rows
  std::vector<std::vector<RowPiece>> row_pieces_;  // before sweep k
  bool folds_ = false;
  // Whether a row is one tile, and so at most one leaf of the reduction tree: then pointers only move from row to row.
  bool one_tile_ = false, only_code_ = false;  // and whether code is all that runs
  bool rows_in_code_ = false;                  // and goes from row to row
  struct Move {
    uint32_t at;  // among all pointers
    int64_t by;
  };
  std::vector<Move> moves_;
  // What is done for each row that is one tile: code, or else a whole sweep, or what is computed before one.
  struct Action {
    LaneCode code;
    uint32_t pointers;  // the first
    int64_t n;
    enum What : uint8_t { kSweep, kBefore } what;
    uint32_t sweep;
  };
  std::vector<Action> actions_;
  void list_actions();
  int64_t tile_ = TW_KERNEL_BLOCK, part_ = kPart;
  std::vector<int64_t> kept_, reduced_;  // merged sizes: rows, and what a row consists of
  int64_t row_count_ = 1, length_ = 1;
  std::vector<Stream> streams_;      // of the inputs' values, by `stream_of_`, then of the outputs
  std::vector<uint32_t> stream_of_;  // by value
  std::vector<uint32_t> row_index_;  // by value: which of the repeated values it is
  std::vector<Repeated> rows_;       // constants in their places
  std::vector<ValueId> row_loads_;   // inputs that are values of a row
  uint32_t fold_count_ = 0;
  std::vector<uint32_t> fold_of_step_;
  // The same group by code alone: two rows in turn, which do not wait for each other's sums (the last of an odd number
  // is left to this kernel), or rows of several blocks.
  std::unique_ptr<const TileKernel> by_code_;
};

}  // namespace tw::jit
