// Equal calls give one value. What draws random numbers or writes is called as often as it is written; two values that
// the caller sees stay two.
#include "pass.h"

namespace tw::jit {
namespace {

void add_argument(std::string& key, const ArgTree& arg) {
  key += key_of(arg.kind, arg.kind == ArgKind::kNone ? 0u : arg.index, static_cast<uint32_t>(arg.items.size()));
  for (const ArgTree& item : arg.items) add_argument(key, item);
}

// Equal keys: equal calls. Defaults are written out, and the arguments of commuting ops in one order.
std::string call_key(Editor& edit, NodeId node) {
  const Node& n = edit.module[node];
  const OpFacts* op = edit.facts(node);
  std::string key = key_of(n.op, n.target, op ? TypeId() : n.type);
  if (!op) {
    for (const ArgTree& arg : edit.module.args(node)) add_argument(key, arg);
    return key;
  }
  std::vector<std::string> parts;
  for (uint32_t k = 0; k < op->op->nargs; ++k) {
    parts.emplace_back();
    if (const auto arg = edit.argument(node, k)) add_argument(parts.back(), *arg);
  }
  const auto alpha = edit.argument(node, 2);
  if (op->commutes && parts.size() > 1 && parts[1] < parts[0] &&
      (parts.size() < 3 || (alpha && edit.integer(*alpha) == 1)))
    std::swap(parts[0], parts[1]);
  for (const std::string& part : parts) key += part + ";";
  return key;
}

class Finder {
 public:
  explicit Finder(Editor& edit) : edit_(edit) {}

  void region(RegionId region) {
    Module& module = edit_.module;
    scopes_.emplace_back();
    for (NodeId node = module.first(region); node; node = module.next(node)) {
      if (module[node].regions.empty() && !edit_.is(node, "call") && edit_.pure(node)) visit(node);
      if (!module[node].alive) continue;
      for (const RegionId inner : std::vector<RegionId>(module[node].regions)) this->region(inner);
    }
    scopes_.pop_back();
  }
  int64_t count() const { return count_; }

 private:
  void visit(NodeId node) {
    const std::string key = call_key(edit_, node);
    for (const auto& scope : scopes_) {
      const auto found = scope.find(key);
      if (found == scope.end()) continue;
      const OpFacts* op = edit_.facts(node);
      if (op && !op->op->view && edit_.escapes(node) && edit_.escapes(found->second)) return;
      edit_.replace(node, found->second);
      ++count_;
      return;
    }
    scopes_.back().emplace(key, node);
  }

  Editor& edit_;
  std::vector<std::unordered_map<std::string, NodeId>> scopes_;
  int64_t count_ = 0;
};

}  // namespace

int64_t eliminate_common(Editor& edit, const PassOptions&) {
  Finder finder(edit);
  for (const Function& function : std::vector<Function>(edit.module.functions())) finder.region(function.body);
  return finder.count();
}

}  // namespace tw::jit
