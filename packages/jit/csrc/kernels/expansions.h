// Ops over rows whose kernels are written by hand, as the steps that those kernels take: the same operations in the
// same order, hence the same bits.
#pragma once

#include "builder.h"

namespace tw::jit {

struct ExpansionCall {
  const tw_value* args;
  const std::vector<std::optional<ValueId>>& values;  // of the arguments that are tensors
  const std::vector<tw_dtype>& dtypes;                // of the results
  uint32_t nargs;
  int64_t length;  // of a row
};

struct Expansion {
  const char* op;
  // The dimensions of the first argument that make a row, as bits.
  uint64_t (*dims)(const tw_value* args, uint32_t nargs);
  // The results, the first of them full, the others of a row; none where it cannot be done.
  std::vector<ValueId> (*expand)(TileBuilder& build, const ExpansionCall& call);
};

// Null for most ops.
const Expansion* expansion_of(const tw_op* op);
// By its name: what may stand in a fusion beside pointwise ops and reductions.
bool is_expanded(std::string_view op);
// A copy in another dtype.
bool is_cast(std::string_view op);
// What groups of a layer start with.
bool is_layer(std::string_view op);
// Those of them, and beside them, whose kernels take images in blocks.
bool is_image_layer(std::string_view op);
bool is_pool(std::string_view op);

}  // namespace tw::jit
