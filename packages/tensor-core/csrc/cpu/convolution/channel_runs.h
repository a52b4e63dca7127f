// How kernels that compute a power of 2 of channels at a time divide any number of them.
#pragma once

#include <cstdint>
#include <vector>

namespace tw::cpu {

struct ChannelRun {
  int64_t first;
  int count;
};

// Channels in runs of the given size and, for the rest, smaller powers of 2.
inline std::vector<ChannelRun> runs_of(int64_t channels, int64_t most) {
  std::vector<ChannelRun> runs;
  for (int64_t first = 0; first < channels; first += runs.back().count) {
    while (most > channels - first) most /= 2;
    runs.push_back({first, static_cast<int>(most)});
  }
  return runs;
}

}  // namespace tw::cpu
