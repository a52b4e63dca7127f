// Calls become copies of what they call, but for functions that call themselves.
#include <unordered_set>

#include "pass.h"

namespace tw::jit {
namespace {

void callees(const Module& module, RegionId region, std::unordered_set<NameId>& found) {
  for (NodeId node = module.first(region); node; node = module[node].next) {
    if (module.op_of(node) == "call" && found.insert(module[node].target).second)
      if (const auto callee = module.function_named(module.names[module[node].target]))
        callees(module, module.function(*callee).body, found);
    for (const RegionId inner : module[node].regions) callees(module, inner, found);
  }
}

bool recursive(const Module& module, const Function& function) {
  std::unordered_set<NameId> found;
  callees(module, function.body, found);
  return found.count(function.name) != 0;
}

// What stands for the callee's parameters, or nothing where an argument is missing and has no default.
bool parameters(Editor& edit, RegionId body, const std::vector<ArgTree>& args,
                std::unordered_map<NodeId, ArgTree>& values) {
  const Module& module = edit.module;
  size_t given = 0;
  for (NodeId node = module.first(body); node; node = module[node].next) {
    if (!edit.is(node, "placeholder")) continue;
    if (given < args.size())
      values[node] = args[given++];
    else if (module[node].args.count)
      values[node] = edit.mapped(module.args(node)[0], values);
    else
      return false;
  }
  return given == args.size();
}

// Inner calls first: what a function calls is in place when it is copied itself.
class Inliner {
 public:
  explicit Inliner(Editor& edit) : edit_(edit) {}

  void function(const Function& function) {
    if (!done_.insert(function.name).second) return;
    edit_.each_node_in(function.body, [&](NodeId node) {
      if (edit_.is(node, "call")) call(node);
    });
  }
  int64_t count() const { return count_; }

 private:
  void call(NodeId node) {
    Module& module = edit_.module;
    const auto id = module.function_named(module.names[module[node].target]);
    if (!id || recursive(module, module.function(*id))) return;
    const Function callee = module.function(*id);
    function(callee);
    std::unordered_map<NodeId, ArgTree> values;
    if (module[module[callee.body].last].keywords.count || !parameters(edit_, callee.body, module.args(node), values))
      return;
    const std::vector<ArgTree> results = edit_.copy_body(callee.body, node, values);
    edit_.substitute(node, results[0]);
    ++count_;
  }

  Editor& edit_;
  std::unordered_set<NameId> done_;
  int64_t count_ = 0;
};

}  // namespace

int64_t inline_calls(Editor& edit, const PassOptions&) {
  Inliner inliner(edit);
  for (const Function& function : std::vector<Function>(edit.module.functions())) inliner.function(function);
  return inliner.count();
}

}  // namespace tw::jit
