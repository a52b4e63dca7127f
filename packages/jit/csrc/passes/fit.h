// Expressions for sizes that were seen at several values of the symbols.
#pragma once

#include "../ir/dims.h"

namespace tw::jit {

using SymbolValues = std::map<Dim, int64_t>;

class Fit {
 public:
  // `blocks` are the sizes that an expression may be made of, the likelier ones first; `samples` has values for all of
  // their symbols.
  Fit(Dims& dims, std::vector<Dim> blocks, const std::vector<SymbolValues>& samples)
      : dims_(dims), blocks_(std::move(blocks)), samples_(samples) {}

  // The expression that has these values for the samples: a constant, `a * x + b` or `(x + b) // d`, where x is a
  // block, the product or the sum of two, or the product of all.
  std::optional<Dim> find(const std::vector<int64_t>& values) const;

 private:
  std::vector<Dim> candidates() const;
  std::optional<Dim> affine(Dim x, const std::vector<int64_t>& values) const;
  std::optional<Dim> quotient(Dim x, const std::vector<int64_t>& values) const;
  std::optional<Dim> fitting(Dim dim, const std::vector<int64_t>& values) const;
  int64_t at(Dim dim, size_t k) const { return dims_.evaluate(dim, samples_[k]); }

  Dims& dims_;
  std::vector<Dim> blocks_;
  const std::vector<SymbolValues>& samples_;
};

}  // namespace tw::jit
