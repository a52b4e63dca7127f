// One thread's part of a run of a group: rows, sweep by sweep.
#pragma once

#include "fold_tree.h"
#include "tile_kernel.h"

namespace tw::jit {

class Sweeper {
 public:
  using Repeated = TileKernel::Repeated;

  Sweeper(const TileKernel& kernel, const void* const* inputs, void* const* outputs);

  // The row that kept index `row` names; what is known of it before any sweep is computed.
  void begin_row(int64_t row);
  // What is computed once for a row, before a sweep.
  void row_steps(size_t before);
  // One sweep over some of the row's elements, which begin with a block.
  void sweep(size_t p, int64_t begin, int64_t end);
  void clear_folds();
  // What a sweep folded, as one value for each of its folds; then the values of the row are there.
  void finish_folds(size_t p);
  // All of a row.
  void run_row(int64_t row);
  // Some rows by code that goes from one to the next.
  void run_rows(int64_t first, int64_t count);
  // Stores those results that are values of the row.
  void end_row();

  // One partial result for each fold, 16 bytes each, of a sweep over a group of blocks; and back again.
  void take_partials(size_t p, unsigned char* out);
  void push_partials(size_t p, const unsigned char* from);
  // The values of a row as another thread's sweeper knows them.
  const Repeated* rows() const { return rows_; }
  void use_rows(const Repeated* rows);

 private:
  using Stream = TileKernel::Stream;
  using Place = TileKernel::Place;
  using Calls = TileKernel::Calls;
  using Call = TileKernel::Call;
  static constexpr int64_t kRepeats = TileKernel::kRepeats;
  static constexpr size_t kMostSums = TileKernel::kMostSums, kMostStreams = TileKernel::kMostStreams;
  struct alignas(64) Lanes {
    float lanes[16];
  };
  // What changes no result.
  static const Lanes kNoSum, kNoSmallest;
  void* nothing(const Sweep& sweep, const TileKernel::Piece& piece, size_t k) const;

  void take_memory();
  void fill_pointers();
  void fill_extra(const Sweep& sweep, const TileKernel::Piece& piece, void** pointers);
  int64_t saved_pitch() const { return (k_.group_.length() * 16 + 63) / 64 * 64 + 192; }
  char* address(const Place& place, int64_t at) const;
  void set_row(ValueId v, const void* value);
  void row_step(const TileStep& step);

  void run(const Sweep& sweep, const Call& call, void** pointers, int64_t n);
  void point(const Calls& calls, int64_t begin);
  void run_code(const Sweep& sweep, const TileKernel::Piece& piece, void** streams, int64_t n);
  void finish_fold(const Sweep::Step& fold);
  void run_rest(const TileKernel::Piece& piece, void* const* streams, int64_t from, int64_t n);
  void push_sum(uint32_t step, size_t k);

  void pack(const Calls::Transfer& to, int64_t begin, int64_t n);
  void unpack(const Calls::Transfer& from, int64_t begin, int64_t n);
  template <class F>
  void each_run(size_t s, int64_t begin, int64_t n, F f);

  const TileKernel& k_;
  const TileGroup& group_;
  char *saved_ = nullptr, *slots_ = nullptr;
  Repeated* rows_ = nullptr;
  void** pointers_ = nullptr;
  int64_t row_ = -1;
  std::vector<char*> data_, bases_;  // where the streams begin; where they do in this row
  std::vector<FoldTree> trees_;
  std::array<Lanes, kMostSums> sums_;
  uint16_t lanes_ = 0xFFFF;  // of the 16 that sums take
};

}  // namespace tw::jit
