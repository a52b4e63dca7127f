#include "module.h"

#include <algorithm>

namespace tw::jit {
namespace {

constexpr uint64_t kSpacing = uint64_t{1} << 32;  // between the orders of neighbours: 32 insertions at one place

}  // namespace

// ---- functions ------------------------------------------------------------------------------------------------------

FunctionId Module::add_function(std::string_view name) {
  if (function_named(name)) throw Error(TW_E_VALUE, "the module has a function @" + std::string(name) + " already");
  const RegionId body(static_cast<uint32_t>(regions_.size()));
  regions_.push_back({});
  functions_.push_back({names(name), body});
  return FunctionId(static_cast<uint32_t>(functions_.size() - 1));
}

void Module::drop_function(FunctionId function) {
  if (function.index + 1 != functions_.size()) throw Error(TW_E_VALUE, "only the last function can be dropped");
  const RegionId body = functions_.back().body;
  while (regions_[body.index].last) erase(regions_[body.index].last);
  functions_.pop_back();
}

std::optional<FunctionId> Module::function_named(std::string_view name) const {
  for (uint32_t i = 0; i < functions_.size(); ++i)
    if (names[functions_[i].name] == name) return FunctionId(i);
  return std::nullopt;
}

// ---- arguments ------------------------------------------------------------------------------------------------------

void Module::check_operands(const ArgTree& tree) const {
  if (tree.kind == ArgKind::kNode && (tree.index >= nodes_.size() || !nodes_[tree.index].alive))
    throw Error(TW_E_VALUE, "an argument is a node that was erased, or of another module");
  for (const ArgTree& item : tree.items) check_operands(item);
}

Arg Module::store_group(ArgKind kind, const std::vector<ArgTree>& items) {
  std::vector<Arg> stored;
  stored.reserve(items.size());
  for (const ArgTree& item : items) stored.push_back(store(item));
  const auto place = static_cast<uint32_t>(args_.size());
  args_.insert(args_.end(), stored.begin(), stored.end());
  return {kind, static_cast<uint32_t>(items.size()), place};
}

Arg Module::store(const ArgTree& tree) {
  if (tree.kind < ArgKind::kList) return {tree.kind, 0, tree.index};
  return store_group(tree.kind, tree.items);
}

Arg Module::store_keywords(const Keywords& keywords) {
  std::vector<ArgTree> flat;
  for (const auto& [name, value] : keywords) flat.push_back(constants.string(name)), flat.push_back(value);
  return store_group(ArgKind::kList, flat);
}

ArgTree Module::tree(const Arg& arg) const {
  ArgTree result;
  result.kind = arg.kind;
  if (arg.kind < ArgKind::kList) {
    result.index = arg.index;
    return result;
  }
  for (uint32_t i = 0; i < arg.count; ++i) result.items.push_back(tree(item(arg, i)));
  return result;
}

std::vector<ArgTree> Module::args(NodeId node) const { return tree(nodes_[node.index].args).items; }

Keywords Module::keywords(NodeId node) const {
  const Arg& stored = nodes_[node.index].keywords;
  Keywords result;
  for (uint32_t i = 0; i + 1 < stored.count; i += 2)
    result.emplace_back(constants[ConstantId(item(stored, i).index)].text, tree(item(stored, i + 1)));
  return result;
}

// ---- uses -----------------------------------------------------------------------------------------------------------

void Module::use(NodeId user) {
  each_operand(user, [&](NodeId operand) {
    std::vector<NodeId>& users = at(operand).users;
    if (users.empty() || (users.back() != user && std::find(users.begin(), users.end(), user) == users.end()))
      users.push_back(user);
  });
}

void Module::unuse(NodeId user) {
  each_operand(user, [&](NodeId operand) {
    std::vector<NodeId>& users = at(operand).users;
    users.erase(std::remove(users.begin(), users.end(), user), users.end());
  });
}

bool Module::uses(NodeId user, NodeId value) const {
  bool found = false;
  each_operand(user, [&](NodeId operand) { found |= operand == value; });
  return found;
}

void Module::replace_in(const Arg& arg, NodeId from, NodeId to) {
  for (uint32_t i = 0; i < arg.count; ++i) {
    Arg& entry = args_[arg.index + i];
    if (entry.kind == ArgKind::kNode && NodeId(entry.index) == from)
      entry.index = to.index;
    else if (entry.kind >= ArgKind::kList)
      replace_in(entry, from, to);
  }
}

void Module::replace_uses_in(NodeId user, NodeId from, NodeId to) {
  if (!uses(user, from)) return;
  unuse(user);
  replace_in(at(user).args, from, to), replace_in(at(user).keywords, from, to);
  use(user);
}

void Module::replace_uses(NodeId from, NodeId to) {
  if (from == to) return;
  const std::vector<NodeId> users = at(from).users;
  for (const NodeId user : users)
    if (user != to) replace_uses_in(user, from, to);
}

void Module::set_args(NodeId node, std::vector<ArgTree> args) {
  for (const ArgTree& arg : args) check_operands(arg);
  unuse(node);
  at(node).args = store_group(ArgKind::kList, args);
  use(node);
}

void Module::set_keywords(NodeId node, Keywords keywords) {
  for (const auto& entry : keywords) check_operands(entry.second);
  unuse(node);
  at(node).keywords = store_keywords(keywords);
  use(node);
}

// ---- the list of a region -------------------------------------------------------------------------------------------

void Module::renumber(RegionId region) {
  uint64_t order = 0;
  for (NodeId node = regions_[region.index].first; node; node = at(node).next) at(node).order = order += kSpacing;
}

void Module::link(NodeId id, RegionId region, NodeId before) {
  Region& list = regions_[region.index];
  Node& node = at(id);
  node.parent = region;
  node.next = before;
  node.prev = before ? at(before).prev : list.last;
  (node.prev ? at(node.prev).next : list.first) = id;
  (before ? at(before).prev : list.last) = id;
  const uint64_t low = node.prev ? at(node.prev).order : 0;
  if (!before) {
    node.order = low + kSpacing;
  } else if (const uint64_t high = at(before).order; high - low >= 2) {
    node.order = low + (high - low) / 2;
  } else {
    renumber(region);
  }
}

void Module::unlink(NodeId id) {
  const Node& node = at(id);
  Region& list = regions_[node.parent.index];
  (node.prev ? at(node.prev).next : list.first) = node.next;
  (node.next ? at(node.next).prev : list.last) = node.prev;
}

NodeId Module::create(RegionId region, NodeId before, NameId op, std::vector<ArgTree> args, TypeId type,
                      Keywords keywords) {
  for (const ArgTree& arg : args) check_operands(arg);
  for (const auto& entry : keywords) check_operands(entry.second);
  if (before && at(before).parent != region) throw Error(TW_E_VALUE, "a node is to stand before one of another region");
  const NodeId id(static_cast<uint32_t>(nodes_.size()));
  nodes_.emplace_back();
  Node& node = nodes_.back();
  node.op = op, node.type = type;
  node.args = store_group(ArgKind::kList, args);
  node.keywords = store_keywords(keywords);
  link(id, region, before);
  use(id);
  return id;
}

RegionId Module::add_region(NodeId owner) {
  const RegionId id(static_cast<uint32_t>(regions_.size()));
  regions_.push_back({owner, NodeId(), NodeId()});
  at(owner).regions.push_back(id);
  return id;
}

void Module::erase(NodeId id) {
  Node& node = at(id);
  if (!node.alive) return;
  if (!node.users.empty()) throw Error(TW_E_VALUE, "a node that others use cannot be erased");
  for (const RegionId region : node.regions)
    while (regions_[region.index].last) erase(regions_[region.index].last);
  unuse(id);
  unlink(id);
  node.alive = false;
}

void Module::move_before(NodeId node, NodeId anchor) {
  if (node == anchor) return;
  for (NodeId outer = anchor; outer; outer = regions_[at(outer).parent.index].owner)
    if (outer == node) throw Error(TW_E_VALUE, "a node cannot be moved into a region of its own");
  unlink(node);
  link(node, at(anchor).parent, anchor);
}

// An erased node keeps its links of then: going back along them ends at a living one, or at the head of the region.
NodeId Module::next(NodeId id) const {
  if (nodes_[id.index].alive) return nodes_[id.index].next;
  const RegionId region = nodes_[id.index].parent;
  NodeId back = nodes_[id.index].prev;
  while (back && !nodes_[back.index].alive) back = nodes_[back.index].prev;
  return back ? nodes_[back.index].next : regions_[region.index].first;
}

bool Module::dominates(NodeId a, NodeId b) const {
  const RegionId region = nodes_[a.index].parent;
  for (NodeId at = b; at; at = regions_[nodes_[at.index].parent.index].owner)
    if (nodes_[at.index].parent == region) return at != a && before(a, at);
  return false;
}

void Module::plan(FunctionId function, Places places) {
  if (planned_at_ != edits_) plans_.clear();
  planned_at_ = edits_;
  plans_[function] = std::move(places);
}

const Places* Module::places(FunctionId function) const {
  const auto found = plans_.find(function);
  return found == plans_.end() || planned_at_ != edits_ ? nullptr : &found->second;
}

std::optional<int64_t> Module::offset(NodeId node) const {
  if (planned_at_ != edits_) return std::nullopt;
  for (const auto& [function, places] : plans_)
    if (const auto found = places.offsets.find(node); found != places.offsets.end()) return found->second;
  return std::nullopt;
}

LocationId Module::add_location(const Location& l) {
  return locations_.intern(key_of(l.line, l.column, l.end_line, l.end_column) + l.file, [&] { return l; });
}

}  // namespace tw::jit
