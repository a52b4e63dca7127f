// Where the calls of a group's sweeps find their operands, worked out once: a run only fills in addresses.
#include <algorithm>

#include "tile_kernel.h"

namespace tw::jit {

class TileKernel::Binder {
 public:
  Binder(TileKernel& kernel, size_t p)
      : k_(kernel), sweep_(k_.schedule_.sweeps[p]), pieces_(k_.pieces_[p]), places_(sweep_.slots.size()) {
    calls_.first = k_.pointers_;
  }

  Calls bind() {
    place_operands();
    place_results();
    for (const Piece& piece : pieces_.all) {
      if (piece.code) {
        bind_code(piece);
      } else {
        for (size_t i = piece.begin; i < piece.end; ++i) bind_step(sweep_.steps[i], false);
      }
    }
    for (const uint32_t f : pieces_.folds) bind_step(sweep_.folds[f], true);
    k_.pointers_ += calls_.count;
    return std::move(calls_);
  }

 private:
  tw_dtype dtype(ValueId v) const { return k_.group_.values[v].dtype; }
  Place slot(Register r, int64_t item) const { return {Place::kSlot, static_cast<uint32_t>(sweep_.slots[r]), item}; }

  void place_operands() {
    for (const Sweep::Splat& splat : sweep_.splats) places_[splat.to] = {Place::kRow, k_.row_index_[splat.value], 0};
    for (const Sweep::Load& load : sweep_.loads) places_[load.to] = load_from(load);
    for (const Sweep::Step& step : sweep_.steps)
      for (size_t r = 0; r < step.out.size(); ++r)
        places_[step.out[r]] = slot(step.out[r], item_size(dtype(k_.group_.steps[step.step].out[r])));
  }

  Place load_from(const Sweep::Load& load) {
    if (load.from == Sweep::Load::kSaved)
      return {Place::kSaved, load.index, item_size(dtype(k_.schedule_.saved[load.index]))};
    const uint32_t s = load.from == Sweep::Load::kOutput ? k_.output_stream(load.index) : k_.stream_of_[load.index];
    const Stream& stream = k_.streams_[s];
    if (stream.mode == Stream::kDirect) return {Place::kStream, s, stream.item};
    const bool repeats = stream.mode == Stream::kSplat;
    const Place place = slot(load.to, repeats ? 0 : stream.item);
    const bool recurs = stream.mode == Stream::kRecurring;
    (repeats ? calls_.repeats : recurs ? calls_.recurring : calls_.packs).push_back({place, s});
    return place;
  }

  // What is kept, or is one run of a result, is left in its final place, all else in scratch memory.
  void place_results() {
    for (const Sweep::Store& store : sweep_.stores) {
      const ValueId v =
          store.to == Sweep::Store::kSaved ? k_.schedule_.saved[store.index] : k_.group_.outputs[store.index].value;
      const uint32_t s = store.to == Sweep::Store::kSaved ? 0 : k_.output_stream(store.index);
      if (store.to == Sweep::Store::kSaved)
        places_[store.from] = {Place::kSaved, store.index, item_size(dtype(v))};
      else if (k_.streams_[s].mode == Stream::kDirect)
        places_[store.from] = {Place::kStream, s, k_.streams_[s].item};
    }
    for (const Sweep::Store& store : sweep_.stores) {
      if (store.to == Sweep::Store::kSaved) continue;
      const Place& from = places_[store.from];
      const uint32_t s = k_.output_stream(store.index);
      if (from.from != Place::kStream || from.index != s) calls_.unpacks.push_back({from, s});
    }
  }

  void point_at(const Place& place) {
    const bool moves = place.from <= Place::kSaved;
    (moves ? calls_.moving : calls_.fixed).push_back({calls_.count++, place});
  }

  void bind_code(const Piece& piece) {
    calls_.all.push_back({Call::kCode, calls_.count, &piece});
    for (const Register r : piece.registers) point_at(places_[r]);
    for (const uint32_t s : piece.fetched)
      point_at({k_.is_output(s) ? Place::kStream : Place::kNextRow, s, k_.streams_[s].item});
    calls_.count += static_cast<uint32_t>(NativeCode::extra_pointers(piece.sums.size()));
  }

  void bind_step(const Sweep::Step& placed, bool fold) {
    const TileStep& step = k_.group_.steps[placed.step];
    Call call{fold ? Call::kFold : step.convert ? Call::kConvert : Call::kBlock, calls_.count, nullptr, &step};
    if (fold) call.fold = k_.fold_of_step_[placed.step];
    for (const Register r : placed.in) {
      point_at(places_[r]);
      call.in_step.push_back(places_[r].item != 0);
    }
    for (const Register r : placed.out) point_at(places_[r]);
    calls_.all.push_back(std::move(call));
  }

  TileKernel& k_;
  const Sweep& sweep_;
  const Pieces& pieces_;
  std::vector<Place> places_;  // by register
  Calls calls_;
};

void TileKernel::bind() {
  for (size_t p = 0; p < schedule_.sweeps.size(); ++p) calls_.push_back(Binder(*this, p).bind());
  for (std::vector<RowPiece>& pieces : row_pieces_)
    for (RowPiece& piece : pieces) {
      piece.first = pointers_;
      pointers_ += static_cast<uint32_t>(piece.rows.size() + NativeCode::extra_pointers(0));
    }
  // Nothing that goes through scratch memory has to stay within the cache.
  const auto through_scratch = [](const Calls& calls) {
    return !calls.packs.empty() || !calls.recurring.empty() || !calls.unpacks.empty() ||
           std::any_of(calls.fixed.begin(), calls.fixed.end(), [](const Calls::Pointer& pointer) {
             return pointer.place.from == Place::kSlot && pointer.place.item != 0;
           });
  };
  if (!folds_ && std::none_of(calls_.begin(), calls_.end(), through_scratch)) tile_ = kWholeRow;
  if (!folds_) one_tile_ = length_ <= std::min(tile_, part_);
  if (one_tile_) list_actions();
}

void TileKernel::list_actions() {
  const auto before = [&](size_t p) {
    const std::vector<RowPiece>& pieces = row_pieces_[p];
    const auto is_code = [](const RowPiece& piece) { return piece.whole != nullptr; };
    if (!std::all_of(pieces.begin(), pieces.end(), is_code))
      return actions_.push_back({nullptr, 0, 0, Action::kBefore, static_cast<uint32_t>(p)});
    for (const RowPiece& piece : pieces) actions_.push_back({piece.whole, piece.first, kRepeats, Action::kBefore, 0});
  };
  for (size_t p = 0; p < calls_.size(); ++p) {
    const Calls& calls = calls_[p];
    before(p);
    const bool one_code = calls.all.size() == 1 && calls.all[0].piece && calls.all[0].piece->whole;
    const bool moves_data =
        !calls.packs.empty() || !calls.repeats.empty() || !calls.recurring.empty() || !calls.unpacks.empty();
    const auto sweep = static_cast<uint32_t>(p);
    if (one_code && !moves_data && pieces_[p].folds.empty())
      actions_.push_back({calls.all[0].piece->whole, calls.first + calls.all[0].first,
                          calls.all[0].piece->count(length_), Action::kSweep, sweep});
    else
      actions_.push_back({nullptr, 0, 0, Action::kSweep, sweep});
  }
  before(calls_.size());
  const auto by_row = [&](const TileOutput& output) { return group_.values[output.value].row; };
  only_code_ = row_loads_.empty() && std::none_of(group_.outputs.begin(), group_.outputs.end(), by_row) &&
               std::all_of(actions_.begin(), actions_.end(), [](const Action& action) { return action.code; });
  rows_in_code_ = only_code_ && actions_.size() == 1 && calls_[0].all[0].piece->code->rows();
  if (kept_.empty()) return;
  for (const Calls& calls : calls_)
    for (const Calls::Pointer& moving : calls.moving) {
      const bool of_stream = moving.place.from != Place::kSaved;
      if (const int64_t by = of_stream ? streams_[moving.place.index].kept.back() : 0)
        moves_.push_back({calls.first + moving.at, by});
    }
}

}  // namespace tw::jit
