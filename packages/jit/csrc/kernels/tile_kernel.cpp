#include "tile_kernel.h"

#include <algorithm>

#include "row_pairs.h"

namespace tw::jit {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr int64_t kLongRun = 64;      // from here on runs are worth steps of their own
constexpr int64_t kLongTurn = 256;    // and from here on if they need not be packed again for each tile
constexpr int64_t kShortRow = 16384;  // rows up to here keep what later sweeps need again

}  // namespace

TileKernel::TileKernel(TileGroup group, int64_t rows_in_turn, int64_t longest_tile)
    : group_(std::move(group)), rows_in_turn_(rows_in_turn), longest_tile_(longest_tile) {
  for (const TileStep& step : group_.steps) folds_ |= step.fold != nullptr;
  schedule_ = Schedule::of(group_, group_.length() <= kShortRow);
  kept_ = group_.kept, reduced_ = group_.reduced;
  stream_of_.assign(group_.values.size(), kNone), row_index_.assign(group_.values.size(), kNone);
  for (ValueId v = 0; v < group_.values.size(); ++v) {
    const TileValue& value = group_.values[v];
    if (value.row) {
      row_index_[v] = static_cast<uint32_t>(rows_.size());
      rows_.emplace_back();
      if (value.kind == TileValue::kConstant) std::copy_n(value.constant.begin(), 64, rows_.back().bytes);
    }
    if (value.kind != TileValue::kInput) continue;
    stream_of_[v] = static_cast<uint32_t>(streams_.size());
    streams_.push_back({item_size(value.dtype), value.kept, value.reduced, Stream::kPacked});
    if (value.row) streams_.back().reduced.assign(reduced_.size(), 0), row_loads_.push_back(v);
  }
  for (const TileOutput& output : group_.outputs) {
    streams_.push_back({item_size(output.dtype), output.kept, output.reduced, Stream::kPacked});
    if (group_.values[output.value].row) streams_.back().reduced.assign(reduced_.size(), 0);
  }
  fold_of_step_.assign(group_.steps.size(), kNone);
  for (size_t s = 0; s < group_.steps.size(); ++s)
    if (group_.steps[s].fold) fold_of_step_[s] = fold_count_++;
  merge();
  one_tile_ = folds_ && length_ <= longest_tile_;
  for (const Sweep& sweep : schedule_.sweeps) compile(sweep);
  for (const std::vector<uint32_t>& steps : schedule_.row_steps) compile_rows(steps);
  bind();
}

std::unique_ptr<const TileKernel> TileKernel::by_code() const {
  constexpr int64_t kLongest = 8192;  // a few of them are in the first-level cache
  if (!folds_ || !native_code_folds() || kept_.size() != 1 || length_ > kLongest) return nullptr;
  TileGroup group = group_;  // with the merged dimensions
  group.kept = kept_, group.reduced = reduced_;
  for (ValueId v = 0; v < group.values.size(); ++v) {
    if (stream_of_[v] == kNone) continue;
    group.values[v].kept = streams_[stream_of_[v]].kept, group.values[v].reduced = streams_[stream_of_[v]].reduced;
  }
  for (size_t o = 0; o < group.outputs.size(); ++o) {
    const Stream& stream = streams_[output_stream(o)];
    group.outputs[o].kept = stream.kept, group.outputs[o].reduced = stream.reduced;
  }
  std::unique_ptr<const TileKernel> code(one_tile_ ? new TileKernel(in_pairs(group), 2, TW_KERNEL_BLOCK)
                                                   : new TileKernel(std::move(group), 1, kLongest));
  return code->only_code_ ? std::move(code) : nullptr;
}

void TileKernel::merge() {
  if (!folds_ && kept_.empty()) order_by_result();
  merge_dims(kept_, &Stream::kept);
  merge_dims(reduced_, &Stream::reduced);
  choose_modes();
  const bool packs =
      std::any_of(streams_.begin(), streams_.end(), [](const Stream& s) { return s.mode == Stream::kPacked; });
  if (!folds_ && reduced_.size() > 1 && reduced_.back() >= (packs ? kLongRun : kLongTurn)) {
    cut_into_rows();
    choose_modes();
  }
  for (const int64_t size : kept_) row_count_ *= size;
  for (const int64_t size : reduced_) length_ *= size;
}

// Without reductions the last dimension is a row, all others say which.
void TileKernel::cut_into_rows() {
  const auto move = [](std::vector<int64_t>& from, std::vector<int64_t>& to) {
    to.insert(to.end(), from.begin(), from.end() - 1);
    from.erase(from.begin(), from.end() - 1);
  };
  move(reduced_, kept_);
  for (Stream& stream : streams_) move(stream.reduced, stream.kept);
}

// Without reductions the elements may come in any order: that of the first result in memory.
void TileKernel::order_by_result() {
  const Stream first = streams_[streams_.size() - group_.outputs.size()];
  std::vector<size_t> order(reduced_.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = d;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return first.reduced[a] > first.reduced[b]; });
  const auto permute = [&](std::vector<int64_t>& list) {
    std::vector<int64_t> old = list;
    for (size_t d = 0; d < order.size(); ++d) list[d] = old[order[d]];
  };
  permute(reduced_);
  for (Stream& stream : streams_) permute(stream.reduced);
}

// Dimensions of one element go, and neighbours that all streams walk through as through one become one.
void TileKernel::merge_dims(std::vector<int64_t>& sizes, std::vector<int64_t> Stream::* strides) {
  size_t kept = 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    const bool joins = kept && std::all_of(streams_.begin(), streams_.end(), [&](const Stream& s) {
                         return (s.*strides)[kept - 1] == (s.*strides)[d] * sizes[d];
                       });
    const size_t to = joins ? kept - 1 : kept++;
    sizes[to] = joins ? sizes[to] * sizes[d] : sizes[d];
    for (Stream& stream : streams_) (stream.*strides)[to] = (stream.*strides)[d];
  }
  sizes.resize(kept);
  for (Stream& stream : streams_) (stream.*strides).resize(kept);
}

void TileKernel::choose_modes() {
  tile_ = TW_KERNEL_BLOCK, part_ = kPart;
  for (Stream& stream : streams_) {
    if (stream.item > 8) tile_ = TW_KERNEL_BLOCK / 2;
    const int64_t step = stream.reduced.empty() ? 0 : stream.reduced.back();
    bool one_run = true;
    for (size_t d = 0; d + 1 < reduced_.size(); ++d)
      one_run &= stream.reduced[d] == stream.reduced[d + 1] * reduced_[d + 1];
    stream.mode = one_run && step == 0             ? Stream::kSplat
                  : one_run && step == stream.item ? Stream::kDirect
                                                   : Stream::kPacked;
  }
  if (folds_) tile_ = longest_tile_;
  if (!folds_ && reduced_.size() > 1 && reduced_.back() <= tile_ / 2) turn_tiles();
}

// Where only the last dimension moves a stream, all tiles of whole turns are the same.
void TileKernel::turn_tiles() {
  bool some = false;
  for (Stream& stream : streams_) {
    const bool recurs = std::all_of(stream.reduced.begin(), stream.reduced.end() - 1, [](int64_t s) { return s == 0; });
    if (recurs && stream.mode == Stream::kPacked && !is_output(static_cast<uint32_t>(&stream - streams_.data())))
      stream.mode = Stream::kRecurring, some = true;
  }
  if (some) tile_ -= tile_ % reduced_.back(), part_ = kGroupBlocks * tile_;
}

// Whether rows lie across memory: then op by op, which goes along it, is faster.
bool TileKernel::across() const {
  if (!folds_ || kept_.empty() || reduced_.empty()) return false;
  return std::any_of(streams_.begin(), streams_.end(), [](const Stream& s) {
    return s.mode == Stream::kPacked && std::abs(s.reduced.back()) > s.item * 4;
  });
}

// What is done between the sweeps over a row takes 20 to 200 ns, of short rows more than is saved. Kernels of layer
// normalization and softmax have that too, and little is left to save where they stand alone or the sums of a row are
// not one piece of code. Measured for rows of 8 to 5000 elements of float32, float64 and bfloat16, AVX-512 and AVX2.
bool TileKernel::pays(size_t ops) const {
  constexpr int64_t kFew = 96, kFewWithoutCode = 512;
  if (!folds_) return true;
  const bool sums_are_code = by_code_ || std::all_of(pieces_.begin(), pieces_.end(),
                                                     [](const Pieces& pieces) { return pieces.folds.empty(); });
  if (!sums_are_code) return length_ >= kFewWithoutCode && !group_.expands;
  if (length_ < kFew) return ops >= 5 && !group_.expands;
  return one_tile_ || by_code_ || !group_.expands || ops >= 3;
}

}  // namespace tw::jit
