// Switches of gradients go: what is run for its values alone gives the same without them.
#include "pass.h"

namespace tw::jit {

int64_t remove_grad_modes(Editor& edit, const PassOptions&) {
  std::vector<NodeId> switches;
  edit.each_node([&](NodeId node) {
    const Node& found = edit.module[node];
    if (edit.is(node, "effect") && edit.module.names[found.target] == "set_grad") switches.push_back(node);
  });
  int64_t count = 0;
  for (size_t k = switches.size(); k-- > 0;) {  // what sets back to how it was comes before the switch that gives that
    if (!edit.module[switches[k]].users.empty()) continue;
    edit.module.erase(switches[k]);
    ++count;
  }
  return count;
}

}  // namespace tw::jit
