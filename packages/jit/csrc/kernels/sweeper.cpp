#include "sweeper.h"

#include <algorithm>
#include <cstring>

namespace tw::jit {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr int64_t kGrain = 32768;     // elements of one chunk of a parallel loop
constexpr int64_t kLongRun = 64;      // from here on runs are worth steps of their own
constexpr int64_t kGroupBlocks = 32;  // blocks of one unit of work: a complete part of the tree
constexpr int64_t kShortRow = 16384;  // rows up to here keep what later sweeps need again
constexpr int64_t kSlotBytes = TW_KERNEL_BLOCK * 16;
constexpr int64_t kSlotPitch = kSlotBytes + 1344;  // neighbours do not fall on the same cache sets
constexpr int64_t kPage = 4096;
constexpr int kMostLevels = 56;
constexpr int64_t kRepeats = 16;  // how often 64 bytes hold a float

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

}  // namespace

// ---- what does not change -------------------------------------------------------------------------------------------

TileKernel::TileKernel(TileGroup group) : group_(std::move(group)) {
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
  for (const Sweep& sweep : schedule_.sweeps) compile(sweep);
  for (const std::vector<uint32_t>& steps : schedule_.row_steps) compile_rows(steps);
}

void TileKernel::merge() {
  if (!folds_ && kept_.empty()) order_by_result();
  merge_dims(kept_, &Stream::kept);
  merge_dims(reduced_, &Stream::reduced);
  choose_modes();
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
  by_row_ = !folds_ && reduced_.size() > 1 && reduced_.back() >= kLongRun;
  for (Stream& stream : streams_) {
    if (stream.item > 8) tile_ = TW_KERNEL_BLOCK / 2;
    const int64_t step = stream.reduced.empty() ? 0 : stream.reduced.back();
    bool one_run = true;
    for (size_t d = 0; d + 1 < reduced_.size() && !by_row_; ++d)
      one_run &= stream.reduced[d] == stream.reduced[d + 1] * reduced_[d + 1];
    stream.mode = one_run && step == 0             ? Stream::kSplat
                  : one_run && step == stream.item ? Stream::kDirect
                                                   : Stream::kPacked;
  }
  if (folds_) tile_ = TW_KERNEL_BLOCK;
}

// Whether rows lie across memory: then op by op, which goes along it, is faster.
bool TileKernel::across() const {
  if (!folds_ || kept_.empty() || reduced_.empty()) return false;
  return std::any_of(streams_.begin(), streams_.end(), [](const Stream& s) {
    return s.mode == Stream::kPacked && std::abs(s.reduced.back()) > s.item * 4;
  });
}

// ---- one thread's part ----------------------------------------------------------------------------------------------

class Sweeper {
 public:
  using Stream = TileKernel::Stream;
  using Repeated = TileKernel::Repeated;
  static constexpr size_t kMostSums = TileKernel::kMostSums, kMostStreams = TileKernel::kMostStreams;

  Sweeper(const TileKernel& kernel, const void* const* inputs, void* const* outputs)
      : k_(kernel), group_(kernel.group_) {
    const size_t saved = k_.schedule_.saved.size() * static_cast<size_t>(saved_pitch());
    const size_t rows = k_.rows_.size() * sizeof(Repeated);
    memory_ = scratch(rows + saved + k_.schedule_.slots * kSlotPitch + kPage);
    rows_ = reinterpret_cast<Repeated*>(memory_);
    memory_ += rows;
    std::copy(k_.rows_.begin(), k_.rows_.end(), rows_);
    size_t registers = 0;
    for (const Sweep& sweep : k_.schedule_.sweeps) registers = std::max(registers, sweep.slots.size());
    pointers_.resize(registers), steps_.resize(registers);
    bases_.resize(k_.streams_.size());
    for (size_t o = 0; o < group_.outputs.size(); ++o) bases_[output_stream(o)] = static_cast<char*>(outputs[o]);
    for (ValueId v = 0; v < group_.values.size(); ++v)
      if (k_.stream_of_[v] != kNone)
        bases_[k_.stream_of_[v]] = const_cast<char*>(static_cast<const char*>(inputs[group_.values[v].input]));
    data_ = bases_;
    counters_.resize(k_.fold_count_);
  }

  // The row that kept index `row` names; what is known of it before any sweep is computed.
  void begin_row(int64_t row) {
    for (size_t s = 0; s < bases_.size(); ++s) bases_[s] = data_[s] + offset(k_.kept_, k_.streams_[s].kept, row);
    stagger(saved_pitch() * static_cast<int64_t>(k_.schedule_.saved.size()));
    for (const ValueId v : k_.row_loads_) set_row(v, bases_[k_.stream_of_[v]]);
    row_steps(0);
  }

  // Lays scratch memory half a page away from the first stream: a load waits for stores whose addresses end in the same
  // twelve bits.
  void stagger(int64_t saved) {
    const auto first = reinterpret_cast<uintptr_t>(bases_.empty() ? memory_ : bases_[0]);
    const uintptr_t shift = (first + kPage / 2 - reinterpret_cast<uintptr_t>(memory_)) % kPage / 64 * 64;
    saved_ = memory_ + shift, slots_ = saved_ + saved;
  }

  void row_steps(size_t before) {
    for (const TileKernel::RowPiece& piece : k_.row_pieces_[before]) {
      if (!piece.code) {
        for (const uint32_t s : piece.steps) row_step(group_.steps[s]);
        continue;
      }
      void* streams[kMostStreams + kMostSums + 2];
      for (size_t k = 0; k < piece.rows.size(); ++k) streams[k] = rows_[piece.rows[k]].bytes;
      piece.code->run(streams, kRepeats);
      for (const uint32_t row : piece.truths) repeat(rows_[row].bytes, 1);
    }
  }

  // One sweep over some of the row's elements, which begin with a block.
  void sweep(size_t p, int64_t begin, int64_t end) {
    const Sweep& sweep = k_.schedule_.sweeps[p];
    for (const Sweep::Splat& splat : sweep.splats) {
      pointers_[splat.to] = rows_[k_.row_index_[splat.value]].bytes;
      steps_[splat.to] = 0;
    }
    const TileKernel::Pieces& pieces = k_.pieces_[p];
    for (const Register r : pieces.results) pointers_[r] = slot(sweep, r), steps_[r] = 1;
    const int64_t run = k_.by_row_ ? k_.reduced_.back() : end;
    while (begin < end) {
      const int64_t left_in_run = k_.by_row_ ? run - begin % run : end - begin;
      const int64_t n = std::min({k_.tile_, left_in_run, end - begin});
      tile(sweep, pieces, begin, n);
      begin += n;
    }
  }

  void clear_folds() {
    for (Counter& counter : counters_) counter.height = 0, counter.blocks = 0;
  }
  // What a sweep folded, as one value for each of its folds; then the values of the row are there.
  void finish_folds(size_t p) {
    for (const Sweep::Step& fold : k_.schedule_.sweeps[p].folds) {
      const TileStep& step = group_.steps[fold.step];
      Counter& counter = counters_[k_.fold_of_step_[fold.step]];
      for (; counter.height > 1; --counter.height)
        step.combine(1, counter.partial[counter.height - 2], counter.partial[counter.height - 1]);
      set_row(step.out[0], counter.partial[0]);
    }
  }

  // One partial result for each fold, 16 bytes each, of a sweep over a group of blocks; and back again.
  void take_partials(size_t p, unsigned char* out) {
    for (const Sweep::Step& fold : k_.schedule_.sweeps[p].folds) {
      const TileStep& step = group_.steps[fold.step];
      const uint32_t f = k_.fold_of_step_[fold.step];
      Counter& counter = counters_[f];
      for (; counter.height > 1; --counter.height)
        step.combine(1, counter.partial[counter.height - 2], counter.partial[counter.height - 1]);
      std::memcpy(out + f * 16, counter.partial[0], 16);
    }
  }
  void push_partials(size_t p, const unsigned char* from) {
    for (const Sweep::Step& fold : k_.schedule_.sweeps[p].folds) {
      const uint32_t f = k_.fold_of_step_[fold.step];
      std::memcpy(counters_[f].partial[counters_[f].height], from + f * 16, 16);
      push(counters_[f], group_.steps[fold.step]);
    }
  }

  void end_row() {
    for (size_t o = 0; o < group_.outputs.size(); ++o) {
      const ValueId v = group_.outputs[o].value;
      if (group_.values[v].row)
        std::memcpy(bases_[output_stream(o)], rows_[k_.row_index_[v]].bytes,
                    static_cast<size_t>(item_size(group_.values[v].dtype)));
    }
  }

  // The values of a row as another thread's sweeper knows them.
  const Repeated* rows() const { return rows_; }
  void use_rows(const Repeated* rows) { std::copy_n(rows, k_.rows_.size(), rows_); }

 private:
  struct alignas(64) Lanes {
    float lanes[16];
  };
  static constexpr Lanes kNoSum = {{-0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f,  // what changes no sum
                                    -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f, -0.0f}};
  struct Counter {  // partial results, merged as they come: entry i stands for a power of two of blocks
    alignas(16) unsigned char partial[kMostLevels][16];
    int height = 0;
    int64_t blocks = 0;
  };

  static char* scratch(size_t bytes) {
    thread_local std::vector<Repeated> memory;
    const size_t count = (bytes + sizeof(Repeated) - 1) / sizeof(Repeated);
    if (memory.size() < count) memory.resize(count);
    return reinterpret_cast<char*>(memory.data());
  }

  int64_t saved_pitch() const { return (k_.group_.length() * 16 + 63) / 64 * 64 + 192; }
  size_t output_stream(size_t o) const { return k_.streams_.size() - group_.outputs.size() + o; }

  static int64_t offset(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides, int64_t index) {
    int64_t at = 0;
    for (size_t d = sizes.size(); d-- > 1; index /= sizes[d]) at += index % sizes[d] * strides[d];
    return sizes.empty() ? 0 : at + index * strides[0];
  }

  // ---- values of the row ----------------------------------------------------------------------------------------

  void set_row(ValueId v, const void* value) {
    Repeated& to = rows_[k_.row_index_[v]];
    const int64_t item = item_size(group_.values[v].dtype);
    if (value != to.bytes) std::memcpy(to.bytes, value, static_cast<size_t>(item));
    repeat(to.bytes, item);
  }

  void row_step(const TileStep& step) {
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

  // ---- tiles ----------------------------------------------------------------------------------------------------

  char* slot(const Sweep& sweep, Register r) const { return slots_ + sweep.slots[r] * kSlotPitch; }

  void tile(const Sweep& sweep, const TileKernel::Pieces& pieces, int64_t begin, int64_t n) {
    for (const Sweep::Load& load : sweep.loads) place_load(sweep, load, begin, n);
    for (const Sweep::Store& store : sweep.stores) place_result(store, begin);
    for (const TileKernel::Piece& piece : pieces.all) {
      if (piece.code) {
        run_code(piece, n);
        for (size_t k = 0; k < piece.sums.size(); ++k) push_sum(sweep.folds[piece.sums[k]], k);
        continue;
      }
      for (size_t i = piece.begin; i < piece.end; ++i) run_step(group_.steps[sweep.steps[i].step], sweep.steps[i], n);
    }
    for (const uint32_t f : pieces.folds) run_fold(group_.steps[sweep.folds[f].step], sweep.folds[f], n);
    for (const Sweep::Store& store : sweep.stores) put_away(store, begin, n);
  }

  void place_load(const Sweep& sweep, const Sweep::Load& load, int64_t begin, int64_t n) {
    steps_[load.to] = 1;
    if (load.from == Sweep::Load::kSaved) {
      pointers_[load.to] = saved(load.index, begin);
      return;
    }
    const size_t s = load.from == Sweep::Load::kOutput ? output_stream(load.index) : k_.stream_of_[load.index];
    const Stream& stream = k_.streams_[s];
    if (stream.mode == Stream::kPacked) {
      pointers_[load.to] = slot(sweep, load.to);
      return pack(s, begin, n, slot(sweep, load.to));
    }
    char* at = bases_[s] + offset(k_.reduced_, stream.reduced, begin);
    if (stream.mode == Stream::kSplat) {
      auto& bytes = reinterpret_cast<Repeated*>(slot(sweep, load.to))->bytes;
      std::memcpy(bytes, at, static_cast<size_t>(stream.item));
      repeat(bytes, stream.item);
      steps_[load.to] = 0, at = reinterpret_cast<char*>(bytes);
    }
    pointers_[load.to] = at;
  }

  char* saved(uint32_t index, int64_t begin) const {
    return saved_ + index * saved_pitch() + begin * item_size(group_.values[k_.schedule_.saved[index]].dtype);
  }

  // What is kept, or is one run of a result, is left in its final place, all else in scratch memory.
  void place_result(const Sweep::Store& store, int64_t begin) {
    if (store.to == Sweep::Store::kSaved) {
      pointers_[store.from] = saved(store.index, begin);
      return;
    }
    const size_t s = output_stream(store.index);
    if (k_.streams_[s].mode == Stream::kDirect)
      pointers_[store.from] = bases_[s] + offset(k_.reduced_, k_.streams_[s].reduced, begin);
  }

  void run_step(const TileStep& step, const Sweep::Step& placed, int64_t n) {
    constexpr size_t kMost = TW_KERNEL_OPERANDS;
    const void* in[kMost];
    void* out[kMost];
    uint8_t in_step[kMost];
    for (size_t k = 0; k < placed.in.size(); ++k) in[k] = pointers_[placed.in[k]], in_step[k] = steps_[placed.in[k]];
    for (size_t k = 0; k < placed.out.size(); ++k) out[k] = pointers_[placed.out[k]];
    if (!step.convert) return step.block(n, out, in, in_step);
    step.convert(n, static_cast<const char*>(in[0]), in_step[0] * item_size(group_.values[step.in[0]].dtype),
                 static_cast<char*>(out[0]), item_size(group_.values[step.out[0]].dtype));
  }

  void run_code(const TileKernel::Piece& piece, int64_t n) {
    void* streams[kMostStreams + kMostSums + 2];
    const size_t count = piece.registers.size();
    for (size_t k = 0; k < count; ++k) streams[k] = pointers_[piece.registers[k]];
    const int64_t rest = n % piece.code->lanes(), whole = n - rest;
    uint16_t lanes = 0xFFFF;
    const size_t sums = piece.sums.size();
    for (size_t k = 0; k < sums; ++k) {
      streams[count + k] = sums_[k].lanes;
      streams[count + sums + 1 + k] = const_cast<Lanes*>(&kNoSum);
    }
    streams[count + sums] = &lanes;
    if (whole) piece.code->run(streams, whole);
    if (!rest) return;
    if (whole) std::copy_n(streams + count, sums, streams + count + sums + 1);
    lanes = static_cast<uint16_t>((1u << rest) - 1);
    run_rest(piece, streams, whole, rest);
  }

  // The sum of a block: of the 16 virtual lanes.
  void push_sum(const Sweep::Step& fold, size_t k) {
    using Four = float __attribute__((vector_size(16)));
    Four lanes[4];
    std::memcpy(lanes, sums_[k].lanes, sizeof lanes);
    const Four four = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    const float sum = (four[0] + four[2]) + (four[1] + four[3]);
    Counter& counter = counters_[k_.fold_of_step_[fold.step]];
    std::memcpy(counter.partial[counter.height], &sum, sizeof sum);
    push(counter, group_.steps[fold.step]);
  }

  // The last elements, fewer than a vector holds, in memory of their own.
  void run_rest(const TileKernel::Piece& piece, void* const* streams, int64_t from, int64_t n) {
    Repeated pads[kMostStreams] = {};
    void* padded[kMostStreams + kMostSums + 2];
    const size_t count = piece.registers.size(), first_result = count - piece.results;
    for (size_t k = 0; k < count; ++k) {
      padded[k] = piece.items[k] ? pads[k].bytes : streams[k];
      if (piece.items[k] && k < first_result)
        std::memcpy(pads[k].bytes, static_cast<char*>(streams[k]) + from * piece.items[k],
                    static_cast<size_t>(n * piece.items[k]));
    }
    std::copy_n(streams + count, 2 * piece.sums.size() + 1, padded + count);
    piece.code->run(padded, piece.code->lanes());
    for (size_t k = first_result; k < count; ++k)
      std::memcpy(static_cast<char*>(streams[k]) + from * piece.items[k], pads[k].bytes,
                  static_cast<size_t>(n * piece.items[k]));
  }

  void run_fold(const TileStep& step, const Sweep::Step& placed, int64_t n) {
    const void* in[TW_KERNEL_OPERANDS];
    uint8_t in_step[TW_KERNEL_OPERANDS];
    for (size_t k = 0; k < placed.in.size(); ++k) in[k] = pointers_[placed.in[k]], in_step[k] = steps_[placed.in[k]];
    Counter& counter = counters_[k_.fold_of_step_[placed.step]];
    step.fold(n, in, in_step, counter.partial[counter.height]);
    push(counter, step);
  }

  static void push(Counter& counter, const TileStep& step) {
    ++counter.height;
    for (int64_t b = ++counter.blocks; (b & 1) == 0; b >>= 1) {
      --counter.height;
      step.combine(1, counter.partial[counter.height - 1], counter.partial[counter.height]);
    }
  }

  void put_away(const Sweep::Store& store, int64_t begin, int64_t n) {
    if (store.to == Sweep::Store::kSaved) return;
    const size_t s = output_stream(store.index);
    const Stream& stream = k_.streams_[s];
    const char* from = static_cast<const char*>(pointers_[store.from]);
    if (stream.mode == Stream::kDirect) {
      char* to = bases_[s] + offset(k_.reduced_, stream.reduced, begin);
      if (to != from) std::memcpy(to, from, static_cast<size_t>(n * stream.item));
      return;
    }
    each_run(s, begin, n, [&](char* at, int64_t step, int64_t count) {
      copy_items(from, stream.item, at, step, stream.item, count);
      from += count * stream.item;
    });
  }

  void pack(size_t s, int64_t begin, int64_t n, char* to) {
    const int64_t item = k_.streams_[s].item;
    each_run(s, begin, n, [&](const char* at, int64_t step, int64_t count) {
      copy_items(at, step, to, item, item, count);
      to += count * item;
    });
  }

  // f(first element, stride in bytes, count) for the parts of a stream that lie along the last dimension.
  template <class F>
  void each_run(size_t s, int64_t begin, int64_t n, F f) {
    const std::vector<int64_t>& strides = k_.streams_[s].reduced;
    const int64_t step = strides.empty() ? 0 : strides.back(), run = k_.reduced_.empty() ? 1 : k_.reduced_.back();
    while (n > 0) {
      const int64_t count = std::min(n, run - begin % run);
      f(bases_[s] + offset(k_.reduced_, strides, begin), step, count);
      begin += count, n -= count;
    }
  }

  static void copy_items(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t item, int64_t n) {
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
  template <class T>
  static void copy_of(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t n) {
    for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, sizeof(T));
  }

  const TileKernel& k_;
  const TileGroup& group_;
  char *memory_, *saved_, *slots_;
  Repeated* rows_;
  std::vector<void*> pointers_;  // by register
  std::vector<uint8_t> steps_;
  std::vector<char*> data_, bases_;  // where the streams begin; where they do in this row
  std::vector<Counter> counters_;
  std::array<Lanes, kMostSums> sums_;
};

// ---- runs ---------------------------------------------------------------------------------------------------------

void TileKernel::run(const void* const* inputs, void* const* outputs) const {
  const int64_t rows = group_.rows(), length = group_.length();
  const size_t sweeps = schedule_.sweeps.size();
  if (!folds_) {
    const int64_t unit = std::max<int64_t>(1, kGrain / tile_) * tile_;
    return parallel_for(0, length, unit, [&](int64_t begin, int64_t end) {
      Sweeper sweeper(*this, inputs, outputs);
      sweeper.begin_row(0);
      sweeper.sweep(0, begin, end);
    });
  }
  constexpr int64_t kPart = kGroupBlocks * TW_KERNEL_BLOCK;
  if (rows < 8 && length > kPart) return run_long_rows(inputs, outputs);
  parallel_for(0, rows, std::max<int64_t>(1, kGrain / length), [&](int64_t begin, int64_t end) {
    Sweeper sweeper(*this, inputs, outputs);
    for (int64_t row = begin; row < end; ++row) {
      sweeper.begin_row(row);
      for (size_t p = 0; p < sweeps; ++p) {
        sweeper.clear_folds();
        sweeper.sweep(p, 0, length);
        sweeper.finish_folds(p);
        sweeper.row_steps(p + 1);
      }
      sweeper.end_row();
    }
  });
}

// Few long rows: the parts of each are shared out, sweep by sweep.
void TileKernel::run_long_rows(const void* const* inputs, void* const* outputs) const {
  constexpr int64_t kPart = kGroupBlocks * TW_KERNEL_BLOCK;
  const int64_t length = group_.length(), parts = (length - 1) / kPart + 1;
  std::vector<unsigned char> partials(static_cast<size_t>(parts) * fold_count_ * 16);
  Sweeper whole(*this, inputs, outputs);
  std::vector<Repeated> rows(rows_.size());
  for (int64_t row = 0; row < group_.rows(); ++row) {
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
