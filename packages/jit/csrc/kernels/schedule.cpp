#include "schedule.h"

#include <algorithm>
#include <map>
#include <set>

namespace tw::jit {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint32_t kFor = UINT32_MAX - 1;  // to the end of the tile

// Scratch memory by the tile: a place is used again after its last reader, by values of the same width.
class Slots {
 public:
  explicit Slots(uint32_t* most) : most_(most) {}
  int32_t take(int64_t item) {
    std::vector<int32_t>& list = free_[item];
    if (list.empty()) return next(item);
    const int32_t slot = list.back();
    list.pop_back();
    return slot;
  }
  void give_back(int32_t slot, int64_t item) { free_[item].push_back(slot); }

 private:
  int32_t next(int64_t) {
    *most_ = std::max(*most_, ++used_);
    return static_cast<int32_t>(used_ - 1);
  }
  uint32_t* most_;
  uint32_t used_ = 0;
  std::map<int64_t, std::vector<int32_t>> free_;
};

class Scheduler {
 public:
  Scheduler(const TileGroup& group, bool save) : group_(group), save_(save), maker_(group.values.size(), kNone) {
    for (uint32_t s = 0; s < group.steps.size(); ++s)
      for (const ValueId value : group.steps[s].out) maker_[value] = s;
  }

  Schedule run() {
    const int last = last_phase();
    std::vector<std::vector<ValueId>> roots(static_cast<size_t>(last) + 1);
    for (const TileOutput& output : group_.outputs)
      if (!value(output.value).row) roots[phase(output.value)].push_back(output.value);
    for (const TileStep& step : group_.steps)
      if (step.fold)
        for (const ValueId in : step.in)
          if (!value(in).row) roots[static_cast<size_t>(step.phase)].push_back(in);
    schedule_.sweeps.resize(roots.size());
    // From the last to the first: what a sweep wants to have kept, an earlier one computes.
    for (size_t p = roots.size(); p-- > 0;) plan(p, roots);
    for (size_t p = 0; p < roots.size(); ++p) emit(p);
    schedule_.row_steps.resize(roots.size() + 1);
    for (uint32_t s = 0; s < group_.steps.size(); ++s)
      if (group_.steps[s].row) schedule_.row_steps[static_cast<size_t>(group_.steps[s].phase)].push_back(s);
    return std::move(schedule_);
  }

 private:
  const TileValue& value(ValueId v) const { return group_.values[v]; }
  size_t phase(ValueId v) const { return static_cast<size_t>(value(v).phase); }

  int last_phase() const {
    int last = 0;
    for (const TileStep& step : group_.steps) last = std::max(last, step.fold || !step.row ? step.phase : 0);
    return last;
  }

  int32_t output_of(ValueId v) const {
    for (size_t k = 0; k < group_.outputs.size(); ++k)
      if (group_.outputs[k].value == v) return static_cast<int32_t>(k);
    return -1;
  }

  // What the roots of a sweep need of it: closed over steps, up to what is loaded.
  void plan(size_t p, std::vector<std::vector<ValueId>>& roots) {
    needed_.emplace_back();
    std::set<ValueId>& needed = needed_.back();
    std::vector<ValueId> open = roots[p];
    while (!open.empty()) {
      const ValueId v = open.back();
      open.pop_back();
      if (!needed.insert(v).second || value(v).kind != TileValue::kComputed || value(v).row) continue;
      if (phase(v) < p && keeps(v)) {
        roots[phase(v)].push_back(v);
        continue;
      }
      for (const ValueId in : group_.steps[maker_[v]].in) open.push_back(in);
    }
  }

  // Whether a later sweep finds the value again: among the results, or in memory of its own.
  bool keeps(ValueId v) {
    if (output_of(v) >= 0) return true;
    if (!save_ || light(group_.steps[maker_[v]])) return false;
    if (std::find(schedule_.saved.begin(), schedule_.saved.end(), v) == schedule_.saved.end())
      schedule_.saved.push_back(v);
    return true;
  }

  // Whether computing again costs no more than fetching: a few operations on values of the row and one that is in
  // memory, an input or what an earlier sweep has kept.
  bool light(const TileStep& step) const {
    constexpr int kFew = 5;  // instructions, operands among them
    if (!step.convert && (!step.expression || step.expression->count > kFew)) return false;
    ptrdiff_t loads = 0;
    for (const ValueId in : step.in) {
      const bool computed = !value(in).row && value(in).kind != TileValue::kInput;
      if (computed && (value(in).phase == step.phase || light(group_.steps[maker_[in]]))) return false;
      loads += !value(in).row && in != step.in[0];
    }
    return loads == 0;
  }

  // ---- one sweep ------------------------------------------------------------------------------------------------

  void emit(size_t p) {
    Sweep& sweep = schedule_.sweeps[p];
    const std::set<ValueId>& needed = needed_[schedule_.sweeps.size() - 1 - p];
    std::map<ValueId, Register> registers;
    for (const ValueId v : needed) {
      if (value(v).row) continue;
      if (value(v).kind == TileValue::kInput)
        sweep.loads.push_back({Sweep::Load::kInput, v, fresh(sweep, registers, v)});
      else if (phase(v) < p && keeps(v))
        load_again(sweep, registers, v);
    }
    std::vector<uint32_t> chosen;
    for (uint32_t s = 0; s < group_.steps.size(); ++s) {
      const TileStep& step = group_.steps[s];
      if (!step.row && !step.fold && computes(step, needed, registers)) chosen.push_back(s);
    }
    for (const uint32_t s : gathered(std::move(chosen))) add_step(sweep, s, registers);
    for (uint32_t s = 0; s < group_.steps.size(); ++s)
      if (group_.steps[s].fold && static_cast<size_t>(group_.steps[s].phase) == p) add_step(sweep, s, registers);
    for (const ValueId v : needed)
      if (phase(v) == p && value(v).kind == TileValue::kComputed && !value(v).row) store(sweep, v, registers.at(v));
    allocate(sweep);
  }

  // The steps with those that can be compiled next to each other, each after what it takes.
  std::vector<uint32_t> gathered(std::vector<uint32_t> steps) const {
    std::set<ValueId> missing;
    for (const uint32_t s : steps) missing.insert(group_.steps[s].out.begin(), group_.steps[s].out.end());
    std::vector<uint32_t> ordered;
    for (bool compiled = false; !steps.empty(); compiled = !compiled) {
      for (size_t i = 0; i < steps.size();) {
        const TileStep& step = group_.steps[steps[i]];
        const bool ready =
            std::none_of(step.in.begin(), step.in.end(), [&](ValueId in) { return missing.count(in) != 0; });
        if (!ready || (step.expression != nullptr) != compiled) {
          ++i;
          continue;
        }
        for (const ValueId out : step.out) missing.erase(out);
        ordered.push_back(steps[i]);
        steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    return ordered;
  }

  bool computes(const TileStep& step, const std::set<ValueId>& needed, const std::map<ValueId, Register>& known) const {
    return std::any_of(step.out.begin(), step.out.end(), [&](ValueId v) { return needed.count(v) && !known.count(v); });
  }

  static Register fresh(Sweep& sweep, std::map<ValueId, Register>& registers, ValueId v) {
    sweep.slots.push_back(-1);
    return registers[v] = static_cast<Register>(sweep.slots.size() - 1);
  }

  void load_again(Sweep& sweep, std::map<ValueId, Register>& registers, ValueId v) {
    const int32_t output = output_of(v);
    const auto saved = std::find(schedule_.saved.begin(), schedule_.saved.end(), v);
    const auto index =
        output >= 0 ? static_cast<uint32_t>(output) : static_cast<uint32_t>(saved - schedule_.saved.begin());
    sweep.loads.push_back(
        {output >= 0 ? Sweep::Load::kOutput : Sweep::Load::kSaved, index, fresh(sweep, registers, v)});
  }

  void add_step(Sweep& sweep, uint32_t s, std::map<ValueId, Register>& registers) {
    const TileStep& step = group_.steps[s];
    Sweep::Step placed{s, {}, {}};
    for (const ValueId in : step.in) {
      if (!registers.count(in)) sweep.splats.push_back({in, fresh(sweep, registers, in)});
      placed.in.push_back(registers.at(in));
    }
    if (!step.fold)
      for (const ValueId out : step.out) placed.out.push_back(fresh(sweep, registers, out));
    (step.fold ? sweep.folds : sweep.steps).push_back(std::move(placed));
  }

  void store(Sweep& sweep, ValueId v, Register from) {
    bool given = false;
    for (size_t k = 0; k < group_.outputs.size(); ++k)
      if (group_.outputs[k].value == v)
        sweep.stores.push_back({Sweep::Store::kOutput, static_cast<uint32_t>(k), from}), given = true;
    const auto saved = std::find(schedule_.saved.begin(), schedule_.saved.end(), v);
    if (!given && saved != schedule_.saved.end())
      sweep.stores.push_back({Sweep::Store::kSaved, static_cast<uint32_t>(saved - schedule_.saved.begin()), from});
  }

  void allocate(Sweep& sweep) {
    const auto count = static_cast<uint32_t>(sweep.steps.size());
    std::vector<uint32_t> last(sweep.slots.size(), 0);
    for (uint32_t i = 0; i < count; ++i)
      for (const Register r : sweep.steps[i].in) last[r] = i;
    for (const Sweep::Step& fold : sweep.folds)
      for (const Register r : fold.in) last[r] = kFor;
    for (const Sweep::Store& store : sweep.stores) last[store.from] = kFor;
    Slots slots(&schedule_.slots);
    for (const Sweep::Load& load : sweep.loads) sweep.slots[load.to] = slots.take(16), last[load.to] = kFor;
    for (uint32_t i = 0; i < count; ++i) {
      const TileStep& step = group_.steps[sweep.steps[i].step];
      release(sweep, i, last, step, slots);
      for (size_t k = 0; k < step.out.size(); ++k)
        sweep.slots[sweep.steps[i].out[k]] = slots.take(item_size(value(step.out[k]).dtype));
    }
  }

  // The places of operands that end here: a result of one result's step may take them.
  void release(Sweep& sweep, uint32_t i, std::vector<uint32_t>& last, const TileStep& step, Slots& slots) {
    if (step.out.size() != 1) return;
    for (size_t k = 0; k < step.in.size(); ++k) {
      const Register r = sweep.steps[i].in[k];
      if (last[r] != i || sweep.slots[r] < 0) continue;
      slots.give_back(sweep.slots[r], item_size(value(step.in[k]).dtype));
      last[r] = kFor;
    }
  }

  const TileGroup& group_;
  bool save_;
  std::vector<uint32_t> maker_;
  std::vector<std::set<ValueId>> needed_;  // of the sweeps, the last one first
  Schedule schedule_;
};

}  // namespace

Schedule Schedule::of(const TileGroup& group, bool save) { return Scheduler(group, save).run(); }

}  // namespace tw::jit
