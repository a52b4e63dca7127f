// A permutation that a later one undoes moves down over the pointwise ops in between, to where both go.
#include <algorithm>

#include "infer.h"
#include "pass.h"

namespace tw::jit {
namespace {

using Order = std::vector<int64_t>;

// The permutation that a node applies to the dimensions of its argument.
std::optional<Order> order_of(Editor& edit, NodeId node) {
  const auto shape = edit.type(node).shape;
  const auto rank = shape ? static_cast<int64_t>(shape->size()) : 0;
  const auto argument = [&](uint32_t k) { return edit.argument(node, k).value_or(ArgTree()); };
  if (!rank || !edit.facts(node)) return std::nullopt;
  const auto place = [&](int64_t d) { return d < 0 ? d + rank : d; };
  Order order(static_cast<size_t>(rank));
  for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int64_t>(d);
  if (edit.is(node, "tw::t") && rank == 2) {
    std::swap(order[0], order[1]);
  } else if (edit.is(node, "tw::transpose")) {
    const auto a = edit.integer(argument(1)), b = edit.integer(argument(2));
    if (!a || !b) return std::nullopt;
    std::swap(order.at(static_cast<size_t>(place(*a))), order.at(static_cast<size_t>(place(*b))));
  } else if (edit.is(node, "tw::permute")) {
    const auto given = edit.integers(argument(1));
    if (!given || given->size() != order.size()) return std::nullopt;
    for (size_t d = 0; d < order.size(); ++d) order[d] = place((*given)[d]);
  } else {
    return std::nullopt;
  }
  return order;
}

Order composed(const Order& first, const Order& then) {
  Order order;
  for (const int64_t d : then) order.push_back(first[static_cast<size_t>(d)]);
  return order;
}

bool identity(const Order& order) { return std::is_sorted(order.begin(), order.end()); }

// A pointwise op over one tensor and numbers, which nothing else uses: the permutation can pass it.
bool passable(Editor& edit, NodeId node, NodeId from) {
  const OpFacts* op = edit.facts(node);
  if (!op || !op->op->pointwise || !edit.pure(node)) return false;
  int operands = 0;
  bool only = true;
  edit.module.each_operand(node, [&](NodeId operand) { ++operands, only &= operand == from; });
  return only && operands > 0;
}

// The nodes from the permutation to the one that undoes it, or none.
std::vector<NodeId> path(Editor& edit, NodeId start, const Order& order) {
  std::vector<NodeId> nodes{start};
  while (edit.module[nodes.back()].users.size() == 1) {
    const NodeId user = edit.module[nodes.back()].users[0];
    if (const auto then = order_of(edit, user)) {
      nodes.push_back(user);
      return nodes.size() > 2 && identity(composed(order, *then)) ? nodes : std::vector<NodeId>();
    }
    if (!passable(edit, user, nodes.back())) break;
    nodes.push_back(user);
  }
  return {};
}

bool sink(Editor& edit, NodeId start) {
  const auto order = order_of(edit, start);
  const std::vector<NodeId> nodes = order ? path(edit, start, *order) : std::vector<NodeId>();
  if (nodes.empty()) return false;
  Module& module = edit.module;
  const auto source = edit.argument(start, 0);
  if (!source || source->kind != ArgKind::kNode) return false;
  module.replace_uses_in(nodes[1], start, NodeId(source->index));
  for (size_t k = 1; k + 1 < nodes.size(); ++k)
    if (const auto type = infer_type(edit, nodes[k])) module.set_type(nodes[k], *type);
  edit.replace(nodes.back(), nodes[nodes.size() - 2]);
  module.erase(start);
  return true;
}

}  // namespace

int64_t sink_transposes(Editor& edit, const PassOptions&) {
  int64_t count = 0;
  edit.each_node([&](NodeId node) {
    if (order_of(edit, node)) count += sink(edit, node);
  });
  return count;
}

}  // namespace tw::jit
