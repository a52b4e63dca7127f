// Pointwise ops around at most one set of reductions over the same dimensions become one `fusion` region, which a
// kernel can compute in one sweep. Greedy, in program order: an op joins the groups that it takes values from, where
// shapes agree and no path leaves a group and comes back.
#include <algorithm>
#include <set>

#include "../kernels/expansions.h"
#include "fusion_region.h"

namespace tw::jit {
namespace {

using Shape = std::vector<Dim>;

struct Group {
  std::set<std::pair<uint64_t, NodeId>> members;  // in program order
  Shape full;                                     // what the pointwise part sweeps
  std::optional<uint64_t> dims;                   // those that its reductions fold, as bits

  // What reductions give, with the folded dimensions as 1 and without them.
  Shape reduced(Dim one, bool keepdim) const {
    Shape shape;
    const uint64_t bits = dims.value_or(0);
    for (size_t d = 0; d < full.size(); ++d) {
      const bool folded = bits >> d & 1;
      if (!folded || keepdim) shape.push_back(folded ? one : full[d]);
    }
    return shape;
  }
};

class Grouper {
 public:
  Grouper(Editor& edit, RegionId region, bool reductions, int* names)
      : edit_(edit), module_(edit.module), region_(region), reductions_(reductions), names_(names) {}

  int64_t run() {
    collect();
    for (size_t i = 0; i < nodes_.size(); ++i) join(nodes_[i]);
    const std::vector<std::vector<NodeId>> units = sorted();
    const NodeId end = module_[region_].last;
    int64_t count = 0;
    for (const std::vector<NodeId>& unit : units) {
      for (const NodeId node : unit)
        if (node != end) module_.move_before(node, end);
      if (ops(unit) > 1 && gives(unit)) make_fusion(edit_, unit, names_), ++count;
    }
    return count;
  }

 private:
  // ---- what depends on what ---------------------------------------------------------------------------------------

  void collect() {
    NodeId effect;
    for (NodeId node = module_.first(region_); node; node = module_[node].next) {
      nodes_.push_back(node);
      operands_in(node, needs_[node]);
      if (edit_.is(node, "placeholder") || edit_.pure(node)) continue;
      if (effect) needs_[node].push_back(effect);
      effect = node;
    }
  }

  // The nodes of this region that a node or its regions take.
  void operands_in(NodeId node, std::vector<NodeId>& found) const {
    module_.each_operand(node, [&](NodeId operand) {
      if (module_[operand].parent == region_) found.push_back(operand);
    });
    for (const RegionId inner : module_[node].regions)
      for (NodeId n = module_.first(inner); n; n = module_[n].next) operands_in(n, found);
  }

  // Whether some path leaves the nodes and comes back to them.
  bool cyclic(const std::set<NodeId>& together) const {
    uint64_t first = UINT64_MAX;
    for (const NodeId node : together) first = std::min(first, module_[node].order);
    std::vector<NodeId> open;
    std::set<NodeId> seen;
    const auto visit = [&](NodeId node) {
      const auto group = group_of_.find(node);
      if (seen.insert(node).second && (group != group_of_.end() || module_[node].order > first)) open.push_back(node);
    };
    for (const NodeId node : together)
      for (const NodeId operand : needs_.at(node))
        if (!together.count(operand)) visit(operand);
    while (!open.empty()) {
      const NodeId node = open.back();
      open.pop_back();
      const auto group = group_of_.find(node);
      std::vector<NodeId> whole{node};
      if (group != group_of_.end() && !together.count(node))
        for (const auto& member : groups_[group->second].members) whole.push_back(member.second);
      for (const NodeId part : whole)
        for (const NodeId operand : needs_.at(part)) {
          if (together.count(operand)) return true;
          visit(operand);
        }
    }
    return false;
  }

  // ---- what fits together -----------------------------------------------------------------------------------------

  const Shape* shape(NodeId node) const {
    const Type& type = edit_.type(node);
    return type.kind == TypeKind::kTensor && type.shape && type.dtype ? &*type.shape : nullptr;
  }

  // A group of its own, if the op is one of those that groups are made of.
  bool alone(NodeId node, Group& group) {
    const OpFacts* op = edit_.facts(node);
    const bool expanded = op && is_expanded(op->op->name);
    const bool pointwise = op && (op->op->pointwise || casts(node, *op->op));
    if (!op || !(pointwise || op->op->reduction || expanded) || !edit_.pure(node)) return false;
    if (!reductions_ && !pointwise) return false;
    bool known = true;
    module_.each_operand(node, [&](NodeId operand) { known &= shape(operand) != nullptr; });
    if (!known || (op->op->nrets != 1 && !expanded)) return false;
    group.members.insert({module_[node].order, node});
    if (!expanded && !op->op->reduction) {
      if (shape(node)) group.full = *shape(node);
      return shape(node) != nullptr;
    }
    const auto input = edit_.argument(node, 0);
    if (!input || input->kind != ArgKind::kNode) return false;
    group.full = *shape(NodeId(input->index));
    group.dims = expanded && op->op->name == "tw::native_layer_norm" ? last_dims(node, group.full.size())
                                                                     : named_dims(node, group.full.size());
    return group.dims.has_value();
  }

  // Whether it copies into another dtype, and does nothing else.
  bool casts(NodeId node, const RegistryOp& op) {
    if (!is_cast(op.name)) return false;
    const auto format = edit_.argument(node, "memory_format"), device = edit_.argument(node, "device");
    const Constant* where = device ? edit_.constant(*device) : nullptr;
    const bool here = !device || device->kind == ArgKind::kNone ||
                      (where && where->kind == ConstantKind::kDevice && where->device.type == TW_DEVICE_CPU);
    return here && (!format || format->kind == ArgKind::kNone);
  }

  std::optional<uint64_t> named_dims(NodeId node, size_t rank) {
    const auto dim = edit_.argument(node, "dim");
    if (!dim || rank >= 64) return std::nullopt;
    const uint64_t all = (uint64_t{1} << rank) - 1;
    if (dim->kind == ArgKind::kNone) return all;
    std::vector<int64_t> named;
    if (const auto one = edit_.integer(*dim))
      named = {*one};
    else if (const auto list = edit_.integers(*dim))
      named = *list;
    else
      return std::nullopt;
    uint64_t dims = 0;
    for (const int64_t d : named) {
      const int64_t place = d < 0 ? d + static_cast<int64_t>(rank) : d;
      if (place < 0 || place >= static_cast<int64_t>(rank))
        return rank == 0 ? std::optional<uint64_t>(0) : std::nullopt;
      dims |= uint64_t{1} << place;
    }
    return named.empty() ? all : dims;
  }

  std::optional<uint64_t> last_dims(NodeId node, size_t rank) {
    const auto sizes = edit_.argument(node, 1);
    if (!sizes || rank >= 64 || sizes->items.size() > rank) return std::nullopt;
    uint64_t dims = 0;
    for (size_t d = rank - sizes->items.size(); d < rank; ++d) dims |= uint64_t{1} << d;
    return dims;
  }

  // Whether what goes over `of_rows` fits the values of the other group's rows.
  bool by_rows(const Group& other, const Shape& of_rows) {
    const Dim one = module_.dims.constant(1);
    return other.dims && (of_rows == other.reduced(one, true) || of_rows == other.reduced(one, false));
  }

  bool fits(const Group& a, const Group& b) {
    if (a.dims && b.dims) return a.full == b.full && *a.dims == *b.dims;
    return a.full == b.full || by_rows(a, b.full) || by_rows(b, a.full);
  }

  // Whether the op takes values of rows only where they stand for their rows: with the folded dimensions as 1, or if
  // these are the first ones.
  bool lines_up(NodeId node, const Group& group) {
    if (!group.dims || (*group.dims & (*group.dims + 1)) == 0 || !shape(node) || *shape(node) != group.full)
      return true;
    const Shape dropped = group.reduced(module_.dims.constant(1), false);
    bool fine = true;
    module_.each_operand(node, [&](NodeId operand) {
      if (group.members.count({module_[operand].order, operand}))
        fine &= *shape(operand) != dropped || dropped == group.full;
    });
    return fine;
  }

  static Group united(Group a, const Group& b) {
    a.members.insert(b.members.begin(), b.members.end());
    if (!a.dims && b.dims) a.dims = b.dims, a.full = b.full;
    return a;
  }

  // The parts of what an op of several results gives go where it goes.
  bool joins_whole(NodeId node) {
    if (!edit_.is(node, "tuple.get")) return false;
    const auto found = group_of_.find(needs_[node].empty() ? NodeId() : needs_[node][0]);
    if (found == group_of_.end()) return false;
    groups_[found->second].members.insert({module_[node].order, node});
    group_of_[node] = found->second;
    return true;
  }

  void join(NodeId node) {
    Group group;
    if (joins_whole(node) || !alone(node, group)) return;
    std::set<size_t> taken;
    for (const NodeId operand : needs_[node])
      if (const auto found = group_of_.find(operand); found != group_of_.end()) taken.insert(found->second);
    for (const size_t other : taken) {
      if (!fits(groups_[other], group) || !lines_up(node, groups_[other])) continue;
      Group both = united(groups_[other], group);
      std::set<NodeId> together;
      for (const auto& member : both.members) together.insert(member.second);
      if (cyclic(together)) continue;
      group = std::move(both);
      groups_[other].members.clear();
    }
    groups_.push_back(std::move(group));
    for (const auto& member : groups_.back().members) group_of_[member.second] = groups_.size() - 1;
  }

  // ---- order ------------------------------------------------------------------------------------------------------

  // Groups and single nodes so that each stands after what it needs, else as they stood.
  std::vector<std::vector<NodeId>> sorted() {
    std::vector<std::vector<NodeId>> units;
    std::set<NodeId> done;
    for (const NodeId node : nodes_) place(node, done, units);
    return units;
  }

  void place(NodeId node, std::set<NodeId>& done, std::vector<std::vector<NodeId>>& units) {
    if (done.count(node)) return;
    std::vector<NodeId> unit;
    if (const auto found = group_of_.find(node); found != group_of_.end())
      for (const auto& member : groups_[found->second].members) unit.push_back(member.second);
    else
      unit.push_back(node);
    done.insert(unit.begin(), unit.end());
    for (const NodeId part : unit)
      for (const NodeId operand : needs_[part]) place(operand, done, units);
    units.push_back(std::move(unit));
  }

  int64_t ops(const std::vector<NodeId>& unit) const {
    return std::count_if(unit.begin(), unit.end(), [&](NodeId node) { return !edit_.is(node, "tuple.get"); });
  }

  // Whether anything else uses what the nodes compute.
  bool gives(const std::vector<NodeId>& unit) const {
    const std::set<NodeId> members(unit.begin(), unit.end());
    return std::any_of(unit.begin(), unit.end(), [&](NodeId node) {
      const auto& users = module_[node].users;
      return std::any_of(users.begin(), users.end(), [&](NodeId user) { return !members.count(user); });
    });
  }

  Editor& edit_;
  Module& module_;
  RegionId region_;
  bool reductions_;
  int* names_;
  std::vector<NodeId> nodes_;
  std::unordered_map<NodeId, std::vector<NodeId>> needs_;
  std::vector<Group> groups_;
  std::unordered_map<NodeId, size_t> group_of_;
};

void all_regions(Editor& edit, RegionId region, std::vector<RegionId>& found) {
  for (NodeId node = edit.module.first(region); node; node = edit.module[node].next)
    if (!edit.is(node, "fusion"))
      for (const RegionId inner : edit.module[node].regions) all_regions(edit, inner, found);
  found.push_back(region);
}

}  // namespace

int64_t group_fusions(Editor& edit, const PassOptions& options) {
  int64_t count = 0;
  for (const Function& function : std::vector<Function>(edit.module.functions())) {
    std::vector<RegionId> regions;
    all_regions(edit, function.body, regions);
    int names = fusion_names(edit, function.body);
    for (const RegionId region : regions) count += Grouper(edit, region, options.reductions, &names).run();
  }
  return count;
}

}  // namespace tw::jit
