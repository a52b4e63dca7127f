// The order in which a group is computed: sweeps over a row, between them what is computed once for a row.
#pragma once

#include "tile.h"

namespace tw::jit {

using Register = uint32_t;

// One sweep, tile by tile. A register holds a tile of a full value, or one repeated value.
struct Sweep {
  struct Load {
    enum From : uint8_t { kInput, kOutput, kSaved } from;
    uint32_t index;  // of the value, the output, or what is kept from one sweep to the next
    Register to;
  };
  struct Splat {
    ValueId value;
    Register to;
  };
  struct Step {
    uint32_t step;
    std::vector<Register> in, out;
  };
  struct Store {
    enum To : uint8_t { kOutput, kSaved } to;
    uint32_t index;
    Register from;
  };

  std::vector<Load> loads;
  std::vector<Splat> splats;
  std::vector<Step> steps;  // those that can be compiled stand together as far as they can
  std::vector<Step> folds;  // after the steps
  std::vector<Store> stores;
  std::vector<int32_t> slots;  // by register: the part of the scratch memory that may hold it; -1: none
};

struct Schedule {
  std::vector<Sweep> sweeps;
  std::vector<std::vector<uint32_t>> row_steps;  // before sweep k; the last ones after all of them
  std::vector<ValueId> saved;                    // full values that are kept for the whole row
  uint32_t slots = 0;

  // With `save`, what a later sweep needs again is kept, else it is computed again.
  static Schedule of(const TileGroup& group, bool save);
};

}  // namespace tw::jit
