// How the work of a group is shared out over threads. Results do not depend on it.
#include <algorithm>

#include "sweeper.h"

namespace tw::jit {
namespace {

// Rows of one chunk of a parallel loop: a few chunks a thread, as each costs half a microsecond; but an interrupt is
// answered between two of them only.
int64_t grain(int64_t rows, int64_t length) {
  constexpr int64_t kLeast = 32768, kMost = int64_t{1} << 24, kChunks = 4;
  return std::max<int64_t>(1, std::clamp(rows / (kChunks * threads()), kLeast / length, kMost / length));
}

}  // namespace

void TileKernel::run(const void* const* inputs, void* const* outputs) const {
  if (!folds_) return run_parts(inputs, outputs);
  if (row_count_ < 8 && length_ > kPart) return run_long_rows(inputs, outputs);
  if (!by_code_) return run_rows(0, inputs, outputs);
  const int64_t in_turn = by_code_->rows_in_turn_;
  by_code_->run_rows(0, inputs, outputs);
  if (row_count_ % in_turn) run_rows(row_count_ - 1, inputs, outputs);
}

// Rows from the first one on.
void TileKernel::run_rows(int64_t first, const void* const* inputs, void* const* outputs) const {
  parallel_for(first, row_count_, grain(row_count_, length_ * rows_in_turn_), [&](int64_t begin, int64_t end) {
    Sweeper sweeper(*this, inputs, outputs);
    for (int64_t row = begin; row < end; ++row) sweeper.run_row(row);
  });
}

// Without reductions: rows, and parts of long ones.
void TileKernel::run_parts(const void* const* inputs, void* const* outputs) const {
  const int64_t parts = (length_ - 1) / part_ + 1;
  const int64_t count = row_count_ * parts;
  parallel_for(0, count, grain(count, std::min(length_, part_)), [&](int64_t first, int64_t last) {
    Sweeper sweeper(*this, inputs, outputs);
    if (rows_in_code_) return sweeper.run_rows(first, last - first);
    for (int64_t i = first; i < last; ++i) {
      if (one_tile_) {
        sweeper.run_row(i);
        continue;
      }
      const int64_t begin = i % parts * part_;
      sweeper.begin_row(i / parts);
      sweeper.sweep(0, begin, std::min(length_, begin + part_));
    }
  });
}

// Few long rows: the parts of each are shared out, sweep by sweep.
void TileKernel::run_long_rows(const void* const* inputs, void* const* outputs) const {
  const int64_t length = length_, parts = (length - 1) / kPart + 1;
  std::vector<unsigned char> partials(static_cast<size_t>(parts) * fold_count_ * 16);
  Sweeper whole(*this, inputs, outputs);
  std::vector<Repeated> rows(rows_.size());
  for (int64_t row = 0; row < row_count_; ++row) {
    whole.begin_row(row);
    for (size_t p = 0; p < schedule_.sweeps.size(); ++p) {
      std::copy_n(whole.rows(), rows.size(), rows.begin());
      parallel_for(0, parts, 1, [&](int64_t part, int64_t) {
        Sweeper sweeper(*this, inputs, outputs);
        sweeper.begin_row(row);
        sweeper.use_rows(rows.data());
        sweeper.clear_folds();
        sweeper.sweep(p, part * kPart, std::min(length, (part + 1) * kPart));
        sweeper.take_partials(p, partials.data() + static_cast<size_t>(part) * fold_count_ * 16);
      });
      whole.use_rows(rows.data());
      whole.clear_folds();
      for (int64_t part = 0; part < parts; ++part)
        whole.push_partials(p, partials.data() + static_cast<size_t>(part) * fold_count_ * 16);
      whole.finish_folds(p);
      whole.row_steps(p + 1);
    }
    whole.end_row();
  }
}

}  // namespace tw::jit
