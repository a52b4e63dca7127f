#include "sweeper.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tw::jit {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr int64_t kSlotBytes = TW_KERNEL_BLOCK * 16;
constexpr int64_t kSlotPitch = kSlotBytes + 1344;  // neighbours do not fall on the same cache sets
constexpr int64_t kPage = 4096;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Written in one go: a load that needs several of the stores before it would wait for all of them.
template <class T>
void repeat_of(unsigned char (&bytes)[64]) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  T all[64 / sizeof(T)];
  std::fill(std::begin(all), std::end(all), value);
  std::memcpy(bytes, all, sizeof all);
}
void repeat(unsigned char (&bytes)[64], int64_t item) {
  switch (item) {
    case 1:
      return repeat_of<uint8_t>(bytes);
    case 2:
      return repeat_of<uint16_t>(bytes);
    case 4:
      return repeat_of<uint32_t>(bytes);
    case 8:
      return repeat_of<uint64_t>(bytes);
    default:
      return repeat_of<std::array<uint64_t, 2>>(bytes);
  }
}

struct alignas(64) Line {
  unsigned char bytes[64];
};
char* scratch(size_t bytes) {
  thread_local std::vector<Line> memory;
  const size_t count = (bytes + sizeof(Line) - 1) / sizeof(Line);
  if (memory.size() < count) memory.resize(count);
  return reinterpret_cast<char*>(memory.data());
}

int64_t offset(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides, int64_t index) {
  int64_t at = 0;
  for (size_t d = sizes.size(); d-- > 1; index /= sizes[d]) at += index % sizes[d] * strides[d];
  return sizes.empty() ? 0 : at + index * strides[0];
}

template <class T>
void copy_of(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, sizeof(T));
}
void copy_items(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t item, int64_t n) {
  switch (item) {
    case 1:
      return copy_of<uint8_t>(from, from_step, to, to_step, n);
    case 2:
      return copy_of<uint16_t>(from, from_step, to, to_step, n);
    case 4:
      return copy_of<uint32_t>(from, from_step, to, to_step, n);
    case 8:
      return copy_of<uint64_t>(from, from_step, to, to_step, n);
    default:
      return copy_of<std::array<uint64_t, 2>>(from, from_step, to, to_step, n);
  }
}

}  // namespace

const Sweeper::Lanes Sweeper::kNoSum = {{-0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f,  //
                                         -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f}};
const Sweeper::Lanes Sweeper::kNoSmallest = {{kInfinity, kInfinity, kInfinity, kInfinity, kInfinity, kInfinity,
                                              kInfinity, kInfinity, kInfinity, kInfinity, kInfinity, kInfinity,
                                              kInfinity, kInfinity, kInfinity, kInfinity}};

Sweeper::Sweeper(const TileKernel& kernel, const void* const* inputs, void* const* outputs)
    : k_(kernel), group_(kernel.group_), data_(k_.streams_.size()), trees_(k_.fold_count_) {
  for (size_t o = 0; o < group_.outputs.size(); ++o) {
    const TileOutput& output = group_.outputs[o];
    data_[k_.output_stream(o)] = static_cast<char*>(outputs[output.tensor]) + output.offset;
  }
  for (ValueId v = 0; v < group_.values.size(); ++v) {
    const TileValue& value = group_.values[v];
    if (k_.stream_of_[v] != kNone)
      data_[k_.stream_of_[v]] = const_cast<char*>(static_cast<const char*>(inputs[value.input])) + value.offset;
  }
  bases_ = data_;
  take_memory();
  fill_pointers();
}

// Scratch memory for tiles lies half a page away from the first stream: a load waits for stores whose addresses end in
// the same twelve bits.
void Sweeper::take_memory() {
  const size_t saved = k_.schedule_.saved.size() * static_cast<size_t>(saved_pitch());
  const size_t rows = k_.rows_.size() * sizeof(Repeated);
  const size_t pointers = (k_.pointers_ * sizeof(void*) + 63) / 64 * 64;
  char* memory = scratch(rows + pointers + saved + k_.schedule_.slots * kSlotPitch + kPage);
  rows_ = reinterpret_cast<Repeated*>(memory);
  std::copy(k_.rows_.begin(), k_.rows_.end(), rows_);
  pointers_ = reinterpret_cast<void**>(memory + rows);
  memory += rows + pointers;
  const auto first = reinterpret_cast<uintptr_t>(data_.empty() ? memory : data_[0]);
  saved_ = memory + (first + kPage / 2 - reinterpret_cast<uintptr_t>(memory)) % kPage / 64 * 64;
  slots_ = saved_ + saved;
}

// The pointers that are the same for every row.
void Sweeper::fill_pointers() {
  for (size_t p = 0; p < k_.calls_.size(); ++p) {
    const Calls& calls = k_.calls_[p];
    void** pointers = pointers_ + calls.first;
    for (const Calls::Pointer& fixed : calls.fixed) pointers[fixed.at] = address(fixed.place, 0);
    for (const Call& call : calls.all)
      if (call.what == Call::kCode) fill_extra(k_.schedule_.sweeps[p], *call.piece, pointers + call.first);
  }
  for (const auto& pieces : k_.row_pieces_)
    for (const TileKernel::RowPiece& piece : pieces) {
      for (size_t k = 0; k < piece.rows.size(); ++k) pointers_[piece.first + k] = rows_[piece.rows[k]].bytes;
      pointers_[piece.first + piece.rows.size()] = nullptr;
    }
}

// Of the smallest, and of the largest, which code finds among negated numbers, infinity; of sums, -0.
void* Sweeper::nothing(const Sweep& sweep, const TileKernel::Piece& piece, size_t k) const {
  const TileStep& step = group_.steps[sweep.folds[piece.sums[k]].step];
  return const_cast<Lanes*>(step.folded->combine == Combine::kSum ? &kNoSum : &kNoSmallest);
}

// What code takes beside its streams: where sums go, which lanes they take, where they begin; the first element.
void Sweeper::fill_extra(const Sweep& sweep, const TileKernel::Piece& piece, void** pointers) {
  void** next = pointers + piece.registers.size() + piece.fetched.size();
  for (size_t k = 0; k < piece.sums.size(); ++k) {
    const ValueId sum = group_.steps[sweep.folds[piece.sums[k]].step].out[0];
    *next++ = piece.folds() ? static_cast<void*>(rows_[k_.row_index_[sum]].bytes) : sums_[k].lanes;
  }
  if (!piece.sums.empty()) *next++ = &lanes_;
  for (size_t k = 0; k < piece.sums.size(); ++k) *next++ = nothing(sweep, piece, k);
  *next = nullptr;
}

char* Sweeper::address(const Place& place, int64_t at) const {
  switch (place.from) {
    case Place::kStream:
      return bases_[place.index] + at * place.item;
    case Place::kNextRow:
      return bases_[place.index] + k_.streams_[place.index].kept.back() + at * place.item;
    case Place::kSaved:
      return saved_ + place.index * saved_pitch() + at * place.item;
    case Place::kSlot:
      return slots_ + place.index * kSlotPitch;
    default:
      return reinterpret_cast<char*>(rows_[place.index].bytes);
  }
}

// ---- rows -----------------------------------------------------------------------------------------------------------

void Sweeper::begin_row(int64_t row) {
  const bool next = row == row_ + 1 && row_ >= 0 && !k_.kept_.empty() && row % k_.kept_.back() != 0;
  for (size_t s = 0; s < bases_.size() && !(next && k_.only_code_); ++s) {
    const std::vector<int64_t>& strides = k_.streams_[s].kept;
    bases_[s] = next ? bases_[s] + strides.back() : data_[s] + offset(k_.kept_, strides, row);
  }
  row_ = row;
  if (k_.one_tile_ && next)
    for (const TileKernel::Move& move : k_.moves_)
      pointers_[move.at] = static_cast<char*>(pointers_[move.at]) + move.by;
  else if (k_.one_tile_)
    for (const Calls& calls : k_.calls_) point(calls, 0);
  for (const ValueId v : k_.row_loads_) set_row(v, bases_[k_.stream_of_[v]]);
  if (!k_.one_tile_) row_steps(0);
}

void Sweeper::run_row(int64_t row) {
  begin_row(row);
  for (const TileKernel::Action& action : k_.actions_) {
    if (action.code)
      action.code(pointers_ + action.pointers, action.n);
    else if (action.what == TileKernel::Action::kBefore)
      row_steps(action.sweep);
    else
      clear_folds(), sweep(action.sweep, 0, k_.length_), finish_folds(action.sweep);
  }
  for (size_t p = 0; p < k_.schedule_.sweeps.size() && !k_.one_tile_; ++p) {
    clear_folds();
    sweep(p, 0, k_.length_);
    finish_folds(p);
    row_steps(p + 1);
  }
  end_row();
}

void Sweeper::run_rows(int64_t first, int64_t count) {
  begin_row(first);
  k_.actions_[0].code(pointers_ + k_.actions_[0].pointers, count);
}

void Sweeper::row_steps(size_t before) {
  for (const TileKernel::RowPiece& piece : k_.row_pieces_[before]) {
    if (!piece.code) {
      for (const uint32_t s : piece.steps) row_step(group_.steps[s]);
      continue;
    }
    piece.code->run(pointers_ + piece.first, kRepeats);
    for (const uint32_t row : piece.truths) repeat(rows_[row].bytes, 1);
  }
}

void Sweeper::end_row() {
  if (k_.only_code_) return;
  for (size_t o = 0; o < group_.outputs.size(); ++o) {
    const ValueId v = group_.outputs[o].value;
    if (group_.values[v].row)
      std::memcpy(bases_[k_.output_stream(o)], rows_[k_.row_index_[v]].bytes,
                  static_cast<size_t>(item_size(group_.values[v].dtype)));
  }
}

void Sweeper::use_rows(const Repeated* rows) { std::copy_n(rows, k_.rows_.size(), rows_); }

void Sweeper::set_row(ValueId v, const void* value) {
  Repeated& to = rows_[k_.row_index_[v]];
  const int64_t item = item_size(group_.values[v].dtype);
  if (value != to.bytes) std::memcpy(to.bytes, value, static_cast<size_t>(item));
  repeat(to.bytes, item);
}

void Sweeper::row_step(const TileStep& step) {
  constexpr size_t kMost = TW_KERNEL_OPERANDS;
  const void* in[kMost];
  void* out[kMost];
  static constexpr uint8_t kStay[kMost] = {};
  for (size_t k = 0; k < step.in.size(); ++k) in[k] = rows_[k_.row_index_[step.in[k]]].bytes;
  for (size_t k = 0; k < step.out.size(); ++k) out[k] = rows_[k_.row_index_[step.out[k]]].bytes;
  if (step.convert)
    step.convert(1, static_cast<const char*>(in[0]), 0, static_cast<char*>(out[0]), 0);
  else
    step.block(1, out, in, kStay);
  for (const ValueId v : step.out) set_row(v, rows_[k_.row_index_[v]].bytes);
}

// ---- folds ----------------------------------------------------------------------------------------------------------

void Sweeper::clear_folds() {
  for (FoldTree& tree : trees_) tree.clear();
}

void Sweeper::finish_folds(size_t p) {
  const std::vector<Sweep::Step>& folds = k_.schedule_.sweeps[p].folds;
  if (!k_.one_tile_)
    for (const Sweep::Step& fold : folds) finish_fold(fold);
  else  // code has left its sums where they belong
    for (const uint32_t f : k_.pieces_[p].folds) finish_fold(folds[f]);
}

void Sweeper::finish_fold(const Sweep::Step& fold) {
  const TileStep& step = group_.steps[fold.step];
  set_row(step.out[0], trees_[k_.fold_of_step_[fold.step]].total(step.combine));
}

void Sweeper::take_partials(size_t p, unsigned char* out) {
  for (const Sweep::Step& fold : k_.schedule_.sweeps[p].folds) {
    const uint32_t f = k_.fold_of_step_[fold.step];
    std::memcpy(out + f * 16, trees_[f].total(group_.steps[fold.step].combine), 16);
  }
}

void Sweeper::push_partials(size_t p, const unsigned char* from) {
  for (const Sweep::Step& fold : k_.schedule_.sweeps[p].folds) {
    const uint32_t f = k_.fold_of_step_[fold.step];
    std::memcpy(trees_[f].next(), from + f * 16, 16);
    trees_[f].push(group_.steps[fold.step].combine);
  }
}

// ---- sweeps ---------------------------------------------------------------------------------------------------------

void Sweeper::sweep(size_t p, int64_t begin, int64_t end) {
  const Calls& calls = k_.calls_[p];
  void** pointers = pointers_ + calls.first;
  for (const Calls::Transfer& to : calls.repeats) {
    auto& bytes = reinterpret_cast<Repeated*>(address(to.place, 0))->bytes;
    std::memcpy(bytes, bases_[to.stream], static_cast<size_t>(k_.streams_[to.stream].item));
    repeat(bytes, k_.streams_[to.stream].item);
  }
  if (!k_.one_tile_) point(calls, begin);
  for (const Calls::Transfer& to : calls.recurring) pack(to, begin, std::min(k_.tile_, end - begin));
  while (begin < end) {
    const int64_t n = std::min(k_.tile_, end - begin);
    for (const Calls::Transfer& to : calls.packs) pack(to, begin, n);
    for (const Call& call : calls.all) run(k_.schedule_.sweeps[p], call, pointers, n);
    for (const Calls::Transfer& from : calls.unpacks) unpack(from, begin, n);
    begin += n;
    if (begin == end) return;
    for (const Calls::Pointer& moving : calls.moving)
      pointers[moving.at] = static_cast<char*>(pointers[moving.at]) + n * moving.place.item;
  }
}

void Sweeper::point(const Calls& calls, int64_t begin) {
  void** pointers = pointers_ + calls.first;
  for (const Calls::Pointer& moving : calls.moving) pointers[moving.at] = address(moving.place, begin);
}

void Sweeper::run(const Sweep& sweep, const Call& call, void** pointers, int64_t n) {
  void** first = pointers + call.first;
  if (call.what == Call::kCode) {
    run_code(sweep, *call.piece, first, n);
    for (size_t k = 0; k < call.piece->sums.size() && !call.piece->folds(); ++k)
      push_sum(sweep.folds[call.piece->sums[k]].step, k);
    return;
  }
  const TileStep& step = *call.step;
  const void* const* in = first;
  if (call.what == Call::kBlock) return step.block(n, first + step.in.size(), in, call.in_step.data());
  if (call.what == Call::kConvert)
    return step.convert(n, static_cast<const char*>(in[0]),
                        call.in_step[0] * item_size(group_.values[step.in[0]].dtype), static_cast<char*>(first[1]),
                        item_size(group_.values[step.out[0]].dtype));
  FoldTree& tree = trees_[call.fold];
  step.fold(n, in, call.in_step.data(), tree.next());
  tree.push(step.combine);
}

void Sweeper::run_code(const Sweep& sweep, const TileKernel::Piece& piece, void** streams, int64_t n) {
  const size_t count = piece.registers.size() + piece.fetched.size(), sums = piece.sums.size();
  const int64_t rest = n % piece.code->lanes(), whole = n - rest;
  lanes_ = 0xFFFF;
  for (size_t k = 0; k < sums; ++k) streams[count + sums + 1 + k] = nothing(sweep, piece, k);
  if (whole) piece.code->run(streams, whole);
  if (!rest) return;
  if (whole) std::copy_n(streams + count, sums, streams + count + sums + 1);
  lanes_ = static_cast<uint16_t>((1u << rest) - 1);
  run_rest(piece, streams, whole, rest);
}

// The last elements, fewer than a vector holds, in memory of their own.
void Sweeper::run_rest(const TileKernel::Piece& piece, void* const* streams, int64_t from, int64_t n) {
  Repeated pads[kMostStreams];
  void* padded[kMostStreams + kMostSums * 2 + 2];
  const size_t count = piece.registers.size(), first_result = count - piece.results;
  for (size_t k = 0; k < count; ++k) {
    padded[k] = piece.items[k] ? pads[k].bytes : streams[k];
    if (!piece.items[k] || k >= first_result) continue;
    std::memset(pads[k].bytes, 0, sizeof pads[k].bytes);
    std::memcpy(pads[k].bytes, static_cast<char*>(streams[k]) + from * piece.items[k],
                static_cast<size_t>(n * piece.items[k]));
  }
  std::copy_n(streams + count, piece.fetched.size() + NativeCode::extra_pointers(piece.sums.size()), padded + count);
  piece.code->run(padded, piece.code->lanes());
  for (size_t k = first_result; k < count; ++k)
    std::memcpy(static_cast<char*>(streams[k]) + from * piece.items[k], pads[k].bytes,
                static_cast<size_t>(n * piece.items[k]));
}

// The sum of a block, of the 16 virtual lanes; of a row that is one block, in its place.
void Sweeper::push_sum(uint32_t step, size_t k) {
  using Four = float __attribute__((vector_size(16)));
  Four lanes[4];
  std::memcpy(lanes, sums_[k].lanes, sizeof lanes);
  const Four four = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  const float sum = (four[0] + four[2]) + (four[1] + four[3]);
  const TileStep& fold = group_.steps[step];
  if (k_.one_tile_) {
    const Four all = {sum, sum, sum, sum};
    unsigned char* to = rows_[k_.row_index_[fold.out[0]]].bytes;
    for (size_t at = 0; at < sizeof(Repeated); at += sizeof all) std::memcpy(to + at, &all, sizeof all);
    return;
  }
  FoldTree& tree = trees_[k_.fold_of_step_[step]];
  std::memcpy(tree.next(), &sum, sizeof sum);
  tree.push(fold.combine);
}

// ---- what does not lie in one run -----------------------------------------------------------------------------------

void Sweeper::pack(const Calls::Transfer& transfer, int64_t begin, int64_t n) {
  const int64_t item = k_.streams_[transfer.stream].item;
  char* to = address(transfer.place, begin);
  each_run(transfer.stream, begin, n, [&](const char* at, int64_t step, int64_t count) {
    copy_items(at, step, to, item, item, count);
    to += count * item;
  });
}

void Sweeper::unpack(const Calls::Transfer& transfer, int64_t begin, int64_t n) {
  const int64_t item = k_.streams_[transfer.stream].item;
  const char* from = address(transfer.place, begin);
  each_run(transfer.stream, begin, n, [&](char* at, int64_t step, int64_t count) {
    copy_items(from, item, at, step, item, count);
    from += count * item;
  });
}

// f(first element, stride in bytes, count) for the parts of a stream that lie along the last dimension.
template <class F>
void Sweeper::each_run(size_t s, int64_t begin, int64_t n, F f) {
  const std::vector<int64_t>& strides = k_.streams_[s].reduced;
  const int64_t step = strides.empty() ? 0 : strides.back(), run = k_.reduced_.empty() ? 1 : k_.reduced_.back();
  while (n > 0) {
    const int64_t count = std::min(n, run - begin % run);
    f(bases_[s] + offset(k_.reduced_, strides, begin), step, count);
    begin += count, n -= count;
  }
}

}  // namespace tw::jit
