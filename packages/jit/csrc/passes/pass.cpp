#include "pass.h"

namespace tw::jit {

const std::vector<Pass>& passes() {
  constexpr Level kC = Level::kCapture, kF = Level::kFunctional, kCore = Level::kCore;
  constexpr Level kGrouped = Level::kGrouped, kPlanned = Level::kPlanned;
  static const auto* table = new std::vector<Pass>{
      // name, needs, keeps, gives
      {"functionalise", kC, kF, kF, functionalise},
      {"inline", kC, kCore, kC, inline_calls},
      {"remove_grad_modes", kC, kCore, kC, remove_grad_modes},
      {"constant_propagation", kF, kCore, kC, propagate_constants},
      {"canonicalise", kF, kF, kC, canonicalise},
      {"cse", kF, kCore, kC, eliminate_common},
      {"dce", kC, kCore, kC, eliminate_dead},
      {"loop_invariants", kF, kCore, kC, hoist_invariants},
      {"unroll", kC, kCore, kC, unroll},
      {"shapes", kC, kCore, kC, propagate_shapes},
      {"fold_batch_norm", kF, kF, kC, fold_batch_norm},
      {"remove_dropout", kF, kCore, kC, remove_dropout},
      {"lift", kF, kF, kC, lift},
      {"lift_softmax", kF, kF, kC, lift_softmax},
      {"sink_transposes", kF, kCore, kC, sink_transposes},
      {"decompose", kF, kCore, kF, decompose},
      {"layers", kF, kCore, kC, group_layers},
      {"layout", kF, kF, kC, assign_layouts},
      {"fusion", kF, kCore, kGrouped, group_fusions},
      {"memory", kGrouped, kGrouped, kPlanned, plan_memory},
  };
  return *table;
}

const Pass& pass_named(std::string_view name) {
  std::string known;
  for (const Pass& pass : passes()) {
    if (pass.name == name) return pass;
    known += (known.empty() ? "" : ", ") + std::string(pass.name);
  }
  throw Error(TW_E_VALUE, "there is no pass '" + std::string(name) + "'; there are " + known);
}

namespace {

bool holds(Program& program, Level level) {
  try {
    verify(program, level);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_level(Program& program, Level level, const std::string& when) {
  try {
    verify(program, level);
  } catch (const Error& e) {
    throw Error(e.code(), when + ": " + e.what());
  }
}

std::vector<Level> promised(Program& program, const Pass& pass) {
  std::vector<Level> levels{pass.gives};
  for (const Level level : {Level::kFunctional, Level::kCore, Level::kGrouped})
    if (level <= pass.keeps && holds(program, level)) levels.push_back(level);
  return levels;
}

}  // namespace

int64_t run_pass(Program& program, const Pass& pass, const PassOptions& options, bool check) {
  Editor edit(program);
  if (!check) return pass.run(edit, options);
  const std::string name = "pass '" + std::string(pass.name) + "'";
  check_level(program, pass.needs, name + " cannot start");
  const std::vector<Level> promise = promised(program, pass);
  const int64_t changes = pass.run(edit, options);
  for (const Level level : promise) check_level(program, level, name + " broke the graph");
  return changes;
}

}  // namespace tw::jit
