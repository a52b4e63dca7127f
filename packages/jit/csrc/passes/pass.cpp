#include "pass.h"

namespace tw::jit {

const std::vector<Pass>& passes() {
  constexpr Level kC = Level::kCapture, kF = Level::kFunctional, kCore = Level::kCore;
  static const auto* table = new std::vector<Pass>{
      // name, needs, keeps, gives
      {"functionalise", kC, kF, kF, functionalise},
      {"inline", kC, kCore, kC, inline_calls},
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
      {"sink_transposes", kF, kCore, kC, sink_transposes},
      {"decompose", kF, kCore, kF, decompose},
      {"fusion", kF, kCore, kC, group_fusions},
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

bool holds(const Module& module, Level level) {
  try {
    verify(module, level);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_level(const Module& module, Level level, const std::string& when) {
  try {
    verify(module, level);
  } catch (const Error& e) {
    throw Error(e.code(), when + ": " + e.what());
  }
}

Level promised(const Module& module, const Pass& pass) {
  Level best = pass.gives;
  for (const Level level : {Level::kFunctional, Level::kCore})
    if (level <= pass.keeps && level > best && holds(module, level)) best = level;
  return best;
}

}  // namespace

int64_t run_pass(Program& program, const Pass& pass, const PassOptions& options, bool check) {
  Editor edit(program);
  if (!check) return pass.run(edit, options);
  const std::string name = "pass '" + std::string(pass.name) + "'";
  check_level(program.module, pass.needs, name + " cannot start");
  const Level promise = promised(program.module, pass);
  const int64_t changes = pass.run(edit, options);
  check_level(program.module, promise, name + " broke the graph");
  return changes;
}

}  // namespace tw::jit
