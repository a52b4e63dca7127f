#include "level.h"

#include "../meta.h"

namespace tw::autograd {
namespace {

std::atomic<uint64_t> next_id{1};
thread_local std::vector<LevelRef> levels;

}  // namespace

const std::vector<LevelRef>& open_levels() { return levels; }

std::vector<LevelRef> visible_levels() {
  std::vector<LevelRef> found;
  for (const LevelRef& level : levels)
    if (level->hidden == 0) found.push_back(level);
  return found;
}

OutsideScope::OutsideScope(const Level& level) : first_(level.id), last_(levels.empty() ? 0 : levels.back()->id) {
  for (auto found = levels.rbegin(); found != levels.rend() && (*found)->id >= first_; ++found) ++(*found)->hidden;
}
OutsideScope::~OutsideScope() {
  for (auto found = levels.rbegin(); found != levels.rend() && (*found)->id >= first_; ++found)
    if ((*found)->id <= last_) --(*found)->hidden;  // the others were opened since, and left open by an error
}

LevelRef open_level(LevelKind kind, int64_t batch_size, Randomness randomness) {
  auto level = std::make_shared<Level>();
  level->kind = kind, level->batch_size = batch_size, level->randomness = randomness;
  level->id = next_id.fetch_add(1, std::memory_order_relaxed);
  levels.push_back(level);
  tw_tls* tls = g_host->tls();
  check(g_host->tls_get_mask(tls, level->outside));
  const uint64_t include =
      level->outside[0] | kTransformBit;  // also ops without arguments: new tensors, random numbers
  const uint64_t exclude = kind == LevelKind::kGrad ? level->outside[1] & ~kLayerBit : level->outside[1];
  check(g_host->tls_mask(tls, include, exclude, nullptr));
  return level;
}

void close_level(const LevelRef& level) {
  while (!levels.empty()) {  // an error may have left inner levels open
    const LevelRef last = std::move(levels.back());
    levels.pop_back();
    last->alive = false;
    g_host->tls_mask(g_host->tls(), last->outside[0], last->outside[1], nullptr);
    if (last == level) return;
  }
}

}  // namespace tw::autograd
