// Writes become values. Every tensor lies in the memory of a base (an input, an attribute, what an op made) and is
// reached from it by a chain of views; a write into any of them gives a new value of the base, from which what is read
// later is computed anew. What regions write leaves them as further results; what is written into inputs and attributes
// is listed at the return: return(value, inputs={"name": value}, attributes={"path": value}).
#include "functionalise.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "../ir/structure.h"
#include "infer.h"

namespace tw::jit {
namespace {

class Functionaliser : private ValuesNow {
 public:
  Functionaliser(Editor& edit, const Function& function) : ValuesNow(edit), function_(function) {}

  int64_t run() {
    if (!any_write(function_.body)) return 0;
    edit_.each_node_in(function_.body, [&](NodeId node) { edit_.by_place(node); });
    raise_attributes();
    aliasing_.learn(function_.body);
    region(function_.body);
    return writes_;
  }

 private:
  // ---- before -----------------------------------------------------------------------------------------------------

  bool any_write(RegionId region) {
    bool found = false;
    edit_.each_node_in(region, [&](NodeId node) { found |= edit_.writes(node); });
    return found;
  }

  // One get_attr for each path, where the whole function sees it.
  void raise_attributes() {
    NodeId head = module_.first(function_.body);
    while (edit_.is(head, "placeholder")) head = module_[head].next;
    edit_.each_node_in(function_.body, [&](NodeId node) {
      if (!edit_.is(node, "get_attr")) return;
      const auto [first, fresh] = attributes_.emplace(module_[node].target, node);
      if (!fresh && first->second != node) return edit_.replace(node, first->second);
      if (module_[node].parent != function_.body || module_.before(head, node)) module_.move_before(node, head);
    });
  }

  // ---- nodes ------------------------------------------------------------------------------------------------------

  void region(RegionId region) {
    for (NodeId node = module_.first(region), next; node; node = next) {
      next = module_[node].next;  // what visiting inserts before it is done already
      visit(node);
    }
  }

  void visit(NodeId node) {
    const StructuralOp* op = structural_op(module_.op_of(node));
    if (op && (op->capture_only || op->name == "call")) refuse_calls(node, *op);
    const std::vector<ArgTree> given = module_.args(node);
    if (!op || op->name != "placeholder") read_now(node);
    if (edit_.is(node, "return")) return list_updates(node);
    if (edit_.is(node, "if")) return branch(node);
    if (edit_.is(node, "for") || edit_.is(node, "while")) return loop(node, given);
    if (edit_.is(node, "tuple.get")) return item(node, NodeId(given[0].index));
    if (edit_.writes(node)) return write(node, given);
    const int aliased = edit_.facts(node) ? aliasing_.argument(node) : -1;
    if (aliased >= 0 && aliased < static_cast<int>(given.size()) &&
        given[static_cast<size_t>(aliased)].kind == ArgKind::kNode)
      view_of(node, NodeId(given[static_cast<size_t>(aliased)].index));
    else
      place(node);
    const bool opaque = op && (op->name == "builtin" || op->name == "call");
    if (aliasing_.uncertain(node) || (opaque && holds_tensors(node))) share_all(node, given);
  }

  // Whether a value is a tensor or may have one in it.
  bool holds_tensors(NodeId node) const {
    const TypeKind kind = edit_.type(node).kind;
    return kind == TypeKind::kTensor || kind == TypeKind::kObject || kind >= TypeKind::kList;
  }

  // Nothing that may lie in the memory of the value may be written from now on.
  void share_all(NodeId node, const std::vector<ArgTree>& given) {
    shared_.insert(place(node).base);
    for (const ArgTree& arg : given) share(arg);
  }
  void share(const ArgTree& arg) {
    if (arg.kind == ArgKind::kNode) shared_.insert(place(NodeId(arg.index)).base);
    for (const ArgTree& item : arg.items) share(item);
  }

  void refuse_calls(NodeId node, const StructuralOp& op) {
    if (op.capture_only) cannot_functionalise(module_, node, "a call of Python may write anything");
    const auto callee = module_.function_named(module_.names[module_[node].target]);
    if (callee && any_write(module_.function(*callee).body))
      cannot_functionalise(module_, node, "the function called writes into tensors; inline it first");
    place(node);
  }

  void item(NodeId node, NodeId from) {
    const auto k = edit_.integer(module_.args(node)[1]);
    const auto parts = parts_.find(from);
    if (parts != parts_.end() && k && parts->second.count(*k)) return lies_with(node, parts->second.at(*k));
    if (places_.count(from) && !place(from).chain.empty()) return view_of(node, from);
    place(node);
    const bool given = edit_.is(from, "placeholder") || edit_.is(from, "builtin") || edit_.is(from, "call");
    if (given || shared_.count(from)) shared_.insert(node);  // others may take the same item
  }

  // ---- writes -----------------------------------------------------------------------------------------------------

  void write(NodeId node, const std::vector<ArgTree>& given) {
    const auto into = edit_.keyword(node, "into");
    if (!into) return update_statistics(node, given);
    Keywords rest = module_.keywords(node);
    rest.erase(std::remove_if(rest.begin(), rest.end(), [](const auto& entry) { return entry.first == "into"; }),
               rest.end());
    module_.set_keywords(node, std::move(rest));
    if (into->kind == ArgKind::kNode) return write_one(node, NodeId(into->index), node);
    for (size_t k = 0; k < into->items.size(); ++k) {
      if (into->items[k].kind != ArgKind::kNode) continue;
      const NodeId target(into->items[k].index);
      const NodeId part =
          module_.create(module_[node].parent, module_[node].next, module_.names("tuple.get"),
                         {node, module_.constants.integer(static_cast<int64_t>(k))}, module_[target].type);
      write_one(part, target, node);
      parts_[node][static_cast<int64_t>(k)] = place(target);
    }
  }

  // `value`, which `node` gives, is what `target` holds from now on.
  void write_one(NodeId value, NodeId target, NodeId node) {
    const NodeId after = module_[value].next;
    const NodeId fitting = fit(value, target, after);
    const Place place = this->place(target);
    put(place, fitting, after, node);
    places_[value] = place, places_[fitting] = place;
    const std::pair<int, NodeId> latest{state_.version[place.base], fitting};
    state_.seen[target] = latest, state_.seen[value] = latest, state_.seen[fitting] = latest;
    ++writes_;
  }

  // The value in the dtype and shape of the target.
  NodeId fit(NodeId value, NodeId target, NodeId after) {
    const TypeId wanted = module_[target].type;
    if (edit_.facts(value))
      if (const auto type = infer_type(edit_, value)) module_.set_type(value, *type);
    const Type& type = edit_.type(target);
    const bool known = type.kind == TypeKind::kTensor && type.dtype && type.shape;
    const bool drawn = edit_.facts(value) && edit_.draws(value);
    if ((known && module_[value].type == wanted) || drawn || edit_.is(value, "tuple.get")) return value;
    const NodeId copy = edit_.create(after, "tw::copy", {now(target, after), value}, wanted);
    return copy;
  }

  // Where the views begin that a value is put back through at once: the last one, with what splits it; or the first
  // that may show an element in several places, of which only one is written.
  std::ptrdiff_t step_back(const std::vector<NodeId>& views) const {
    for (size_t k = 0; k + 1 < views.size(); ++k)
      if (may_show_twice(module_, views[k])) return static_cast<std::ptrdiff_t>(k);
    return static_cast<std::ptrdiff_t>(views.size()) - (edit_.is(views.back(), "tuple.get") ? 2 : 1);
  }

  void put(const Place& place, NodeId value, NodeId anchor, NodeId writer) {
    if (shared_.count(place.base))
      cannot_functionalise(module_, writer, "it cannot be told which tensors lie in the memory that it writes");
    NodeId whole = value;
    std::vector<NodeId> views = place.chain;
    while (!views.empty()) {
      const std::vector<NodeId> last(views.begin() + step_back(views), views.end());
      views.resize(views.size() - last.size());
      const NodeId before = views.empty() ? place.base : views.back();
      whole = put_back(edit_, last, now(before, anchor), whole, anchor);
      if (edit_.type(whole).kind == TypeKind::kObject) module_.set_type(whole, module_[before].type);
    }
    state_.current[place.base] = whole;
    state_.version[place.base] = ++versions_;
  }

  // Running statistics: the op normalizes by the batch's, and they move towards those.
  void update_statistics(NodeId node, const std::vector<ArgTree>& given) {
    const auto mean = edit_.argument(node, "running_mean"), var = edit_.argument(node, "running_var");
    const auto momentum = edit_.argument(node, "momentum");
    const bool known = edit_.is(node, "tw::batch_norm") || edit_.is(node, "tw::native_batch_norm");
    const ArgTree x = edit_.argument(node, 0u).value_or(ArgTree());
    size_t rank = 0;
    if (x.kind == ArgKind::kNode)
      if (const auto& shape = edit_.type(NodeId(x.index)).shape) rank = shape->size();
    if (!known || !mean || !var || !momentum || !edit_.number(*momentum) || rank == 0)
      cannot_functionalise(module_, node, "the op writes into its arguments and has no form that does not");
    std::vector<int64_t> dims;
    for (size_t d = 0; d < rank; ++d)
      if (d != 1) dims.push_back(static_cast<int64_t>(d));
    const ArgTree over = edit_.int_list(dims);
    const NodeId of_mean = edit_.create(node, "tw::mean", {x, over});
    const NodeId of_var = edit_.create(node, "tw::var", {x, over});
    const OpFacts& op = *edit_.facts(node);
    std::vector<ArgTree> args = module_.args(node);
    const auto moved = [&](const ArgTree& running, NodeId batch, const char* name) {
      const int k = op.op->argument(name);
      if (k < static_cast<int>(args.size())) args[static_cast<size_t>(k)] = ArgTree();
      if (running.kind != ArgKind::kNode) return;
      const NodeId target(k < static_cast<int>(given.size()) ? given[static_cast<size_t>(k)].index : running.index);
      const NodeId value = edit_.create(node, "tw::lerp", {running, batch, *momentum}, module_[target].type);
      const Place place = this->place(target);
      put(place, value, node, node);
      state_.seen[target] = {state_.version[place.base], value};
      ++writes_;
    };
    moved(*mean, of_mean, "running_mean"), moved(*var, of_var, "running_var");
    module_.set_args(node, std::move(args));
    place(node);
  }

  // ---- the end ----------------------------------------------------------------------------------------------------

  void list_updates(NodeId node) {
    ArgTree inputs(ArgKind::kDict, {}), attributes(ArgKind::kDict, {});
    for (NodeId base = module_.first(function_.body); base; base = module_[base].next) {
      const bool input = edit_.is(base, "placeholder");
      if (!input && !edit_.is(base, "get_attr")) continue;
      if (!places_.count(base) || !state_.version[place(base).base]) continue;
      ArgTree& list = input ? inputs : attributes;
      list.items.emplace_back(module_.constants.string(module_.names[module_[base].target]));
      list.items.emplace_back(state_.current[base]);
    }
    Keywords keywords;
    if (!inputs.items.empty()) keywords.emplace_back("inputs", inputs);
    if (!attributes.items.empty()) keywords.emplace_back("attributes", attributes);
    if (!keywords.empty()) module_.set_keywords(node, std::move(keywords));
  }

  // ---- regions ----------------------------------------------------------------------------------------------------

  // Bases from outside that a region wrote, in the order in which they were made.
  std::vector<NodeId> written_since(const State& before) const {
    std::vector<NodeId> bases;
    for (const auto& [base, version] : state_.version)
      if (const auto then = before.version.find(base); then != before.version.end() && then->second != version)
        bases.push_back(base);
    std::sort(bases.begin(), bases.end());
    return bases;
  }

  // Runs through a region and returns what it left behind; the state is as before.
  State through(RegionId region) {
    const State before = state_;
    this->region(region);
    for (const NodeId base : written_since(before)) touched_.insert(base);
    State after = std::move(state_);
    state_ = before;
    return after;
  }

  void add_results(NodeId node, const std::vector<NodeId>& bases) {
    std::vector<TypeId> items = edit_.type(node).items;
    const size_t own = items.size();
    for (const NodeId base : bases) items.push_back(module_[base].type);
    module_.set_type(node, module_.types.list(TypeKind::kTuple, items));
    for (size_t k = 0; k < bases.size(); ++k) {
      const NodeId result =
          module_.create(module_[node].parent, module_[node].next, module_.names("tuple.get"),
                         {node, module_.constants.integer(static_cast<int64_t>(own + k))}, module_[bases[k]].type);
      state_.current[bases[k]] = result;
      state_.version[bases[k]] = ++versions_;
      places_[result] = Place{bases[k], {}};
    }
  }

  void yield_bases(RegionId region, const State& at_end, const std::vector<NodeId>& bases) {
    std::vector<ArgTree> args = module_.args(module_[region].last);
    for (const NodeId base : bases) {
      const auto version = at_end.version.find(base);
      args.emplace_back(version->second ? at_end.current.at(base) : base);
    }
    module_.set_args(module_[region].last, std::move(args));
  }

  void branch(NodeId node) {
    const std::vector<RegionId> regions = module_[node].regions;
    std::vector<std::vector<ArgTree>> yields;
    for (const RegionId region : regions) yields.push_back(module_.args(module_[region].last));
    const std::set<NodeId> outer = std::exchange(touched_, {});
    const State then = through(regions[0]), other = through(regions[1]);
    std::vector<NodeId> bases;
    std::copy_if(touched_.begin(), touched_.end(), std::back_inserter(bases),
                 [&](NodeId base) { return module_.dominates(base, node); });
    touched_.insert(outer.begin(), outer.end());
    if (!bases.empty()) {
      yield_bases(regions[0], then, bases), yield_bases(regions[1], other, bases);
      add_results(node, bases);
    }
    for (size_t k = 0; k < yields[0].size(); ++k) result_place(node, k, yields[0][k], yields[1][k]);
  }

  // Where a result of an `if` lies: where both sides' do, or in memory of which nothing may be written any more.
  void result_place(NodeId node, size_t k, const ArgTree& a, const ArgTree& b) {
    const Place* first = outside(node, a);
    const Place* second = outside(node, b);
    if (!first && !second) return;
    const auto number = static_cast<int64_t>(k);
    if (first && second && first->base == second->base && first->chain == second->chain) {
      parts_[node][number] = *first;
      return;
    }
    for (const Place* side : {first, second})
      if (side) shared_.insert(side->base);
    share_part(node, k);
  }

  // The place of a value that a region yields, if it is memory from outside of it, reached from outside.
  const Place* outside(NodeId node, const ArgTree& arg) {
    if (arg.kind != ArgKind::kNode) return nullptr;
    const auto found = places_.find(NodeId(arg.index));
    if (found == places_.end() || !module_.dominates(found->second.base, node)) return nullptr;
    return &found->second;
  }

  // ---- loops ------------------------------------------------------------------------------------------------------

  void loop(NodeId node, const std::vector<ArgTree>& given) {
    const size_t first = edit_.is(node, "for") ? 1 : 0;
    const std::vector<RegionId> regions = module_[node].regions;
    const RegionId body = regions.back();
    const std::vector<ArgTree> yields = module_.args(module_[body].last);
    for (const RegionId region : regions) bind_parameters(region, given, first, yields);
    const std::vector<NodeId> bases = written_in(regions, node);
    const State before = state_;
    add_carried(node, bases);
    for (const RegionId region : regions) {
      state_ = before;
      enter(region, bases);
      const State entry = state_;
      this->region(region);
      if (region != body && !written_since(entry).empty())
        cannot_functionalise(module_, node, "the condition of a loop writes into a tensor");
      for (const NodeId base : written_since(entry))
        if (std::find(bases.begin(), bases.end(), base) == bases.end())
          cannot_functionalise(module_, node, "what the loop writes cannot be told before it runs");
      if (region == body) yield_bases(body, state_, bases);
    }
    for (const NodeId base : bases) touched_.insert(base);
    state_ = before;
    if (!bases.empty()) add_results(node, bases);
    for (size_t k = 0; k < yields.size(); ++k) {
      const bool same = same_tensor(yields[k], parameter(body, k + first));
      if (same && given[k + first].kind == ArgKind::kNode)
        parts_[node][static_cast<int64_t>(k)] = place_of(given[k + first]);
      else
        share_carried(node, k, given, yields[k], bases);
    }
  }

  // A result of a loop may be what it was given, where it does not run, or what its body yields from elsewhere.
  void share_carried(NodeId node, size_t k, const std::vector<ArgTree>& given, const ArgTree& yielded,
                     const std::vector<NodeId>& written) {
    const size_t first = given.size() - module_[module_[module_[node].regions.back()].last].args.count + written.size();
    std::set<NodeId> sources;
    const auto add = [&](const ArgTree& arg) {
      if (arg.kind == ArgKind::kNode && !of_loop_alone(NodeId(arg.index), node)) sources.insert(place_of(arg).base);
    };
    add(given[k + first]);
    if (yielded.kind == ArgKind::kNode && holds_tensors(NodeId(yielded.index))) {
      const NodeId base = place(NodeId(yielded.index)).base;
      if (module_.dominates(base, node)) sources.insert(base);
      if (edit_.is(base, "placeholder") && module_[module_[base].parent].owner == node)
        std::for_each(given.begin(), given.end(), add);
    }
    for (const NodeId base : sources) {
      if (std::find(written.begin(), written.end(), base) != written.end())
        cannot_functionalise(module_, node, "a tensor that the loop writes is carried on under another name");
      shared_.insert(base);
    }
    if (!sources.empty()) share_part(node, k);
  }

  // Whether nothing but the loop sees a value that it is given.
  bool of_loop_alone(NodeId value, NodeId loop) {
    const auto& users = module_[value].users;
    return !holds_tensors(value) || (edit_.fresh(value) && users.size() == 1 && users[0] == loop);
  }

  void share_part(NodeId node, size_t k) {
    for (const NodeId user : module_[node].users)
      if (edit_.is(user, "tuple.get") && edit_.integer(module_.args(user)[1]) == static_cast<int64_t>(k))
        shared_.insert(user);
  }

  Place place_of(const ArgTree& arg) { return place(NodeId(arg.index)); }

  NodeId parameter(RegionId region, size_t k) const {
    NodeId node = module_.first(region);
    while (k-- && node) node = module_[node].next;
    return node;
  }

  // Whether a value is the tensor itself that `node` is: only written into, not replaced by another.
  bool same_tensor(const ArgTree& arg, NodeId node) {
    if (arg.kind != ArgKind::kNode) return false;
    if (NodeId(arg.index) == node) return edit_.type(node).kind == TypeKind::kTensor;
    const auto into = originals_.find(NodeId(arg.index));
    return into != originals_.end() && same_tensor(into->second, node);
  }

  // A parameter that the loop carries on as the same tensor is the loop's argument; another has memory of its own.
  void bind_parameters(RegionId region, const std::vector<ArgTree>& given, size_t first,
                       const std::vector<ArgTree>& yields) {
    edit_.each_node_in(region, [&](NodeId node) {
      if (const auto into = edit_.keyword(node, "into"); into && into->kind == ArgKind::kNode) originals_[node] = *into;
    });
    const RegionId body = module_[module_[region].owner].regions.back();
    for (size_t k = 0; k < yields.size(); ++k) {
      const NodeId parameter = this->parameter(region, k + first);
      if (given[k + first].kind == ArgKind::kNode && same_tensor(yields[k], this->parameter(body, k + first)))
        aliases_[parameter] = NodeId(given[k + first].index), places_[parameter] = place_of(given[k + first]);
    }
  }

  // The base that a target inside of a loop has, followed without running through the loop.
  NodeId static_base(NodeId value, NodeId loop) {
    while (true) {
      if (const auto same = aliases_.find(value); same != aliases_.end()) return place(same->second).base;
      if (const auto found = places_.find(value); found != places_.end()) return found->second.base;
      if (edit_.is(value, "placeholder"))
        cannot_functionalise(module_, loop, "a value that the loop carries on as another tensor is written into");
      if (const auto into = edit_.keyword(value, "into"); into && into->kind == ArgKind::kNode) {
        value = NodeId(into->index);
        continue;
      }
      const int from = edit_.facts(value) ? aliasing_.argument(value) : edit_.is(value, "tuple.get") ? 0 : -1;
      if (from < 0) return value;
      value = NodeId(module_.args(value)[static_cast<size_t>(from)].index);
    }
  }

  // Bases from outside that the regions of a loop write.
  std::vector<NodeId> written_in(const std::vector<RegionId>& regions, NodeId loop) {
    std::set<NodeId> bases;
    const auto target = [&](const ArgTree& arg) {
      if (arg.kind != ArgKind::kNode) return;
      const NodeId base = static_base(NodeId(arg.index), loop);
      if (module_.dominates(base, loop)) bases.insert(base);
    };
    for (const RegionId region : regions)
      edit_.each_node_in(region, [&](NodeId node) {
        if (!edit_.writes(node)) return;
        const auto into = edit_.keyword(node, "into");
        if (into && into->kind != ArgKind::kNode) std::for_each(into->items.begin(), into->items.end(), target);
        if (into) return target(*into);
        const OpFacts& op = *edit_.facts(node);
        for (uint32_t k = 0; k < op.op->nargs; ++k)
          if (const auto arg = edit_.argument(node, k); arg && op.written[k]) target(*arg);
      });
    return {bases.begin(), bases.end()};
  }

  void add_carried(NodeId node, const std::vector<NodeId>& bases) {
    std::vector<ArgTree> args = module_.args(node);
    for (const NodeId base : bases) args.emplace_back(now(base, node));
    module_.set_args(node, std::move(args));
  }

  // The written bases are further parameters of the region.
  void enter(RegionId region, const std::vector<NodeId>& bases) {
    NodeId after = module_.first(region);
    while (after && edit_.is(after, "placeholder")) after = module_[after].next;
    for (const NodeId base : bases) {
      const NodeId parameter = module_.create(region, after, module_.names("placeholder"), {}, module_[base].type);
      const NameId name = module_.names("written" + std::to_string(parameters_++));
      module_.set_target(parameter, name), module_.set_label(parameter, name);
      places_[parameter] = Place{base, {}};
      state_.current[base] = parameter;
      state_.version[base] = ++versions_;
    }
  }

  Function function_;
  std::unordered_map<NodeId, std::map<int64_t, Place>> parts_;  // of what gives several values: where they lie
  std::unordered_map<NameId, NodeId> attributes_;
  std::unordered_map<NodeId, NodeId> aliases_;     // parameters of loops that stand for one tensor of outside
  std::unordered_map<NodeId, ArgTree> originals_;  // what nodes in loops wrote into, before it was taken from them
  std::set<NodeId> touched_;                       // bases written in the regions gone through
  std::set<NodeId> shared_;                        // bases in which it is not known what else lies
  int versions_ = 0, parameters_ = 0;
  int64_t writes_ = 0;
};

}  // namespace

int64_t functionalise_function(Editor& edit, FunctionId function) {
  const Function copy = edit.module.function(function);
  return Functionaliser(edit, copy).run();
}

int64_t functionalise(Editor& edit, const PassOptions&) {
  int64_t count = 0;
  for (uint32_t i = 0; i < edit.module.functions().size(); ++i) count += functionalise_function(edit, FunctionId(i));
  return count;
}

}  // namespace tw::jit
