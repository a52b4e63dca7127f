// A lane program for several vectors at once.
#pragma once

#include "lanes.h"

namespace tw::jit {

// The program for several vectors at once, a step of each in turn: while one waits for a result, the others go on.
struct Interleaved {
  struct Result {
    Lane lane;
    uint32_t stream;
    int copy;
  };
  std::vector<LaneStep> steps;
  std::vector<int> copy;  // by step: of which vector it is, from the first
  std::vector<Result> results;
  std::vector<std::pair<Lane, size_t>> sums;  // in the order of the elements, with the number of the sum

  Interleaved(const LaneProgram& program, int copies) {
    std::vector<std::vector<Lane>> renamed(copies, std::vector<Lane>(program.steps.size(), -1));
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const LaneStep& s = program.steps[i];
      const bool same = s.op == LaneOp::kConstant || (s.op == LaneOp::kInput && program.repeated[s.value]);
      for (int k = 0; k < copies; ++k) {
        if (k == 0 || !same) {
          LaneStep step = s;
          for (Lane* lane : {&step.a, &step.b, &step.c})
            if (*lane >= 0) *lane = renamed[k][*lane];
          steps.push_back(step), copy.push_back(k);
        }
        renamed[k][i] = static_cast<Lane>(steps.size() - 1);
      }
    }
    for (int k = 0; k < copies; ++k) {
      for (const auto& [lane, stream] : program.results) results.push_back({renamed[k][lane], stream, k});
      for (size_t n = 0; n < program.sums.size(); ++n) sums.emplace_back(renamed[k][program.sums[n].first], n);
    }
  }
};

}  // namespace tw::jit
