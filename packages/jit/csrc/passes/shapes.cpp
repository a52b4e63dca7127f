// Types from the ops' own shape rules; what regions yield gives the types of their owner's results.
#include "../ir/values.h"
#include "infer.h"
#include "pass.h"

namespace tw::jit {
namespace {

// The type of an argument, where it is a node or has one of its own.
std::optional<TypeId> type_of_argument(Editor& edit, const ArgTree& arg) {
  if (arg.kind == ArgKind::kNode) return edit.module[NodeId(arg.index)].type;
  if (arg.kind != ArgKind::kConstant) return std::nullopt;
  return type_of(edit.module, constant_value(edit.program, ConstantId(arg.index)));
}

std::optional<TypeId> tuple_of(Editor& edit, const std::vector<ArgTree>& args) {
  std::vector<TypeId> items;
  for (const ArgTree& arg : args) {
    const auto item = type_of_argument(edit, arg);
    if (!item) return std::nullopt;
    items.push_back(*item);
  }
  return edit.module.types.list(TypeKind::kTuple, std::move(items));
}

std::optional<TypeId> attribute_type(Editor& edit, NodeId node) {
  const auto found = edit.program.attributes.find(edit.module.names[edit.module[node].target]);
  if (found == edit.program.attributes.end()) return std::nullopt;
  return type_of(edit.module, to_value(static_cast<TensorRef>(found->second)));
}

std::optional<TypeId> item_type(Editor& edit, NodeId node) {
  const std::vector<ArgTree> args = edit.module.args(node);
  const auto k = edit.integer(args[1]);
  if (args[0].kind != ArgKind::kNode || !k || *k < 0) return std::nullopt;
  const Type& tuple = edit.type(NodeId(args[0].index));
  if (tuple.kind != TypeKind::kTuple || *k >= static_cast<int64_t>(tuple.items.size())) return std::nullopt;
  return tuple.items[static_cast<size_t>(*k)];
}

// Both sides of an `if` agree, and what loops carry keeps its type: else nothing is said.
std::optional<TypeId> structural_type(Editor& edit, NodeId node) {
  const Module& module = edit.module;
  const auto& regions = module[node].regions;
  const auto yielded = [&](size_t k) { return tuple_of(edit, module.args(module[regions[k]].last)); };
  if (edit.is(node, "get_attr")) return attribute_type(edit, node);
  if (edit.is(node, "tuple.get")) return item_type(edit, node);
  if (edit.is(node, "fusion")) return yielded(0);
  if (edit.is(node, "if")) {
    const auto type = yielded(0);
    return type && type == yielded(1) ? type : std::nullopt;
  }
  return std::nullopt;
}

std::optional<TypeId> written_type(Editor& edit, NodeId node) {
  const auto into = edit.keyword(node, "into");
  if (!into || into->kind != ArgKind::kNode) return std::nullopt;
  return edit.module[NodeId(into->index)].type;
}

}  // namespace

int64_t propagate_shapes(Editor& edit, const PassOptions&) {
  Module& module = edit.module;
  int64_t count = 0;
  edit.each_node([&](NodeId node) {
    std::optional<TypeId> type;
    if (edit.facts(node))
      type = edit.writes(node) ? written_type(edit, node) : infer_type(edit, node);
    else
      type = structural_type(edit, node);
    if (!type || *type == module[node].type) return;
    module.set_type(node, *type);
    ++count;
  });
  return count;
}

}  // namespace tw::jit
