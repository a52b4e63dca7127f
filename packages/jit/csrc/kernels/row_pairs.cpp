#include "row_pairs.h"

#include <algorithm>

namespace tw::jit {
namespace {

class Pairing {
 public:
  explicit Pairing(const TileGroup& group) : group_(group), of_(group.values.size()) {}

  TileGroup run() {
    pairs_.kept = {group_.kept[0] / 2}, pairs_.reduced = group_.reduced;
    for (ValueId v = 0; v < group_.values.size(); ++v)
      if (group_.values[v].kind != TileValue::kComputed) operand(v);
    for (const TileStep& step : group_.steps) this->step(step);
    for (const TileOutput& output : group_.outputs) {
      TileOutput of_row = output;
      of_row.kept[0] *= 2;
      for (const ValueId value : of_[output.value]) {
        of_row.value = value;
        pairs_.outputs.push_back(of_row);
        of_row.offset += output.kept[0];
      }
    }
    return std::move(pairs_);
  }

 private:
  using Pair = std::array<ValueId, 2>;

  ValueId add(const TileValue& value) {
    pairs_.values.push_back(value);
    return static_cast<ValueId>(pairs_.values.size() - 1);
  }

  void operand(ValueId v) {
    TileValue value = group_.values[v];
    const int64_t distance = value.kind == TileValue::kInput ? value.kept[0] : 0;
    if (distance) value.kept[0] *= 2;
    const ValueId first = add(value);
    value.offset += distance;
    of_[v] = {first, distance ? add(value) : first};
  }

  // What takes nothing that differs is computed once.
  void step(const TileStep& step) {
    const bool differs = std::any_of(step.in.begin(), step.in.end(), [&](ValueId v) { return of_[v][0] != of_[v][1]; });
    for (size_t row = 0; row < (differs ? 2 : 1); ++row) {
      TileStep of_row = step;
      for (ValueId& in : of_row.in) in = of_[in][row];
      for (ValueId& out : of_row.out) {
        const ValueId value = add(group_.values[out]);
        of_[out][row] = value;
        if (!differs) of_[out][1] = value;
        out = value;
      }
      pairs_.steps.push_back(std::move(of_row));
    }
  }

  const TileGroup& group_;
  TileGroup pairs_;
  std::vector<Pair> of_;  // by value of the group
};

}  // namespace

TileGroup in_pairs(const TileGroup& group) { return Pairing(group).run(); }

}  // namespace tw::jit
