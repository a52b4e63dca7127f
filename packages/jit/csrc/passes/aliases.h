// Which values share the memory of an argument.
#pragma once

#include <unordered_set>

#include "../run/call.h"
#include "editor.h"

namespace tw::jit {

// Views say so in their schemas. An op written over others (reshape, contiguous, flatten) may give a view or a copy, by
// how its argument lies in memory: it is called on tensors without data that lie as those of the program do, inputs
// being row-major.
class Aliases {
 public:
  explicit Aliases(Editor& edit) : edit_(edit) {}

  // Goes through a region and those inside of it.
  void learn(RegionId region);
  // The same for nodes that have come since, up to `end`.
  void learn(NodeId first, NodeId end);
  // The number of the argument in whose memory the value lies, or -1.
  int argument(NodeId node) const;
  // Whether that could not be found out: sizes are not known.
  bool uncertain(NodeId node) const { return uncertain_.count(node) != 0; }

  // Whether the op itself said what it gives.
  bool known(NodeId node) const { return values_.count(node) != 0; }
  // A tensor without data that lies in memory as the value does.
  std::optional<Tensor> like(NodeId node);

 private:
  void visit(NodeId node);
  void call(NodeId node, const OpFacts& facts);
  Shared given(const ArgTree& arg, int place, std::vector<std::pair<int, Tensor>>& tensors);
  void note_symbols(NodeId node);

  Editor& edit_;
  std::unordered_map<NodeId, int> argument_;
  std::unordered_set<NodeId> uncertain_;
  std::unordered_map<NodeId, Shared> values_;  // without data
  std::map<Dim, int64_t> symbols_;             // any sizes do: whether memory is shared does not hang on them
};

}  // namespace tw::jit
