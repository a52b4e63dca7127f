// Random words for kernels: a range of Philox counters is reserved once, and any part of it can be computed alone.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>

#include "cpu/isa_kernels.h"

namespace tw::cpu {

class RandomStream {
 public:
  // Reserves enough for `values` values that take `words_per_value` words each. A generator object is called with the
  // number of counters and answers (key, first counter); without one the default generator serves.
  RandomStream(tw_object* generator, int64_t values, int64_t words_per_value);
  // What was reserved before.
  RandomStream(uint64_t key, uint64_t counter, int64_t words)
      : groups_(groups_of(words)), key_(key), counter_(counter) {}

  static int64_t groups_of(int64_t words) { return (words + kGroupWords - 1) / kGroupWords; }
  uint64_t key() const { return key_; }
  uint64_t counter() const { return counter_; }

  // The words of groups [first, first + count), 64 each.
  void words(int64_t first, int64_t count, uint32_t* out) const {
    isa_table<PhiloxKernel>().words(key_, counter_ + static_cast<uint64_t>(first * kGroupCounters), count, out);
  }
  // One group; of turns after 0 under another key, for whom what was reserved does not suffice.
  void words_of_turn(int64_t turn, int64_t group, uint32_t* out) const {
    const uint64_t key = key_ + static_cast<uint64_t>(turn) * 0x9E3779B97F4A7C15u;
    isa_table<PhiloxKernel>().words(key, counter_ + static_cast<uint64_t>(group * kGroupCounters), 1, out);
  }
  int64_t groups() const { return groups_; }

 private:
  int64_t groups_;
  uint64_t key_, counter_;
};

constexpr int64_t kGroupsPerChunk = 64;

// f(first word's index, words, how many) over all words of the stream, in parallel chunks.
template <class F>
void for_each_chunk(const RandomStream& stream, F&& f) {
  parallel_for(0, stream.groups(), kGroupsPerChunk, [&](int64_t begin, int64_t end) {
    uint32_t words[kGroupsPerChunk * kGroupWords];
    for (int64_t g = begin; g < end; g += kGroupsPerChunk) {
      const int64_t count = end - g < kGroupsPerChunk ? end - g : kGroupsPerChunk;
      stream.words(g, count, words);
      f(g * kGroupWords, words, count * kGroupWords);
    }
  });
}

// The same over the streams of a batch, whose entries have `each` words: seeds are pairs of key and first counter. The
// index is that among all words, and no more are given than an entry has.
template <class F>
void for_each_chunk(const int64_t* seeds, int64_t entries, int64_t each, F&& f) {
  const int64_t groups = RandomStream::groups_of(each), chunks = (groups + kGroupsPerChunk - 1) / kGroupsPerChunk;
  const int64_t grain = std::max<int64_t>(1, kGroupsPerChunk / std::max<int64_t>(groups, 1));
  parallel_for(0, entries * chunks, grain, [&](int64_t begin, int64_t end) {
    uint32_t words[kGroupsPerChunk * kGroupWords];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t entry = i / chunks, g = i % chunks * kGroupsPerChunk, first = g * kGroupWords;
      const auto* seed = reinterpret_cast<const uint64_t*>(seeds) + 2 * entry;
      RandomStream(seed[0], seed[1], each).words(g, std::min(kGroupsPerChunk, groups - g), words);
      f(entry * each + first, words, std::min(kGroupsPerChunk * kGroupWords, each - first));
    }
  });
}

// Word `part` (0 or 1) of the value with this index among values of two words: within a group the first 16 values take
// words 0 and 1 of its counters, the others words 2 and 3.
inline uint64_t wide_word(const uint32_t* words, int64_t value) {
  const int64_t group = value / 32, half = value % 32 / 16, lane = value % 16;
  const uint32_t* low = words + group * kGroupWords + half * 32 + lane;
  return low[0] | static_cast<uint64_t>(low[16]) << 32;
}

// Uniform in [0, range), by the high half of a product; the bias is below range / 2^64.
inline uint64_t scaled(uint64_t word, uint64_t range) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(word) * range) >> 64);
}

}  // namespace tw::cpu
