// What a fused group computes, as a program over tiles: steps that each run one of eager's block kernels over some 1024
// elements. The group sweeps a space whose dimensions are kept or reduced: a row is what the kept ones leave fixed. A
// value is full (an element for each of the space) or of a row (one for each row: what reductions give, and what is
// computed from that alone).
#pragma once

#include <array>
#include <vector>

#include "blocks.h"
#include "expressions.h"

namespace tw::jit {

using ValueId = uint32_t;

struct TileValue {
  enum Kind : uint8_t { kInput, kConstant, kComputed } kind;
  bool row;
  tw_dtype dtype;
  // Full: the first sweep over a row in which it can be computed. Of a row: the sweeps it takes to know it.
  int phase = 0;
  uint32_t input = 0;                        // of kInput: which tensor
  std::vector<int64_t> kept, reduced;        // of kInput: strides in bytes over the space's dimensions
  std::array<unsigned char, 64> constant{};  // of kConstant: the value, repeated
  int64_t offset = 0;                        // of kInput: in bytes, of the first element
};

struct TileStep {
  // One of these.
  tw_block_fn block = nullptr;
  tw_convert_fn convert = nullptr;
  tw_fold_fn fold = nullptr;  // from full values to one of a row
  tw_combine_fn combine = nullptr;
  const ExpressionEntry* expression = nullptr;  // what `block` computes, where it can be compiled with its neighbours
  const ExpressionEntry* folded = nullptr;      // of a fold that machine code can do: what it combines
  bool row = false;
  int phase = 0;  // of what it computes; of a fold, of what it takes
  std::vector<ValueId> in, out;
};

struct TileOutput {
  ValueId value;
  tw_dtype dtype;
  std::vector<int64_t> shape, strides;  // of the tensor, in elements
  std::vector<int64_t> kept, reduced;   // strides in bytes over the space's dimensions
  uint32_t tensor;                      // which of the group's results
  int64_t offset = 0;                   // in bytes, of the first element
};

struct TileGroup {
  std::vector<int64_t> kept, reduced;  // sizes
  std::vector<TileValue> values;
  std::vector<TileStep> steps;  // each after what it takes
  std::vector<TileOutput> outputs;
  bool expands = false;  // whether some steps are those of an op over rows with a kernel of its own

  int64_t rows() const { return product(kept); }
  int64_t length() const { return product(reduced); }

 private:
  static int64_t product(const std::vector<int64_t>& sizes) {
    int64_t all = 1;
    for (const int64_t size : sizes) all *= size;
    return all;
  }
};

}  // namespace tw::jit
