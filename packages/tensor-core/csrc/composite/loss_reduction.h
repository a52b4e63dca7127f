// The last step of losses: 'none', 'mean' or 'sum' over all elements.
#pragma once

#include <tensorwright/ops/reduction.hpp>

namespace tw::composite {

inline Tensor reduced(Tensor losses, std::string_view reduction) {
  if (reduction == "mean") return ops::mean(losses);
  if (reduction == "sum") return ops::sum(losses);
  return losses;
}

}  // namespace tw::composite
