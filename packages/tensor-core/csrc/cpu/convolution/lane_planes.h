// Planes with a vector for each pixel, as convolutions of images or channels in lanes read them.
#pragma once

#include <vector>

#include "cpu/convolution/geometry.h"
#include "cpu/isa_kernels.h"

namespace tw::cpu {

inline LanePlane input_plane(const ConvolutionGeometry& g) {
  const auto padded = [](const ConvolutionAxis& a) {
    return std::max(a.size + a.padding, (a.out - 1) * a.stride + (a.kernel - 1) * a.dilation + 1);
  };
  return {g.y.size, g.x.size, g.y.padding, g.x.padding, padded(g.y), padded(g.x)};
}

// With stride s, input row y (as y + padding = s q + r) meets only the kernel rows k with k * dilation = r mod s, at
// output rows q - (k * dilation - r) / s. So each residue r is a convolution of its own, without a stride.
struct ResidueTap {
  int64_t tap, back;  // the output it meets lies `back` before q
};
struct Residue {
  int64_t first, count;  // input positions first, first + s, ...
  int64_t start;         // q of the first
  std::vector<ResidueTap> taps;
};
struct ResidueAxis {
  std::vector<Residue> residues;
  int64_t size;                   // of the gradient
  int64_t front = 0, behind = 0;  // how far taps reach over the ends of the output

  explicit ResidueAxis(const ConvolutionAxis& a) : size(a.out) {
    for (int64_t r = 0; r < a.stride; ++r) {
      const int64_t first = ((r - a.padding) % a.stride + a.stride) % a.stride;
      Residue residue{
          first, first < a.size ? (a.size - first - 1) / a.stride + 1 : 0, (first + a.padding - r) / a.stride, {}};
      if (residue.count == 0) continue;
      for (int64_t k = 0; k < a.kernel; ++k) {
        if (k * a.dilation % a.stride != r) continue;
        const int64_t back = (k * a.dilation - r) / a.stride;
        residue.taps.push_back({k, back});
        front = std::max(front, back - residue.start);
        behind = std::max(behind, residue.start + residue.count - 1 - back - (a.out - 1));
      }
      residues.push_back(std::move(residue));
    }
  }
};

inline LanePlane gradient_plane(const ResidueAxis& y, const ResidueAxis& x) {
  return {y.size, x.size, y.front, x.front, y.front + y.size + y.behind, x.front + x.size + x.behind};
}

}  // namespace tw::cpu
