// Parts of functionalisation: where values lie, and what a write through a view makes of the whole.
#pragma once

#include "aliases.h"
#include "pass.h"

namespace tw::jit {

// Throws TW_E_VALUE naming the node and its line.
[[noreturn]] void cannot_functionalise(const Module& module, NodeId node, const std::string& why);

// Whether a view may show one element of what it views in several places.
bool may_show_twice(const Module& module, NodeId view);

// What the whole holds after `part` took the place of what `views`, each of the one before, show of `whole`; new nodes
// stand before `anchor`.
NodeId put_back(Editor& edit, const std::vector<NodeId>& views, NodeId whole, NodeId part, NodeId anchor);

// ---- where values lie -----------------------------------------------------------------------------------------------

struct Place {
  NodeId base;
  std::vector<NodeId> chain;  // views from the base to the value; a tuple.get follows a view that gives a list
};

struct State {
  std::unordered_map<NodeId, NodeId> current;               // of a base: its value now
  std::unordered_map<NodeId, int> version;                  // of a base: rises with each write
  std::unordered_map<NodeId, std::pair<int, NodeId>> seen;  // of a value: a node that holds it at a version
};

// Which node holds a value at the point that is being rewritten.
class ValuesNow {
 public:
  explicit ValuesNow(Editor& edit) : edit_(edit), module_(edit.module), aliasing_(edit) {}

 protected:
  // Memory of its own, unless it is known to lie elsewhere.
  const Place& place(NodeId value);
  void lies_with(NodeId value, const Place& place);
  void view_of(NodeId value, NodeId whole);

  // What holds the value at this point, computed before `anchor` if it has to be.
  NodeId now(NodeId value, NodeId anchor);
  ArgTree now_in(ArgTree arg, NodeId anchor);
  // The node takes what its arguments hold now, but for what it writes into.
  void read_now(NodeId node);

  Editor& edit_;
  Module& module_;
  Aliases aliasing_;
  State state_;
  std::unordered_map<NodeId, Place> places_;
};

}  // namespace tw::jit
