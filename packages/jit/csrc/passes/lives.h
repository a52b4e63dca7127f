// How long the values of a function are there: from where they are made to their last use, their views included.
#pragma once

#include <set>

#include "aliases.h"
#include "editor.h"

namespace tw::jit {

struct Life {
  int64_t bytes;           // -1: not known
  int64_t first, last;     // numbers of nodes of the function's own region
  bool kept = false;       // the caller gets it
  std::set<NodeId> views;  // what may lie in its memory
};

class Lives {
 public:
  Lives(Editor& edit, FunctionId function);

  // Whether a node's value has memory of its own.
  bool makes_memory(NodeId node);
  Life life(NodeId node);
  // Whether its tensor, or all of them, lies row by row.
  bool row_major(NodeId node);
  // Bytes of a value, each of its tensors rounded up to whole lines; -1: not known.
  int64_t bytes(const Type& type) const;
  // Whether a pointwise op may put its result where an argument lies that ends with it: element by element, and no view
  // of it is read beside it.
  bool may_write_over(NodeId node, NodeId argument, const Life& life);

 private:
  int64_t place(NodeId user) const;
  bool passes_on(NodeId node, NodeId taken);
  void follow(NodeId node, Life& life);

  Editor& edit_;
  Module& module_;
  Aliases aliasing_;
  std::unordered_map<NodeId, int64_t> place_;
};

}  // namespace tw::jit
