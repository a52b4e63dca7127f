#include "fusion_region.h"

#include <algorithm>
#include <set>

namespace tw::jit {
namespace {

class NewFusion {
 public:
  NewFusion(Editor& edit, const std::vector<NodeId>& nodes)
      : edit_(edit), module_(edit.module), nodes_(nodes), members_(nodes.begin(), nodes.end()) {
    for (const NodeId node : nodes) {
      module_.each_operand(node, [&](NodeId operand) {
        if (!members_.count(operand) && std::find(inputs_.begin(), inputs_.end(), operand) == inputs_.end())
          inputs_.push_back(operand);
      });
      const auto& users = module_[node].users;
      if (std::any_of(users.begin(), users.end(), [&](NodeId user) { return !members_.count(user); }))
        outputs_.push_back(node);
    }
  }

  void make(int* names) {
    std::vector<TypeId> types;
    for (const NodeId output : outputs_) types.push_back(module_[output].type);
    const NodeId anchor = module_[nodes_.back()].next;
    const NodeId fusion = edit_.create(anchor, "fusion", std::vector<ArgTree>(inputs_.begin(), inputs_.end()),
                                       module_.types.list(TypeKind::kTuple, types));
    give_results(fusion, anchor);
    fill(fusion, names);
  }

 private:
  void give_results(NodeId fusion, NodeId anchor) {
    for (size_t k = 0; k < outputs_.size(); ++k) {
      const NodeId output = outputs_[k];
      const NodeId result = edit_.create(
          anchor, "tuple.get", {fusion, module_.constants.integer(static_cast<int64_t>(k))}, module_[output].type);
      for (const NodeId user : std::vector<NodeId>(module_[output].users))
        if (!members_.count(user)) module_.replace_uses_in(user, output, result);
    }
  }

  void fill(NodeId fusion, int* names) {
    const RegionId body = module_.add_region(fusion);
    std::vector<NodeId> parameters;
    for (const NodeId input : inputs_) {
      parameters.push_back(edit_.create_in(body, "placeholder", {}, module_[input].type));
      const NameId name = module_.names("in" + std::to_string((*names)++));
      module_.set_target(parameters.back(), name), module_.set_label(parameters.back(), name);
    }
    const NodeId end = edit_.create_in(body, "yield", {}, module_.types.simple(TypeKind::kNone));
    for (const NodeId node : nodes_) {
      module_.move_before(node, end);
      for (size_t k = 0; k < inputs_.size(); ++k) module_.replace_uses_in(node, inputs_[k], parameters[k]);
    }
    module_.set_args(end, std::vector<ArgTree>(outputs_.begin(), outputs_.end()));
  }

  Editor& edit_;
  Module& module_;
  const std::vector<NodeId>& nodes_;
  std::set<NodeId> members_;
  std::vector<NodeId> inputs_, outputs_;
};

}  // namespace

int fusion_names(const Editor& edit, RegionId region) {
  int count = 0;
  for (NodeId node = edit.module.first(region); node; node = edit.module[node].next)
    for (const RegionId inner : edit.module[node].regions) {
      count += fusion_names(edit, inner);
      if (!edit.is(node, "fusion")) continue;
      for (NodeId n = edit.module.first(inner); n; n = edit.module[n].next) count += edit.is(n, "placeholder");
    }
  return count;
}

void make_fusion(Editor& edit, const std::vector<NodeId>& nodes, int* names) { NewFusion(edit, nodes).make(names); }

}  // namespace tw::jit
