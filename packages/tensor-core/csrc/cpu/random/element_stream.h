// Random numbers without end for each element of a tensor, for methods that reject.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "cpu/random/random_stream.h"

namespace tw::cpu {

// Elements come in blocks of 16. In round r of a block each element has the four words of one counter of group r; the
// rounds reserved in the stream are followed by those of other keys, which nothing else uses.
constexpr int64_t kBlockElements = kGroupCounters;
constexpr int64_t kReservedRounds = 8;

class ElementBlock {
 public:
  ElementBlock(const RandomStream& stream, int64_t block) : stream_(stream), block_(block) {}
  uint32_t word(size_t round, int64_t lane, int64_t place) {
    while (rounds_.size() <= round) add_round();
    return rounds_[round][static_cast<size_t>(place * kGroupCounters + lane)];
  }

 private:
  void add_round() {
    const auto round = static_cast<int64_t>(rounds_.size());
    rounds_.emplace_back();
    stream_.words_of_turn(round / kReservedRounds, block_ * kReservedRounds + round % kReservedRounds,
                          rounds_.back().data());
  }

  const RandomStream& stream_;
  int64_t block_;
  std::vector<std::array<uint32_t, kGroupWords>> rounds_;
};

// The numbers of one element, one after the other.
class ElementStream {
 public:
  ElementStream(ElementBlock& block, int64_t lane) : block_(block), lane_(lane) {}

  uint32_t word() {
    const uint32_t w = block_.word(static_cast<size_t>(taken_ / 4), lane_, taken_ % 4);
    ++taken_;
    return w;
  }
  // In (0, 1): multiples of 2^-53 plus half of that.
  double uniform() {
    const uint64_t high = word(), low = word();
    return (static_cast<double>(((high << 32) | low) >> 11) + 0.5) * 0x1p-53;
  }
  // By the method of Box and Muller, of which the second number is not used.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * (static_cast<double>(word()) + 0.5) * 0x1p-32);
  }

 private:
  ElementBlock& block_;
  int64_t lane_, taken_ = 0;
};

// out[i] = draw(i, numbers of element i).
template <class T, class Draw>
void fill_by_element(tw_object* generator, int64_t count, T* out, Draw draw) {
  const int64_t blocks = (count + kBlockElements - 1) / kBlockElements;
  const RandomStream stream(generator, blocks * kReservedRounds, kGroupWords);
  parallel_for(0, blocks, 16, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      ElementBlock block(stream, b);
      for (int64_t i = b * kBlockElements; i < count && i < (b + 1) * kBlockElements; ++i) {
        ElementStream numbers(block, i % kBlockElements);
        out[i] = static_cast<T>(draw(i, numbers));
      }
    }
  });
}

}  // namespace tw::cpu
