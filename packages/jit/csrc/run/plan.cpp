#include "plan.h"

#include <algorithm>
#include <unordered_map>

#include "../kernels/fused_group.h"
#include "../passes/pass.h"
#include "plan_file.h"

namespace tw::jit {

// ---- making a plan --------------------------------------------------------------------------------------------------

class Planner {
 public:
  Planner(Program& program, RegionId region, std::string name)
      : program_(program), module_(program.module), region_(region), plan_(std::make_shared<Plan>()) {
    plan_->name_ = std::move(name);
  }

  std::shared_ptr<const Plan> plan() {
    for (NodeId node = module_.first(region_); node; node = module_[node].next)
      if (!add(node)) return nullptr;
    mark_dead();
    return plan_;
  }

  // Gives the values of the only function of a program their places in one block of memory.
  void lay_out(FunctionId function) {
    Editor edit(program_);
    const bool stated = module_.places(function);
    const MemoryPlan memory = stated ? checked_memory(edit, function) : memory_plan(edit, function);
    std::vector<Arena::Planned> planned;
    std::vector<Arena::Input> inputs;
    std::vector<Tensor> attributes;
    for (const auto& entry : program_.attributes) attributes.push_back(entry.second);
    for (NodeId node = module_.first(region_); node; node = module_[node].next) {
      if (module_.op_of(node) == "placeholder" && !expect(edit, node, inputs)) return;
      const auto place = memory.places.find(node);
      if (place != memory.places.end() && place->second.row_major) plan_values(edit, node, place->second, planned);
    }
    if (!planned.empty())
      plan_->arena_ = std::make_unique<const Arena>(plan_->slots_, memory.bytes, std::move(planned), std::move(inputs),
                                                    std::move(attributes));
  }

 private:
  using Source = Plan::Source;

  bool add(NodeId node) {
    const std::string_view op = module_.op_of(node);
    if (op == "placeholder") return parameter(node);
    if (op == "get_attr") return attribute(node);
    if (op == "tuple.get") return places_.count(node) || item(node);
    if (op == "return") return updates(node) && source(module_.item(module_[node].args, 0), "", plan_->result_);
    if (op == "yield") return yields(node);
    if (op == "fusion") return fusion(node);
    if (op == "builtin") return number(node);
    const RegistryOp* registered = registry_op(op);
    return registered && call(node, *registered);
  }

  static bool expect(Editor& edit, NodeId node, std::vector<Arena::Input>& inputs) {
    const auto sizes = edit.sizes(node);
    const auto dtype = edit.type(node).dtype;
    if (!sizes || !dtype) return false;
    inputs.push_back({*dtype, *sizes});
    return true;
  }

  // Ops that take memory for their result: those that say beforehand of which shape it is.
  void plan_values(Editor& edit, NodeId node, const MemoryPlan::Place& place, std::vector<Arena::Planned>& planned) {
    if (module_.op_of(node) == "fusion") return plan_parts(edit, node, place.offset, planned);
    const OpFacts* facts = edit.facts(node);
    if (!facts || facts->op->nrets != 1 || facts->op->composite || facts->op->view || facts->op->dynamic) return;
    if (!edit.writes(node)) plan_value(edit, node, place.offset, planned);
  }

  void plan_value(Editor& edit, NodeId node, int64_t offset, std::vector<Arena::Planned>& planned) {
    const auto sizes = edit.sizes(node);
    const auto dtype = edit.type(node).dtype;
    if (sizes && dtype) planned.push_back({places_.at(node).index, offset, *dtype, *sizes});
  }

  void plan_parts(Editor& edit, NodeId node, int64_t offset, std::vector<Arena::Planned>& planned) {
    std::vector<int64_t> offsets;
    for (const TypeId id : edit.type(node).items) {
      const Type& type = module_.types[id];
      int64_t bytes = item_size(type.dtype.value_or(kBool));
      for (const Dim dim : type.shape.value_or(std::vector<Dim>())) bytes *= module_.dims.value(dim).value_or(0);
      offsets.push_back(offset);
      offset += (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
    }
    for (const NodeId user : module_[node].users) {
      const auto k = edit.integer(module_.args(user)[1]);
      if (k && *k < static_cast<int64_t>(offsets.size()))
        plan_value(edit, user, offsets[static_cast<size_t>(*k)], planned);
    }
  }

  uint32_t new_slot() { return plan_->slots_++; }

  bool parameter(NodeId node) {
    if (module_[node].args.count) return false;  // one with a default
    plan_->parameters_.push_back(module_.names[module_[node].target]);
    places_[node] = {Source::kSlot, new_slot()};
    plan_->parameter_slots_.push_back(places_[node].index);
    return true;
  }

  bool attribute(NodeId node) {
    const auto found = program_.attributes.find(module_.names[module_[node].target]);
    if (found == program_.attributes.end()) return false;
    places_[node] = constant(to_value(static_cast<TensorRef>(found->second)));
    return true;
  }

  Source constant(const tw_value& borrowed) {
    plan_->constants_.emplace_back();
    retain_into(borrowed, &plan_->constants_.back());
    return {Source::kConstant, static_cast<uint32_t>(plan_->constants_.size() - 1)};
  }

  bool item(NodeId node) {
    Plan::Instruction instruction{};
    instruction.item = module_.constants[ConstantId(module_.item(module_[node].args, 1).index)].integer;
    instruction.args.resize(1);
    if (!source(module_.item(module_[node].args, 0), "", instruction.args[0])) return false;
    places_[node] = {Source::kSlot, new_slot()};
    instruction.results = {places_[node].index};
    plan_->instructions_.push_back(std::move(instruction));
    return true;
  }

  // A function of numbers and of sizes of tensors; those of lists and dicts are the interpreter's.
  bool number(NodeId node) {
    const TypeKind kind = module_.types[module_[node].type].kind;
    if (kind != TypeKind::kInt && kind != TypeKind::kFloat && kind != TypeKind::kBool) return false;
    Plan::Instruction instruction{};
    instruction.builtin = builtin(module_.names[module_[node].target]);
    if (!instruction.builtin) return false;
    const Arg& args = module_[node].args;
    instruction.args.resize(args.count);
    for (uint32_t i = 0; i < args.count; ++i)
      if (module_.item(args, i).kind >= ArgKind::kList || !source(module_.item(args, i), "", instruction.args[i]))
        return false;
    places_[node] = {Source::kSlot, new_slot()};
    instruction.results = {places_[node].index};
    plan_->instructions_.push_back(std::move(instruction));
    return true;
  }

  bool call(NodeId node, const RegistryOp& op) {
    Plan::Instruction instruction{};
    instruction.op = op.op;
    const Node& call = module_[node];
    if (call.args.count > op.nargs) return false;
    instruction.args.resize(call.args.count);
    for (uint32_t i = 0; i < call.args.count; ++i)
      if (!source(module_.item(call.args, i), op.arguments[i].type, instruction.args[i])) return false;
    for (uint32_t i = 0; i + 1 < call.keywords.count; i += 2)
      if (!keyword(op, module_.constants[ConstantId(module_.item(call.keywords, i).index)].text,
                   module_.item(call.keywords, i + 1), instruction))
        return false;
    if (!results(node, op, instruction)) return false;
    plan_->instructions_.push_back(std::move(instruction));
    return true;
  }

  bool yields(NodeId node) {
    const Arg& args = module_[node].args;
    Plan::List list{TW_VALUES, std::vector<Source>(args.count)};
    for (uint32_t i = 0; i < args.count; ++i)
      if (!source(module_.item(args, i), "", list.items[i])) return false;
    plan_->lists_.push_back(std::move(list));
    plan_->result_ = {Source::kList, static_cast<uint32_t>(plan_->lists_.size() - 1)};
    return true;
  }

  bool fusion(NodeId node) {
    const Arg& args = module_[node].args;
    auto region = Plan::of_fusion(program_, node);
    if (!region || region->parameters_.size() != args.count) return false;
    Plan::Instruction instruction{};
    instruction.args.resize(args.count);
    for (uint32_t i = 0; i < args.count; ++i)
      if (!source(module_.item(args, i), "", instruction.args[i])) return false;
    const auto count = static_cast<uint32_t>(region->lists_[region->result_.index].items.size());
    instruction.fused = std::make_shared<const FusedGroup>(std::move(region));
    if (!parts(node, count, instruction)) return false;
    plan_->instructions_.push_back(std::move(instruction));
    return true;
  }

  bool keyword(const RegistryOp& op, const std::string& name, const Arg& arg, Plan::Instruction& instruction) {
    if (name == "into") return targets(arg, instruction);
    const int place = op.argument(name);
    if (place != static_cast<int>(instruction.args.size())) return false;  // a gap, which the interpreter refuses
    instruction.args.emplace_back();
    return source(arg, op.arguments[static_cast<size_t>(place)].type, instruction.args.back());
  }

  bool targets(const Arg& arg, Plan::Instruction& instruction) {
    const bool several = arg.kind == ArgKind::kTuple;
    for (uint32_t k = 0; k < (several ? arg.count : 1); ++k) {
      const Arg& target = several ? module_.item(arg, k) : arg;
      Source from{};
      if (target.kind == ArgKind::kNone) continue;
      if (!source(target, "", from)) return false;
      instruction.targets.emplace_back(k, from);
    }
    return true;
  }

  // What `return` says is written into inputs and attributes: copies at the end.
  bool updates(NodeId node) {
    const Arg& keywords = module_[node].keywords;
    for (uint32_t i = 0; i + 1 < keywords.count; i += 2) {
      const bool inputs = module_.constants[ConstantId(module_.item(keywords, i).index)].text == "inputs";
      const Arg& updated = module_.item(keywords, i + 1);
      for (uint32_t k = 0; k + 1 < updated.count; k += 2)
        if (!update(inputs ? "placeholder" : "get_attr",
                    module_.constants[ConstantId(module_.item(updated, k).index)].text, module_.item(updated, k + 1)))
          return false;
    }
    return true;
  }

  bool update(std::string_view op, const std::string& name, const Arg& value) {
    const auto is_target = [&](const auto& place) {
      return module_.op_of(place.first) == op && module_.names[module_[place.first].target] == name;
    };
    const auto target = std::find_if(places_.begin(), places_.end(), is_target);
    const RegistryOp* copy = registry_op("tw::copy");
    if (target == places_.end() || !copy) return false;
    Plan::Instruction instruction{};
    instruction.op = copy->op;
    instruction.args = {target->second, {}};
    instruction.targets = {{0, target->second}};
    instruction.results = {Plan::kNowhere};
    if (!source(value, "Tensor", instruction.args[1])) return false;
    plan_->instructions_.push_back(std::move(instruction));
    return true;
  }

  bool results(NodeId node, const RegistryOp& op, Plan::Instruction& instruction) {
    if (op.nrets != 1) return parts(node, op.nrets, instruction);
    places_[node] = {Source::kSlot, new_slot()};
    instruction.results = {places_[node].index};
    return true;
  }

  // The parts of several results go straight to the nodes that take them.
  bool parts(NodeId node, uint32_t count, Plan::Instruction& instruction) {
    instruction.results.assign(count, Plan::kNowhere);
    for (const NodeId user : module_[node].users) {
      if (module_.op_of(user) != "tuple.get") return false;
      const int64_t k = module_.constants[ConstantId(module_.item(module_[user].args, 1).index)].integer;
      if (k < 0 || k >= count) return false;
      uint32_t& place = instruction.results[static_cast<size_t>(k)];
      if (place == Plan::kNowhere) place = new_slot();
      places_[user] = {Source::kSlot, place};
    }
    return true;
  }

  // ---- arguments ------------------------------------------------------------------------------------------------

  bool source(const Arg& arg, std::string_view type, Source& out) {
    switch (arg.kind) {
      case ArgKind::kNone:
        out = constant(value_none());
        return true;
      case ArgKind::kConstant:
        out = constant(constant_value(program_, ConstantId(arg.index)));
        return true;
      case ArgKind::kNode: {
        const auto found = places_.find(NodeId(arg.index));
        if (found == places_.end()) return false;
        out = found->second;
        return true;
      }
      case ArgKind::kList:
      case ArgKind::kTuple:
        return list(arg, type, out);
      default:
        return false;
    }
  }

  static uint32_t list_tag(std::string_view type) {
    if (type.rfind("Tensor", 0) == 0) return TW_TENSORS;
    if (type.rfind("int", 0) == 0) return TW_INTS;
    return type.rfind("float", 0) == 0 ? TW_FLOATS : TW_VALUES;
  }

  bool list(const Arg& arg, std::string_view type, Source& out) {
    Plan::List list{list_tag(type), std::vector<Source>(arg.count)};
    for (uint32_t i = 0; i < arg.count; ++i)
      if (!source(module_.item(arg, i), "", list.items[i])) return false;
    plan_->lists_.push_back(std::move(list));
    out = {Source::kList, static_cast<uint32_t>(plan_->lists_.size() - 1)};
    return true;
  }

  // ---- lives ----------------------------------------------------------------------------------------------------

  void touch(const Source& source, uint32_t at, std::vector<uint32_t>& last) const {
    if (source.kind == Source::kSlot) last[source.index] = at;
    if (source.kind == Source::kList)
      for (const Source& item : plan_->lists_[source.index].items) touch(item, at, last);
  }

  void mark_dead() {
    constexpr uint32_t kNever = UINT32_MAX;
    std::vector<uint32_t> last(plan_->slots_, kNever);
    const auto count = static_cast<uint32_t>(plan_->instructions_.size());
    for (uint32_t at = 0; at < count; ++at) {
      const Plan::Instruction& instruction = plan_->instructions_[at];
      for (const uint32_t place : instruction.results)
        if (place != Plan::kNowhere) last[place] = at;
      for (const Source& arg : instruction.args) touch(arg, at, last);
      for (const auto& target : instruction.targets) touch(target.second, at, last);
    }
    touch(plan_->result_, kNever, last);
    for (uint32_t slot = 0; slot < plan_->slots_; ++slot)
      if (last[slot] != kNever) plan_->instructions_[last[slot]].dead.push_back(slot);
  }

  Program& program_;
  const Module& module_;
  RegionId region_;
  std::shared_ptr<Plan> plan_;
  std::unordered_map<NodeId, Source> places_;
};

std::shared_ptr<const Plan> Plan::make(Program& program, FunctionId function) {
  const Function& f = program.module.function(function);
  Planner planner(program, f.body, program.module.names[f.name]);
  auto plan = planner.plan();
  // Laying out asks ops and adds to the module's tables: no other function may be running.
  if (plan && program.module.functions().size() == 1) planner.lay_out(function);
  return plan;
}

std::shared_ptr<const Plan> Plan::of_fusion(Program& program, NodeId fusion) {
  const RegionId region = program.module[fusion].regions.at(0);
  for (NodeId node = program.module.first(region); node; node = program.module[node].next)
    if (!program.module[node].regions.empty() || program.module.op_of(node) == "return") return nullptr;
  auto plan = Planner(program, region, "fusion").plan();
  return plan && plan->result_.kind == Source::kList ? plan : nullptr;
}

std::shared_ptr<const Plan> PlanCache::get(Program& program, FunctionId function) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(function);
  if (found != entries_.end() && found->second.edits == program.module.edits() &&
      found->second.attribute_edits == program.attribute_edits)
    return found->second.plan;
  return (entries_[function] = {program.module.edits(), program.attribute_edits, Plan::make(program, function)}).plan;
}

std::shared_ptr<const FusedGroup> PlanCache::group(Program& program, NodeId fusion) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (edits_ != program.module.edits()) groups_.clear();
  edits_ = program.module.edits();
  const auto found = groups_.find(fusion);
  if (found != groups_.end()) return found->second;
  auto region = Plan::of_fusion(program, fusion);
  return groups_[fusion] = region ? std::make_shared<const FusedGroup>(std::move(region)) : nullptr;
}

// ---- running --------------------------------------------------------------------------------------------------------

void Plan::run(const tw_value* args, uint32_t nargs, tw_value* result) const {
  if (nargs > parameters_.size())
    throw Error(TW_E_TYPE,
                name_ + ": takes " + std::to_string(parameters_.size()) + " arguments, got " + std::to_string(nargs));
  if (nargs < parameters_.size()) throw Error(TW_E_TYPE, name_ + ": missing argument '" + parameters_[nargs] + "'");
  auto frame = arena_ ? arena_->take(args, nargs) : nullptr;
  {
    File file(*this, frame.get());
    for (uint32_t k = 0; k < nargs; ++k) retain_into(args[k], &file[parameter_slots_[k]]);
    for (const Instruction& instruction : instructions_) file.run(instruction);
    retain_into(file.read(result_), result);
  }
  if (frame) arena_->give_back(std::move(frame));
}

}  // namespace tw::jit
