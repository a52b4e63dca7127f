// Loops: what is the same each time is computed once before them, and short counted ones are written out.
#include <algorithm>

#include "infer.h"
#include "pass.h"

namespace tw::jit {
namespace {

// Whether computing it where the loop may not have come to it can do no harm: its arguments' types are known to fit,
// and its kernel refuses no values.
bool harmless(Editor& edit, NodeId node) {
  const OpFacts* op = edit.facts(node);
  if (!op) return edit.is(node, "get_attr") || edit.is(node, "tuple.get");
  const Type& type = edit.type(node);
  const bool floats =
      type.kind == TypeKind::kTensor && type.dtype && (is_floating(*type.dtype) || *type.dtype == kBool);
  return (op->op->view || ((op->op->pointwise || op->op->reduction) && floats)) && infer_type(edit, node).has_value();
}

bool inside(const Module& module, NodeId node, NodeId loop) {
  for (NodeId owner = module[module[node].parent].owner; owner; owner = module[module[owner].parent].owner)
    if (owner == loop) return true;
  return false;
}

bool invariant(Editor& edit, NodeId node, NodeId loop) {
  bool outside = true;
  edit.module.each_operand(node, [&](NodeId operand) { outside &= !inside(edit.module, operand, loop); });
  return outside;
}

// Whether the region runs at least once.
bool always_runs(Editor& edit, NodeId loop, size_t region) {
  if (edit.is(loop, "while")) return region == 0;
  const auto count = edit.integer(edit.module.args(loop)[0]);
  return count && *count > 0;
}

int64_t hoist(Editor& edit, NodeId loop) {
  Module& module = edit.module;
  int64_t count = 0;
  for (size_t k = 0; k < module[loop].regions.size(); ++k) {
    const bool runs = always_runs(edit, loop, k);
    for (NodeId node = module.first(module[loop].regions[k]), after; node; node = after) {
      after = module[node].next;
      if (edit.is(node, "placeholder") || !module[node].regions.empty() || !edit.pure(node)) continue;
      if (!invariant(edit, node, loop) || !(runs || harmless(edit, node))) continue;
      module.move_before(node, loop);
      ++count;
    }
  }
  return count;
}

bool unroll_one(Editor& edit, NodeId loop, int64_t most) {
  Module& module = edit.module;
  std::vector<ArgTree> carried = module.args(loop);
  const auto count = edit.integer(carried[0]);
  carried.erase(carried.begin());
  const RegionId body = module[loop].regions[0];
  int64_t nodes = 0;
  edit.each_node_in(body, [&](NodeId) { ++nodes; });
  if (!count || *count > most || *count * nodes > most) return false;
  for (int64_t i = 0; i < *count; ++i) {
    std::unordered_map<NodeId, ArgTree> values;
    size_t given = 0;
    for (NodeId node = module.first(body); edit.is(node, "placeholder"); node = module[node].next, ++given)
      values[node] = given == 0 ? ArgTree(module.constants.integer(i)) : carried[given - 1];
    carried = edit.copy_body(body, loop, values);
  }
  edit.substitute(loop, ArgTree(ArgKind::kTuple, carried));
  return true;
}

}  // namespace

int64_t hoist_invariants(Editor& edit, const PassOptions&) {
  int64_t count = 0;
  edit.each_node([&](NodeId node) {
    if (edit.is(node, "for") || edit.is(node, "while")) count += hoist(edit, node);
  });
  return count;
}

int64_t unroll(Editor& edit, const PassOptions& options) {
  int64_t count = 0;
  edit.each_node([&](NodeId node) {
    if (edit.is(node, "for")) count += unroll_one(edit, node, options.largest_unrolled);
  });
  return count;
}

}  // namespace tw::jit
