#include "editor.h"

#include <algorithm>

#include "../ir/structure.h"
#include "infer.h"

namespace tw::jit {

bool same_argument(const ArgTree& a, const ArgTree& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  if (a.kind < ArgKind::kList) return a.kind == ArgKind::kNone || a.index == b.index;
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), same_argument);
}

// ---- reading --------------------------------------------------------------------------------------------------------

const OpFacts* Editor::facts(NodeId node) {
  const NameId op = module[node].op;
  if (const auto found = facts_.find(op); found != facts_.end()) return found->second;
  return facts_.emplace(op, op_facts(module.names[op])).first->second;
}

std::optional<std::vector<int64_t>> Editor::sizes(NodeId node) const {
  const Type& type = this->type(node);
  if (type.kind != TypeKind::kTensor || !type.shape) return std::nullopt;
  std::vector<int64_t> values;
  for (const Dim dim : *type.shape) {
    const auto value = module.dims.value(dim);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<ArgTree> Editor::keyword(NodeId node, std::string_view name) const {
  const Arg& stored = module[node].keywords;
  for (uint32_t i = 0; i + 1 < stored.count; i += 2)
    if (module.constants[ConstantId(module.item(stored, i).index)].text == name)
      return module.tree(module.item(stored, i + 1));
  return std::nullopt;
}

std::optional<ArgTree> Editor::argument(NodeId node, uint32_t k) {
  const Arg& args = module[node].args;
  if (k < args.count) return module.tree(module.item(args, k));
  const OpFacts* op = facts(node);
  if (!op || k >= op->op->nargs) return std::nullopt;
  if (const auto given = keyword(node, op->op->arguments[k].name)) return given;
  if (k >= op->defaults.size() || op->defaults[k].empty()) return std::nullopt;
  return default_argument(module, op->defaults[k]);
}

std::optional<ArgTree> Editor::argument(NodeId node, std::string_view name) {
  const OpFacts* op = facts(node);
  const int place = op ? op->op->argument(name) : -1;
  return place < 0 ? std::nullopt : argument(node, static_cast<uint32_t>(place));
}

const Constant* Editor::constant(const ArgTree& arg) const {
  return arg.kind == ArgKind::kConstant ? &module.constants[ConstantId(arg.index)] : nullptr;
}

std::optional<int64_t> Editor::integer(const ArgTree& arg) const {
  const Constant* c = constant(arg);
  return c && c->kind == ConstantKind::kInt ? std::optional(c->integer) : std::nullopt;
}

std::optional<double> Editor::number(const ArgTree& arg) const {
  const Constant* c = constant(arg);
  if (!c) return std::nullopt;
  if (c->kind == ConstantKind::kFloat) return c->real;
  if (c->kind == ConstantKind::kInt || c->kind == ConstantKind::kBool) return static_cast<double>(c->integer);
  return std::nullopt;
}

std::optional<std::vector<int64_t>> Editor::integers(const ArgTree& arg) const {
  if (arg.kind != ArgKind::kList && arg.kind != ArgKind::kTuple) return std::nullopt;
  std::vector<int64_t> values;
  for (const ArgTree& item : arg.items) {
    const auto value = integer(item);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

ArgTree Editor::int_list(const std::vector<int64_t>& values) const {
  ArgTree list(ArgKind::kList, {});
  for (const int64_t value : values) list.items.emplace_back(module.constants.integer(value));
  return list;
}

// ---- effects --------------------------------------------------------------------------------------------------------

// Whether one of these arguments is the constant False or 0.
bool Editor::off(NodeId node, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const auto arg = argument(node, name); arg && number(*arg) == 0.0) return true;
  return false;
}

bool Editor::writes(NodeId node) {
  if (keyword(node, "into")) return true;
  const OpFacts* op = facts(node);
  if (!op) return false;
  for (uint32_t k = 0; k < op->op->nargs; ++k) {
    if (!op->written[k]) continue;
    const auto arg = argument(node, k);
    // Running statistics are written in training only.
    if (arg && arg->kind != ArgKind::kNone && !off(node, {"training", "use_input_stats"})) return true;
  }
  return false;
}

bool Editor::draws(NodeId node) {
  const OpFacts* op = facts(node);
  return op && op->op->random && !off(node, {"training", "train", "dropout_p"});
}

bool Editor::region_pure(RegionId region) {
  for (NodeId node = module.first(region); node; node = module[node].next) {
    const StructuralOp* op = structural_op(module.op_of(node));
    const bool frame = op && (op->name == "placeholder" || op->ends_region);
    if (frame ? module[node].keywords.count != 0 : !pure(node)) return false;
  }
  return true;
}

// Lists and dicts have an identity, and may change between two looks at them.
bool Editor::changeable(TypeId type) const {
  switch (module.types[type].kind) {
    case TypeKind::kList:
    case TypeKind::kDict:
    case TypeKind::kTuple:
    case TypeKind::kOptional:
    case TypeKind::kObject:
      return true;
    default:
      return false;
  }
}

bool Editor::timeless(NodeId node) const {
  bool any = changeable(module[node].type);
  module.each_operand(node, [&](NodeId operand) { any |= changeable(module[operand].type); });
  return !any;
}

bool Editor::pure(NodeId node) {
  if (facts(node)) return !writes(node) && !draws(node);
  const StructuralOp* op = structural_op(module.op_of(node));
  if (op && op->name == "call") {
    const NameId target = module[node].target;
    const auto callee = module.function_named(module.names[target]);
    if (!callee) return false;
    const auto [known, first] = pure_calls_.emplace(target, false);  // one that calls itself may not end
    if (first) pure_calls_[target] = region_pure(module.function(*callee).body);
    return pure_calls_[target];
  }
  if (!op || op->effect || (op->name == "builtin" && !timeless(node))) return false;
  const auto& regions = module[node].regions;
  return std::all_of(regions.begin(), regions.end(), [&](RegionId region) { return region_pure(region); });
}

bool Editor::fresh(NodeId node) {
  if (is(node, "fusion")) return true;
  const OpFacts* op = facts(node);
  return op && !op->op->view && !op->op->composite && !writes(node);
}

bool Editor::escapes(NodeId node) {
  for (const NodeId user : module[node].users)
    if (!fresh(user) && (structural_op(module.op_of(user)) || escapes(user))) return true;
  return false;
}

// ---- changing -------------------------------------------------------------------------------------------------------

NodeId Editor::create(NodeId anchor, std::string_view op, std::vector<ArgTree> args, std::optional<TypeId> type) {
  const TypeId given = type.value_or(module.types.simple(TypeKind::kObject));
  const NodeId node = module.create(module[anchor].parent, anchor, module.names(op), std::move(args), given);
  if (module[anchor].location) module.set_location(node, module[anchor].location);
  if (!type)
    if (const auto inferred = infer_type(*this, node)) module.set_type(node, *inferred);
  return node;
}

NodeId Editor::create_in(RegionId region, std::string_view op, std::vector<ArgTree> args, TypeId type) {
  return module.create(region, NodeId(), module.names(op), std::move(args), type);
}

// Whether every argument up to the last that is not at its default can be written by place.
bool Editor::placed(NodeId node, std::vector<ArgTree>& args) {
  const OpFacts& op = *facts(node);
  for (uint32_t k = 0; k < op.op->nargs; ++k) {
    const auto arg = argument(node, k);
    if (!arg) return false;
    args.push_back(*arg);
  }
  for (size_t k = args.size(); k && k <= op.defaults.size() && !op.defaults[k - 1].empty(); --k) {
    if (!same_argument(args[k - 1], default_argument(module, op.defaults[k - 1]))) break;
    args.pop_back();
  }
  return true;
}

bool Editor::by_place(NodeId node) {
  std::vector<ArgTree> args;
  if (!facts(node) || !placed(node, args)) return false;
  Keywords kept;
  if (const auto into = keyword(node, "into")) kept.emplace_back("into", *into);
  if (args.size() == module[node].args.count && kept.size() * 2 == module[node].keywords.count) return false;
  module.set_args(node, std::move(args));
  module.set_keywords(node, std::move(kept));
  return true;
}

void Editor::replace(NodeId node, NodeId value) {
  module.replace_uses(node, value);
  module.erase(node);
}

ArgTree Editor::mapped(ArgTree arg, const std::unordered_map<NodeId, ArgTree>& values) const {
  if (arg.kind == ArgKind::kNode) {
    const auto found = values.find(NodeId(arg.index));
    return found == values.end() ? arg : found->second;
  }
  for (ArgTree& item : arg.items) item = mapped(std::move(item), values);
  return arg;
}

namespace {

// A copy of one node with its regions, before `anchor` or at the end of `into`.
NodeId copy_node(Editor& edit, NodeId node, RegionId into, NodeId anchor, std::unordered_map<NodeId, ArgTree>& values) {
  Module& module = edit.module;
  std::vector<ArgTree> args = module.args(node);
  for (ArgTree& arg : args) arg = edit.mapped(std::move(arg), values);
  Keywords keywords = module.keywords(node);
  for (auto& entry : keywords) entry.second = edit.mapped(std::move(entry.second), values);
  const Node from = module[node];
  const NodeId copy = module.create(into, anchor, from.op, std::move(args), from.type, std::move(keywords));
  if (from.target) module.set_target(copy, from.target);
  if (from.label) module.set_label(copy, from.label);
  if (from.location) module.set_location(copy, from.location);
  for (const RegionId region : from.regions) {
    const RegionId inner = module.add_region(copy);
    for (NodeId n = module.first(region); n; n = module[n].next)
      values[n] = copy_node(edit, n, inner, NodeId(), values);
  }
  return copy;
}

}  // namespace

void Editor::substitute(NodeId node, const ArgTree& value) {
  if (value.kind == ArgKind::kNode) return replace(node, NodeId(value.index));
  const std::unordered_map<NodeId, ArgTree> values{{node, value}};
  for (const NodeId user : std::vector<NodeId>(module[node].users)) {
    if (is(user, "tuple.get") && value.kind >= ArgKind::kList) {
      const auto k = integer(module.args(user)[1]);
      if (!k || *k < 0 || *k >= static_cast<int64_t>(value.items.size()))
        throw Error(TW_E_INDEX, "tuple.get: there is no such item among what a region gives");
      substitute(user, value.items[static_cast<size_t>(*k)]);
      continue;
    }
    std::vector<ArgTree> args = module.args(user);
    for (ArgTree& arg : args) arg = mapped(std::move(arg), values);
    Keywords keywords = module.keywords(user);
    for (auto& entry : keywords) entry.second = mapped(std::move(entry.second), values);
    module.set_args(user, std::move(args)), module.set_keywords(user, std::move(keywords));
  }
  module.erase(node);
}

std::vector<ArgTree> Editor::copy_body(RegionId region, NodeId anchor, std::unordered_map<NodeId, ArgTree>& values) {
  for (NodeId node = module.first(region); node; node = module[node].next) {
    if (is(node, "placeholder")) continue;
    if (node == module[region].last) break;
    values[node] = copy_node(*this, node, module[anchor].parent, anchor, values);
  }
  std::vector<ArgTree> results = module.args(module[region].last);
  for (ArgTree& result : results) result = mapped(std::move(result), values);
  return results;
}

}  // namespace tw::jit
