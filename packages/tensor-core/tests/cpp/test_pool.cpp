// Regions of the thread pool: each chunk once, and every second region from the end on.
#include <algorithm>
#include <atomic>
#include <vector>

#include "check.h"
#include "threads/pool.h"

using namespace tw;

namespace {

// Where the chunks of a region begin, in the order in which one thread takes them.
std::vector<int64_t> order_of(int64_t begin, int64_t end, int64_t grain) {
  std::vector<int64_t> begins;
  const tw_status status = threads::parallel_for(begin, end, grain, [&](int64_t b, int64_t e) {
    TW_CHECK(e == std::min(end, b + grain));
    begins.push_back(b);
  });
  TW_CHECK(status == TW_OK);
  return begins;
}

void regions_go_to_and_fro() {
  threads::set_num_threads(1);
  for (const int64_t chunks : {2, 31, 32, 33, 64, 70, 1000}) {
    std::vector<int64_t> there = order_of(5, 5 + 10 * chunks - 3, 10), back = order_of(5, 5 + 10 * chunks - 3, 10);
    if (there.front() != 5) there.swap(back);
    TW_CHECK(std::is_sorted(there.begin(), there.end()) && static_cast<int64_t>(there.size()) == chunks);
    if (chunks <= 32) {
      TW_CHECK(std::equal(back.rbegin(), back.rend(), there.begin()));
    } else {
      TW_CHECK(back.front() > there[static_cast<size_t>(chunks) * 9 / 10] && back.back() < there[chunks / 10 + 2]);
    }
    std::sort(back.begin(), back.end());
    TW_CHECK(back == there);
  }
}

void each_chunk_is_taken_once() {
  for (const int threads : {1, 2, 3, 7})
    for (int64_t size = 1; size < 2000; size += 37) {
      threads::set_num_threads(threads);
      std::vector<std::atomic<int>> taken(static_cast<size_t>(size));
      threads::parallel_for(0, size, 3, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++taken[static_cast<size_t>(i)];
      });
      TW_CHECK(std::all_of(taken.begin(), taken.end(), [](const std::atomic<int>& times) { return times == 1; }));
    }
}

// What a chunk begins runs inline, and says nothing of where the next region begins.
void regions_inside_of_chunks_go_forwards() {
  threads::set_num_threads(1);
  for (int i = 0; i < 2; ++i)
    threads::parallel_for(0, 2, 1, [&](int64_t, int64_t) {
      const std::vector<int64_t> inside = order_of(0, 100, 10);
      TW_CHECK(std::is_sorted(inside.begin(), inside.end()) && inside.size() == 10);
    });
}

}  // namespace

int main() {
  regions_go_to_and_fro();
  each_chunk_is_taken_once();
  regions_inside_of_chunks_go_forwards();
  return failures();
}
