// Whether a layer watches what runs on some tensors. It may keep what it sees, or do something else: then ops run one
// by one, and not in memory that is used again. Views are seen by autograd also where nothing needs a gradient; that
// counts for nothing.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw::jit {

enum class Watching : uint8_t { kNobody, kAutograd, kSomebody };
// Whether layers are on for this thread, or for tensors with these.
Watching watching(uint64_t layers);
bool needs_gradient(const tw_tensor* tensor);

// each(f) calls f(const tw_tensor*) for every tensor, as often as it is called.
template <class F>
bool is_watched(F&& each) {
  uint64_t layers = 0;
  each([&](const tw_tensor* tensor) { layers |= tensor->layers; });
  const Watching who = watching(layers);
  if (who != Watching::kAutograd) return who == Watching::kSomebody;
  bool needed = false;
  each([&](const tw_tensor* tensor) { needed = needed || needs_gradient(tensor); });
  return needed;
}

}  // namespace tw::jit
