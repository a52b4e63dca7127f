// What nothing uses and has no effect goes.
#include "../ir/structure.h"
#include "pass.h"

namespace tw::jit {
namespace {

int64_t sweep(Editor& edit, RegionId region) {
  Module& module = edit.module;
  int64_t count = 0;
  for (NodeId node = module[region].last; node;) {
    const NodeId previous = module[node].prev;
    if (module[node].users.empty() && !edit.is(node, "placeholder") && (edit.pure(node) || edit.is(node, "builtin"))) {
      module.erase(node), ++count;
    } else {
      for (const RegionId inner : std::vector<RegionId>(module[node].regions)) count += sweep(edit, inner);
    }
    node = previous;
  }
  return count;
}

// A value that an `if` gives and nothing takes is not yielded.
int64_t narrow(Editor& edit, NodeId node) {
  Module& module = edit.module;
  const Type type = edit.type(node);
  if (type.kind != TypeKind::kTuple || type.items.empty()) return 0;
  std::vector<bool> taken(type.items.size(), false);
  for (const NodeId user : module[node].users) {
    const auto k = edit.is(user, "tuple.get") ? edit.integer(module.args(user)[1]) : std::nullopt;
    if (!k) return 0;
    taken[static_cast<size_t>(*k)] = true;
  }
  std::vector<int64_t> place(taken.size());
  std::vector<TypeId> kept;
  for (size_t k = 0; k < taken.size(); ++k) {
    place[k] = static_cast<int64_t>(kept.size());
    if (taken[k]) kept.push_back(type.items[k]);
  }
  if (kept.size() == taken.size()) return 0;
  for (const RegionId region : module[node].regions) {
    const std::vector<ArgTree> all = module.args(module[region].last);
    std::vector<ArgTree> some;
    for (size_t k = 0; k < all.size() && k < taken.size(); ++k)
      if (taken[k]) some.push_back(all[k]);
    module.set_args(module[region].last, some);
  }
  for (const NodeId user : std::vector<NodeId>(module[node].users)) {
    const auto k = static_cast<size_t>(edit.integer(module.args(user)[1]).value_or(0));
    module.set_args(user, {node, module.constants.integer(place[k])});
  }
  module.set_type(node, module.types.list(TypeKind::kTuple, kept));
  return 1;
}

}  // namespace

int64_t eliminate_dead(Editor& edit, const PassOptions&) {
  int64_t count = 0, round = 0;
  do {
    round = 0;
    for (const Function& function : std::vector<Function>(edit.module.functions())) round += sweep(edit, function.body);
    edit.each_node([&](NodeId node) {
      if (edit.is(node, "if")) round += narrow(edit, node);
    });
    count += round;
  } while (round);
  return count;
}

}  // namespace tw::jit
