// The graph: a module is an arena of functions; a function is a region; a region is one list of nodes in program order,
// the last of which ends it; a node is an op with arguments, and is itself the value that it gives. What gives several
// values gives a tuple. Regions nest in nodes of structured ops (`if`, `while`, `for`): there are no other jumps.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "constants.h"
#include "types.h"

namespace tw::jit {

// ---- arguments --------------------------------------------------------------------------------------------------

enum class ArgKind : uint8_t {
  kNone,
  kNode,
  kConstant,
  kList,
  kTuple,
  kDict,   // keys and values alternate
  kSlice,  // start, stop, step
};

// One argument as stored: `index` is a node, a constant, or where the module keeps the `count` items.
struct Arg {
  ArgKind kind = ArgKind::kNone;
  uint32_t count = 0;
  uint32_t index = 0;
};

// One argument as given and read: a tree.
struct ArgTree {
  ArgKind kind = ArgKind::kNone;
  uint32_t index = 0;
  std::vector<ArgTree> items;

  ArgTree() = default;
  ArgTree(NodeId node) : kind(ArgKind::kNode), index(node.index) {}
  ArgTree(ConstantId constant) : kind(ArgKind::kConstant), index(constant.index) {}
  ArgTree(ArgKind group, std::vector<ArgTree> members) : kind(group), items(std::move(members)) {}
};
using Keywords = std::vector<std::pair<std::string, ArgTree>>;

// ---- entities ---------------------------------------------------------------------------------------------------

struct Location {
  std::string file;  // empty: unknown
  uint32_t line = 0, column = 0, end_line = 0, end_column = 0;
};

struct Node {
  NameId op;      // "tw::add" of the registry, or a structural one: "placeholder", "return", "if", ...
  NameId target;  // what a structural op refers to: a parameter, an attribute, a function; else none
  NameId label;   // the name to print it by; none: its number
  TypeId type;
  Arg args, keywords;  // a list; a list in which constants (the names) and arguments alternate
  RegionId parent;
  std::vector<RegionId> regions;
  NodeId prev, next;
  uint64_t order = 0;  // rises along the region
  LocationId location;
  bool alive = true;
  std::vector<NodeId> users;  // each once, in the order in which they came to use it
};

struct Region {
  NodeId owner;  // none: the body of a function
  NodeId first, last;
};

struct Function {
  NameId name;
  RegionId body;
};

// Where values of a function lie in one block of memory.
struct Places {
  int64_t bytes = 0;  // of the block
  std::map<NodeId, int64_t> offsets;
};

// ---- the arena --------------------------------------------------------------------------------------------------

class Module {
 public:
  Module() : types(dims) {}
  Module(const Module&) = delete;

  Names names;
  Dims dims;
  Types types;
  Constants constants;

  FunctionId add_function(std::string_view name);
  // The function that was added last goes, with its nodes.
  void drop_function(FunctionId function);
  std::optional<FunctionId> function_named(std::string_view name) const;
  const std::vector<Function>& functions() const { return functions_; }
  const Function& function(FunctionId id) const { return functions_[id.index]; }

  const Node& operator[](NodeId id) const { return nodes_[id.index]; }
  const Region& operator[](RegionId id) const { return regions_[id.index]; }
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }
  uint32_t region_count() const { return static_cast<uint32_t>(regions_.size()); }
  std::string_view op_of(NodeId id) const { return names[nodes_[id.index].op]; }

  // A new node before `before`, or at the end of the region if that is none. Throws TW_E_VALUE for an argument that
  // is no living node of this module.
  NodeId create(RegionId region, NodeId before, NameId op, std::vector<ArgTree> args, TypeId type,
                Keywords keywords = {});
  RegionId add_region(NodeId owner);
  void set_args(NodeId node, std::vector<ArgTree> args);
  void set_keywords(NodeId node, Keywords keywords);
  void set_type(NodeId node, TypeId type) { at(node).type = type; }
  void set_op(NodeId node, NameId op) { at(node).op = op; }
  void set_target(NodeId node, NameId target) { at(node).target = target; }
  void set_label(NodeId node, NameId label) { at(node).label = label; }
  void set_location(NodeId node, LocationId location) { at(node).location = location; }
  // Throws TW_E_VALUE if something uses it or a node inside of its regions.
  void erase(NodeId node);
  // Everything that uses `from` uses `to` instead; `to` itself keeps using it.
  void replace_uses(NodeId from, NodeId to);
  void replace_uses_in(NodeId user, NodeId from, NodeId to);
  // To before `anchor`, perhaps in another region.
  void move_before(NodeId node, NodeId anchor);

  std::vector<ArgTree> args(NodeId node) const;
  Keywords keywords(NodeId node) const;
  ArgTree tree(const Arg& arg) const;
  // f(NodeId) for every node among the arguments, as often as it occurs.
  template <class F>
  void each_operand(NodeId node, F&& f) const {
    each_node(nodes_[node.index].args, f), each_node(nodes_[node.index].keywords, f);
  }
  const Arg& item(const Arg& group, uint32_t k) const { return args_[group.index + k]; }

  // The node after one, also after one that was erased meanwhile: a loop may erase and insert where it stands.
  NodeId next(NodeId node) const;
  NodeId first(RegionId region) const { return regions_[region.index].first; }
  // Whether `a` stands before `b` in one region.
  bool before(NodeId a, NodeId b) const { return nodes_[a.index].order < nodes_[b.index].order; }
  // Whether the value of `a` can be used at `b`: it stands before b, or before a node whose regions hold b.
  bool dominates(NodeId a, NodeId b) const;

  // Rises with every change: what was derived from the module holds while it is the same.
  uint64_t edits() const { return edits_; }

  // The memory plan of a function: the next change of the module forgets all of them.
  void plan(FunctionId function, Places places);
  const Places* places(FunctionId function) const;  // null: there is none
  std::optional<int64_t> offset(NodeId node) const;

  LocationId add_location(const Location& location);
  const Location& operator[](LocationId id) const { return locations_[id]; }

 private:
  Node& at(NodeId id) {
    ++edits_;
    return nodes_[id.index];
  }
  Arg store(const ArgTree& tree);
  Arg store_group(ArgKind kind, const std::vector<ArgTree>& items);
  Arg store_keywords(const Keywords& keywords);
  void check_operands(const ArgTree& tree) const;
  void link(NodeId node, RegionId region, NodeId before);
  void unlink(NodeId node);
  void renumber(RegionId region);
  void use(NodeId user);
  void unuse(NodeId user);
  bool uses(NodeId user, NodeId value) const;
  void replace_in(const Arg& arg, NodeId from, NodeId to);
  template <class F>
  void each_node(const Arg& arg, F&& f) const {
    if (arg.kind == ArgKind::kNode) return f(NodeId(arg.index));
    if (arg.kind < ArgKind::kList) return;
    for (uint32_t i = 0; i < arg.count; ++i) each_node(args_[arg.index + i], f);
  }

  uint64_t edits_ = 0, planned_at_ = 0;
  std::map<FunctionId, Places> plans_;  // of the module as it was at edit `planned_at_`
  std::deque<Node> nodes_;
  std::vector<Region> regions_;
  std::vector<Function> functions_;
  std::vector<Arg> args_;
  Interner<Location, LocationId> locations_;
};

}  // namespace tw::jit
