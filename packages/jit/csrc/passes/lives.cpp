#include "lives.h"

#include <algorithm>

#include "pass.h"

namespace tw::jit {

// Numbers all nodes in program order: a use inside of a region is a use at its owner's end.
Lives::Lives(Editor& edit, FunctionId function) : edit_(edit), module_(edit.module), aliasing_(edit) {
  const RegionId body = module_.function(function).body;
  int64_t count = 0;
  for (NodeId node = module_.first(body); node; node = module_[node].next) place_[node] = count++;
  aliasing_.learn(body);
}

int64_t Lives::place(NodeId user) const {
  while (!place_.count(user)) user = module_[module_[user].parent].owner;
  return place_.at(user);
}

int64_t Lives::bytes(const Type& type) const {
  if (type.kind == TypeKind::kTuple) {
    int64_t all = 0;
    for (const TypeId item : type.items) {
      const int64_t part = bytes(module_.types[item]);
      if (part < 0 || __builtin_add_overflow(all, part, &all)) return -1;
    }
    return all;
  }
  if (type.kind != TypeKind::kTensor) return 0;
  if (!type.dtype || !type.shape) return -1;
  int64_t all = item_size(*type.dtype);
  for (const Dim dim : *type.shape) {
    const auto size = module_.dims.value(dim);
    if (!size || __builtin_mul_overflow(all, *size, &all)) return -1;
  }
  if (__builtin_add_overflow(all, kMemoryAlignment - 1, &all)) return -1;
  return all / kMemoryAlignment * kMemoryAlignment;
}

bool Lives::row_major(NodeId node) {
  if (edit_.type(node).kind != TypeKind::kTensor) return true;
  const auto like = aliasing_.known(node) ? aliasing_.like(node) : std::nullopt;
  const auto sizes = edit_.sizes(node);
  const auto dtype = edit_.type(node).dtype;
  return like && sizes && dtype && like->is_contiguous() && like->shape().vec() == *sizes && like->dtype() == *dtype;
}

bool Lives::makes_memory(NodeId node) {
  const OpFacts* op = edit_.facts(node);
  return op ? !op->op->view && !edit_.writes(node) : !module_[node].regions.empty();
}

// Whether what a node gives may lie in the memory of a value that it takes.
bool Lives::passes_on(NodeId node, NodeId taken) {
  const auto into = edit_.keyword(node, "into");
  if (into && into->kind == ArgKind::kNode) return NodeId(into->index) == taken;
  if (edit_.facts(node)) return !edit_.fresh(node) && (aliasing_.argument(node) >= 0 || aliasing_.uncertain(node));
  return !edit_.is(node, "fusion");
}

Life Lives::life(NodeId node) {
  Life life{bytes(edit_.type(node)), place_.at(node), place_.at(node), false, {}};
  follow(node, life);
  return life;
}

// The last use of a value, through views and parts of it; whether it leaves the function.
void Lives::follow(NodeId node, Life& life) {
  for (const NodeId user : module_[node].users) {
    life.last = std::max(life.last, place(user));
    if (edit_.is(user, "return")) life.kept = true;
    const bool here = place_.count(user) && !edit_.is(user, "return");
    if (here && passes_on(user, node) && life.views.insert(user).second) follow(user, life);
  }
}

bool Lives::may_write_over(NodeId node, NodeId argument, const Life& life) {
  const OpFacts* op = edit_.facts(node);
  const Type &result = edit_.type(node), &given = edit_.type(argument);
  if (!op || !op->op->pointwise || result.kind != TypeKind::kTensor || given.kind != TypeKind::kTensor) return false;
  if (!result.dtype || !given.dtype || item_size(*result.dtype) != item_size(*given.dtype)) return false;
  bool alone = result.shape && result.shape == given.shape && row_major(argument);
  module_.each_operand(node, [&](NodeId operand) { alone &= operand == argument || !life.views.count(operand); });
  return alone;
}

}  // namespace tw::jit
