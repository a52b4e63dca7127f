// A linear layer or convolution by a weight that does not change becomes a `fusion` region, with the pointwise ops that
// take its result, and that alone, one after the other: its kernel packs the weight once, and computes what follows on
// parts of the result that are in the cache. The ops inside stay as they are, and so does every bit.
#include <algorithm>

#include "../kernels/expansions.h"
#include "attributes.h"
#include "fusion_region.h"

namespace tw::jit {
namespace {

class LayerGrouper {
 public:
  LayerGrouper(Editor& edit, const PassOptions& options)
      : edit_(edit), module_(edit.module), attributes_(edit, options) {}

  int64_t run(RegionId region, int* names) {
    std::vector<NodeId> nodes;
    for (NodeId node = module_.first(region); node; node = module_[node].next) nodes.push_back(node);
    int64_t count = 0;
    for (const NodeId node : nodes) {
      if (edit_.is(node, "fusion")) continue;
      for (const RegionId inner : std::vector<RegionId>(module_[node].regions)) count += run(inner, names);
      if (starts(node)) make_fusion(edit_, with_followers(node), names), ++count;
    }
    return count;
  }

 private:
  // A layer that the kernels compute in its own dtype, by a constant weight.
  bool starts(NodeId node) {
    const OpFacts* op = edit_.facts(node);
    if (!op || !is_layer(op->op->name) || !edit_.pure(node) || !tensors_only(node)) return false;
    const Type& type = edit_.type(node);
    const auto weight = edit_.argument(node, 1);
    return type.kind == TypeKind::kTensor && type.shape && type.dtype &&
           (*type.dtype == kFloat32 || *type.dtype == kFloat64) && weight && weight->kind == ArgKind::kNode &&
           attributes_.value(NodeId(weight->index));
  }

  std::vector<NodeId> with_followers(NodeId layer) {
    std::vector<NodeId> group{layer};
    while (module_[group.back()].users.size() == 1 && follows(module_[group.back()].users[0], layer))
      group.push_back(module_[group.back()].users[0]);
    return group;
  }

  // A pointwise op of which every element needs the same element of the layer's result, and of other such tensors.
  bool follows(NodeId node, NodeId layer) {
    const OpFacts* op = edit_.facts(node);
    if (!op || !op->op->pointwise || op->op->nrets != 1 || !edit_.pure(node) || !tensors_only(node)) return false;
    bool alike = same_type(node, layer) && module_[node].parent == module_[layer].parent;
    module_.each_operand(node, [&](NodeId operand) { alike &= same_type(operand, layer); });
    return alike;
  }
  bool same_type(NodeId node, NodeId layer) const { return module_[node].type == module_[layer].type; }

  // A fusion's arguments are tensors.
  bool tensors_only(NodeId node) const {
    bool all = true;
    module_.each_operand(node, [&](NodeId operand) { all &= edit_.type(operand).kind == TypeKind::kTensor; });
    return all;
  }

  Editor& edit_;
  Module& module_;
  ConstantAttributes attributes_;
};

}  // namespace

int64_t group_layers(Editor& edit, const PassOptions& options) {
  LayerGrouper grouper(edit, options);
  int64_t count = 0;
  for (const Function& function : std::vector<Function>(edit.module.functions())) {
    int names = fusion_names(edit, function.body);
    count += grouper.run(function.body, &names);
  }
  return count;
}

}  // namespace tw::jit
