// The parts of a group that are machine code: which steps go together, and what they read and leave.
#include <algorithm>
#include <map>

#include "tile_kernel.h"

namespace tw::jit {

void TileKernel::compile(const Sweep& sweep) {
  Pieces& pieces = pieces_.emplace_back();
  const auto can = [&](size_t i) { return group_.steps[sweep.steps[i].step].expression != nullptr; };
  for (size_t begin = 0, end; begin < sweep.steps.size(); begin = end) {
    for (end = begin + 1; end < sweep.steps.size() && can(end) == can(begin);) ++end;
    // One step alone is what its block kernel does, over a block.
    Piece piece{begin, end, {}, {}, {}, 0};
    if (can(begin)) piece = compiled(sweep, begin, end);
    const bool over_blocks = longest_tile_ <= TW_KERNEL_BLOCK;
    if (end - begin == 1 && over_blocks && piece.sums.empty() && piece.fetched.empty())
      piece = {begin, end, {}, {}, {}, 0};
    if (piece.code)
      pieces.results.insert(pieces.results.end(), piece.registers.end() - static_cast<std::ptrdiff_t>(piece.results),
                            piece.registers.end());
    for (size_t i = begin; i < end && !piece.code; ++i)
      pieces.results.insert(pieces.results.end(), sweep.steps[i].out.begin(), sweep.steps[i].out.end());
    pieces.all.push_back(std::move(piece));
  }
  if (sweep.steps.empty() && !sweep.folds.empty())
    if (Piece piece = compiled(sweep, 0, 0); piece.code && !piece.sums.empty()) pieces.all.push_back(std::move(piece));
  const std::vector<uint32_t> none, &done = pieces.all.empty() ? none : pieces.all.back().sums;
  for (uint32_t f = 0; f < sweep.folds.size(); ++f)
    if (std::find(done.begin(), done.end(), f) == done.end()) pieces.folds.push_back(f);
}

void TileKernel::compile_rows(const std::vector<uint32_t>& steps) {
  std::vector<RowPiece>& pieces = row_pieces_.emplace_back();
  const auto can = [&](uint32_t s) { return group_.steps[s].expression != nullptr; };
  for (size_t begin = 0, end; begin < steps.size(); begin = end) {
    for (end = begin + 1; end < steps.size() && can(steps[end]) == can(steps[begin]);) ++end;
    const std::vector<uint32_t> part(steps.begin() + static_cast<std::ptrdiff_t>(begin),
                                     steps.begin() + static_cast<std::ptrdiff_t>(end));
    pieces.push_back(can(steps[begin]) ? compiled_rows(part) : RowPiece{part, {}, {}, {}});
  }
}

TileKernel::RowPiece TileKernel::compiled_rows(const std::vector<uint32_t>& steps) const {
  RowPiece piece{steps, {}, {}, {}};
  LaneProgram program(native_code_machine());
  std::map<ValueId, Lane> lanes;
  const auto stream = [&](ValueId v, bool repeated) {
    program.streams.push_back(group_.values[v].dtype == kBool ? LaneType::kMask : LaneType::kF32);
    program.repeated.push_back(repeated);
    piece.rows.push_back(row_index_[v]);
    return static_cast<uint32_t>(piece.rows.size() - 1);
  };
  for (const uint32_t s : steps) {
    const TileStep& step = group_.steps[s];
    std::vector<Lane> operands;
    for (const ValueId v : step.in) {
      const TileValue& value = group_.values[v];
      if (!lanes.count(v))
        lanes[v] = value.kind == TileValue::kConstant ? program.number(value.dtype == kBool, value.constant.data())
                                                      : program.input(stream(v, true));
      operands.push_back(lanes[v]);
    }
    const std::vector<Lane> results = program.apply(*step.expression, operands);
    if (results.size() != step.out.size()) return {steps, {}, {}, {}};
    for (size_t k = 0; k < results.size(); ++k) lanes[step.out[k]] = results[k];
  }
  for (const uint32_t s : steps)
    for (const ValueId v : group_.steps[s].out)
      if (used_beyond(v, steps)) {
        program.results.emplace_back(lanes[v], stream(v, false));
        if (group_.values[v].dtype == kBool) piece.truths.push_back(row_index_[v]);
      }
  program.sweep();
  if (program.streams.size() <= kMostStreams) piece.code = native_code(program, Batch::kOne);
  if (piece.code && piece.truths.empty()) piece.whole = piece.code->whole(kRepeats);
  return piece;
}

// Whether anything but these steps takes the value.
bool TileKernel::used_beyond(ValueId value, const std::vector<uint32_t>& steps) const {
  for (const TileOutput& output : group_.outputs)
    if (output.value == value) return true;
  for (uint32_t s = 0; s < group_.steps.size(); ++s) {
    const std::vector<ValueId>& in = group_.steps[s].in;
    if (std::find(in.begin(), in.end(), value) != in.end() && std::find(steps.begin(), steps.end(), s) == steps.end())
      return true;
  }
  return false;
}

// Whether a register holds one value for all elements of a tile.
bool TileKernel::repeats(const Sweep& sweep, Register r) const {
  for (const Sweep::Splat& splat : sweep.splats)
    if (splat.to == r) return true;
  for (const Sweep::Load& load : sweep.loads)
    if (load.to == r && load.from == Sweep::Load::kInput)
      return streams_[stream_of_[load.index]].mode == Stream::kSplat;
  return false;
}

// Whether the stream is rows of floats, one after the other, that are short enough to be in the cache.
bool TileKernel::runs_on(uint32_t stream) const {
  constexpr int64_t kMostBytes = 32768;
  const Stream& s = streams_[stream];
  const int64_t bytes = length_ * s.item;
  return s.mode == Stream::kDirect && s.kept.back() == bytes * rows_in_turn_ && s.item == 4 && bytes <= kMostBytes;
}

// What is brought nearer while this sweep computes: the inputs' next row, as the processor's own guesses end with a
// page, and before the last of several sweeps the results' row, which would have to be read before it is written. A
// first sweep of several only reads, and would wait for memory: the later ones share the inputs.
std::vector<uint32_t> TileKernel::fetched_in(const Sweep& sweep, const LaneProgram& program) const {
  constexpr size_t kFewSteps = 24;  // so few wait for the memory itself
  const auto p = static_cast<size_t>(&sweep - schedule_.sweeps.data()), later = schedule_.sweeps.size() - 1;
  std::vector<uint32_t> fetched;
  const auto fetch = [&](uint32_t stream) {
    if (program.addresses() + fetched.size() < kMostAddresses && runs_on(stream)) fetched.push_back(stream);
  };
  if (kept_.size() != 1) return fetched;
  if (p + 1 == later) {
    for (const Sweep::Store& store : schedule_.sweeps[later].stores)
      if (store.to == Sweep::Store::kOutput) fetch(output_stream(store.index));
  }
  if (later ? p == 0 : program.steps.size() < kFewSteps) return fetched;
  size_t next = 0;
  for (const Sweep::Load& load : schedule_.sweeps[0].loads) {
    if (load.from != Sweep::Load::kInput || !runs_on(stream_of_[load.index])) continue;
    if (!later || next++ % later + 1 == p) fetch(stream_of_[load.index]);
  }
  return fetched;
}

// Sums over what the code has computed, and in rows that are one tile all.
bool TileKernel::folds_in_code(const TileStep& step, const Sweep::Step& fold,
                               const std::map<Register, tw_dtype>& made) const {
  if (!step.folded) return false;
  if (one_tile_)
    return std::all_of(step.in.begin(), step.in.end(), [&](ValueId v) { return group_.values[v].dtype == kFloat32; });
  return step.folded->combine == Combine::kSum &&
         std::all_of(fold.in.begin(), fold.in.end(), [&](Register r) { return made.count(r) != 0; });
}

TileKernel::Piece TileKernel::compiled(const Sweep& sweep, size_t begin, size_t end) const {
  Piece piece{begin, end, {}, {}, {}, 0};
  LaneProgram program(native_code_machine());
  std::map<Register, Lane> lanes;
  const auto stream = [&](Register r, tw_dtype dtype, bool repeated) {
    program.streams.push_back(dtype == kBool ? LaneType::kMask : LaneType::kF32);
    program.repeated.push_back(repeated);
    piece.registers.push_back(r);
    piece.items.push_back(repeated ? 0 : static_cast<uint8_t>(item_size(dtype)));
    return static_cast<uint32_t>(piece.registers.size() - 1);
  };
  const auto operand = [&](Register r, const TileValue& value) {
    if (!lanes.count(r))
      lanes[r] = value.kind == TileValue::kConstant ? program.number(value.dtype == kBool, value.constant.data())
                                                    : program.input(stream(r, value.dtype, repeats(sweep, r)));
    return lanes[r];
  };
  std::map<Register, tw_dtype> made;
  for (size_t i = begin; i < end; ++i) {
    const TileStep& step = group_.steps[sweep.steps[i].step];
    std::vector<Lane> operands;
    for (size_t k = 0; k < step.in.size(); ++k)
      operands.push_back(operand(sweep.steps[i].in[k], group_.values[step.in[k]]));
    const std::vector<Lane> results = program.apply(*step.expression, operands);
    if (results.size() != step.out.size()) return piece;
    for (size_t k = 0; k < results.size(); ++k) {
      lanes[sweep.steps[i].out[k]] = results[k];
      made[sweep.steps[i].out[k]] = group_.values[step.out[k]].dtype;
    }
  }
  const bool sums = end == sweep.steps.size() && (one_tile_ ? native_code_folds() : program.can_sum());
  for (uint32_t f = 0; f < sweep.folds.size() && sums; ++f) {
    const Sweep::Step& fold = sweep.folds[f];
    const TileStep& step = group_.steps[fold.step];
    if (piece.sums.size() == kMostSums || !folds_in_code(step, fold, made)) continue;
    std::vector<Lane> operands;
    for (size_t k = 0; k < fold.in.size(); ++k) operands.push_back(operand(fold.in[k], group_.values[step.in[k]]));
    program.add_sum(step.folded->combine, program.apply(*step.folded, operands).at(0));
    piece.sums.push_back(f);
  }
  for (const auto& [r, dtype] : made) {
    if (!used_after(sweep, r, end, piece.sums)) continue;
    program.results.emplace_back(lanes[r], stream(r, dtype, false));
    ++piece.results;
  }
  if (end == sweep.steps.size()) piece.fetched = fetched_in(sweep, program);
  make_code(sweep, piece, program);
  return piece;
}

// Behind the streams of registers come those that are fetched, and those of sums.
void TileKernel::make_code(const Sweep& sweep, Piece& piece, LaneProgram& program) const {
  for (const uint32_t fetched : piece.fetched) {
    program.fetched.push_back({static_cast<uint32_t>(program.streams.size()), is_output(fetched)});
    program.streams.push_back(LaneType::kF32), program.repeated.push_back(false);
  }
  for (auto& sum : program.sums) {
    sum.second = static_cast<uint32_t>(program.streams.size());
    program.streams.push_back(LaneType::kF32), program.repeated.push_back(true);
  }
  if (!program.sums.empty()) program.streams.push_back(LaneType::kMask), program.repeated.push_back(true);
  program.sweep();
  if (length_ <= tile_) program.length = length_, program.pitches = pitches(sweep, piece);
  if (program.streams.size() <= kMostStreams) piece.code = native_code(program);
  if (!piece.code) piece.sums.clear();
  if (piece.code && (piece.sums.empty() || (one_tile_ && piece.code->folds())))
    piece.whole = piece.code->whole(length_);
}

std::vector<int32_t> TileKernel::pitches(const Sweep& sweep, const Piece& piece) const {
  std::vector<int32_t> all;
  if (folds_ || kept_.size() != 1 || piece.end - piece.begin != sweep.steps.size() || !native_code_folds()) return {};
  std::vector<uint32_t> streams;
  for (const Register r : piece.registers) {
    const auto stream = stream_in(sweep, r);
    if (!stream || streams_[*stream].mode != Stream::kDirect) return {};
    streams.push_back(*stream);
  }
  streams.insert(streams.end(), piece.fetched.begin(), piece.fetched.end());
  for (const uint32_t stream : streams) {
    const int64_t pitch = streams_[stream].kept.back();
    if (pitch != static_cast<int32_t>(pitch)) return {};
    all.push_back(static_cast<int32_t>(pitch));
  }
  return all;
}

// The only stream that the register is loaded from or stored to.
std::optional<uint32_t> TileKernel::stream_in(const Sweep& sweep, Register r) const {
  std::vector<uint32_t> found;
  for (const Sweep::Load& load : sweep.loads)
    if (load.to == r)
      found.push_back(load.from == Sweep::Load::kInput ? stream_of_[load.index] : output_stream(load.index));
  for (const Sweep::Store& store : sweep.stores)
    if (store.from == r) found.push_back(output_stream(store.index));
  return found.size() == 1 ? std::optional(found[0]) : std::nullopt;
}

// Whether a later step, a fold or a store takes what the register holds.
bool TileKernel::used_after(const Sweep& sweep, Register r, size_t end, const std::vector<uint32_t>& but) const {
  const auto takes = [&](const Sweep::Step& step) {
    return std::find(step.in.begin(), step.in.end(), r) != step.in.end();
  };
  return std::any_of(sweep.steps.begin() + static_cast<std::ptrdiff_t>(end), sweep.steps.end(), takes) ||
         std::any_of(sweep.folds.begin(), sweep.folds.end(),
                     [&](const Sweep::Step& fold) {
                       const auto f = static_cast<uint32_t>(&fold - sweep.folds.data());
                       return takes(fold) && std::find(but.begin(), but.end(), f) == but.end();
                     }) ||
         std::any_of(sweep.stores.begin(), sweep.stores.end(), [&](const Sweep::Store& s) { return s.from == r; });
}

}  // namespace tw::jit
