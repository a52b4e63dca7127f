// The space that a group sweeps, and how shapes lie over it.
#pragma once

#include <algorithm>

#include "tile.h"

namespace tw::jit {

using Sizes = std::vector<int64_t>;

struct TileSpace {
  Sizes full;         // all sizes
  uint64_t dims = 0;  // those that are reduced
  bool reduces = false;

  bool folds(size_t d) const { return dims >> d & 1; }
  // Without reductions there is one row, of all elements.
  Sizes part(bool reduced) const {
    Sizes sizes;
    for (size_t d = 0; d < full.size(); ++d)
      if ((folds(d) || !reduces) == reduced) sizes.push_back(full[d]);
    return sizes;
  }
  // The shapes of a value of a row: with the reduced dimensions as 1, and without them.
  Sizes aligned() const {
    Sizes sizes = full;
    for (size_t d = 0; d < full.size(); ++d)
      if (folds(d)) sizes[d] = 1;
    return sizes;
  }
  Sizes dropped() const { return part(false); }
  // Whether both shapes broadcast to the full one alike.
  bool leading() const { return (dims & (dims + 1)) == 0; }
};

// Strides in bytes over dimensions of these sizes, matched from the last; nothing if the shape does not broadcast.
inline std::optional<Sizes> strides_over(const Sizes& sizes, const Sizes& shape, const Sizes& strides, int64_t item) {
  if (shape.size() > sizes.size()) return std::nullopt;
  Sizes over(sizes.size(), 0);
  for (size_t i = 1; i <= shape.size(); ++i) {
    const int64_t size = shape[shape.size() - i];
    if (size == 1) continue;
    if (size != sizes[sizes.size() - i]) return std::nullopt;
    over[sizes.size() - i] = strides[shape.size() - i] * item;
  }
  return over;
}

}  // namespace tw::jit
