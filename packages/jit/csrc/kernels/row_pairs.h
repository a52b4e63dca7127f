// Groups that compute two rows in turn.
#pragma once

#include "tile.h"

namespace tw::jit {

// The group with each two neighbouring rows as one: what differs between them is computed twice, a step of each in
// turn. Of a group with one kept dimension; an odd last row is left out.
TileGroup in_pairs(const TileGroup& group);

}  // namespace tw::jit
