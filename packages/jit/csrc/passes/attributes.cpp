#include "attributes.h"

namespace tw::jit {

std::set<std::string> written_attributes(Editor& edit) {
  std::set<std::string> paths;
  edit.each_node([&](NodeId node) {
    const auto updates = edit.is(node, "return") ? edit.keyword(node, "attributes") : std::nullopt;
    for (size_t k = 0; updates && k < updates->items.size(); k += 2)
      paths.insert(edit.constant(updates->items[k])->text);
  });
  return paths;
}

const Tensor* ConstantAttributes::value(NodeId node) const {
  if (!edit_.is(node, "get_attr")) return nullptr;
  const std::string& path = edit_.module.names[edit_.module[node].target];
  if (!frozen_ && path.rfind(kFolded, 0) != 0) return nullptr;
  if (written_.count(path)) return nullptr;
  const auto found = edit_.program.attributes.find(path);
  return found == edit_.program.attributes.end() ? nullptr : &found->second;
}

}  // namespace tw::jit
