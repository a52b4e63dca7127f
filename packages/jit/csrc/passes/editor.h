// What passes share: reading arguments with their defaults, effects, making and replacing nodes.
#pragma once

#include <optional>
#include <unordered_map>

#include "facts.h"

namespace tw::jit {

class Editor {
 public:
  explicit Editor(Program& p) : program(p), module(p.module) {}

  Program& program;
  Module& module;

  // ---- reading ----------------------------------------------------------------------------------------------------

  const OpFacts* facts(NodeId node);  // null: a structural op
  bool is(NodeId node, std::string_view op) const { return module.op_of(node) == op; }
  const Type& type(NodeId node) const { return module.types[module[node].type]; }
  // A tensor's sizes where all are constants.
  std::optional<std::vector<int64_t>> sizes(NodeId node) const;

  // The k-th argument of an op of the registry, wherever it is given; its default, or nothing.
  std::optional<ArgTree> argument(NodeId node, uint32_t k);
  std::optional<ArgTree> argument(NodeId node, std::string_view name);
  std::optional<ArgTree> keyword(NodeId node, std::string_view name) const;

  const Constant* constant(const ArgTree& arg) const;
  std::optional<int64_t> integer(const ArgTree& arg) const;  // an int, or nothing
  std::optional<double> number(const ArgTree& arg) const;    // an int, a float or a bool
  std::optional<std::vector<int64_t>> integers(const ArgTree& arg) const;
  ArgTree int_list(const std::vector<int64_t>& values) const;

  // ---- effects: from schemas and tags ------------------------------------------------------------------------------

  // Whether it may write into one of its arguments, `into=` or by its schema.
  bool writes(NodeId node);
  // Whether it draws random numbers, as it is called.
  bool draws(NodeId node);
  // Whether nothing but its value matters: it may be dropped, repeated, and moved within what dominates it.
  bool pure(NodeId node);
  // Whether a builtin gives the same wherever it stands: it neither makes nor reads a list or a dict.
  bool timeless(NodeId node) const;
  // Whether the caller may see the value's own memory: it is returned, perhaps as a view.
  bool escapes(NodeId node);
  // Whether it makes new memory for its value.
  bool fresh(NodeId node);

  // ---- changing ---------------------------------------------------------------------------------------------------

  // Before `anchor`, with its location and the type that the op's own rules give, where they can be asked.
  NodeId create(NodeId anchor, std::string_view op, std::vector<ArgTree> args, std::optional<TypeId> type = {});
  NodeId create_in(RegionId region, std::string_view op, std::vector<ArgTree> args, TypeId type);
  // The arguments of a call by place, without trailing defaults; whether they were not so.
  bool by_place(NodeId node);
  // All uses of `node` become uses of `value`, and it goes.
  void replace(NodeId node, NodeId value);
  // The same by what may be no node: a constant, or a tuple, whose parts take the place of the tuple.get nodes.
  void substitute(NodeId node, const ArgTree& value);
  // Copies the nodes between the placeholders and the end of a region before `anchor`; `values` says what stands for
  // placeholders and is told the copies. Returns the arguments of its last node.
  std::vector<ArgTree> copy_body(RegionId region, NodeId anchor, std::unordered_map<NodeId, ArgTree>& values);
  // The argument with nodes replaced as `values` says.
  ArgTree mapped(ArgTree arg, const std::unordered_map<NodeId, ArgTree>& values) const;

  // Every node of every function, inner regions first; it may erase and insert where it stands.
  template <class F>
  void each_node(F&& f) {
    for (const Function& function : std::vector<Function>(module.functions())) each_node_in(function.body, f);
  }
  template <class F>
  void each_node_in(RegionId region, F&& f) {
    for (NodeId node = module.first(region); node; node = module.next(node)) {
      for (const RegionId inner : std::vector<RegionId>(module[node].regions)) each_node_in(inner, f);
      f(node);
    }
  }
  // f(region) for every region, inner ones first.
  template <class F>
  void each_region(F&& f) {
    for (const Function& function : std::vector<Function>(module.functions())) each_region_in(function.body, f);
  }

 private:
  bool changeable(TypeId type) const;
  template <class F>
  void each_region_in(RegionId region, F&& f) {
    for (NodeId node = module.first(region); node; node = module.next(node))
      for (const RegionId inner : std::vector<RegionId>(module[node].regions)) each_region_in(inner, f);
    f(region);
  }
  bool off(NodeId node, std::initializer_list<std::string_view> names);
  bool region_pure(RegionId region);
  bool placed(NodeId node, std::vector<ArgTree>& args);

  std::unordered_map<NameId, const OpFacts*> facts_;
  std::unordered_map<NameId, bool> pure_calls_;
};

bool same_argument(const ArgTree& a, const ArgTree& b);

}  // namespace tw::jit
