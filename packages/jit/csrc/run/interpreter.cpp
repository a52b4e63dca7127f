#include "interpreter.h"

#include <unordered_map>

#include "../builtin/table.h"
#include "../ir/text.h"
#include "../ir/values.h"
#include "../kernels/fused_group.h"
#include "call.h"
#include "plan.h"
#include "specialise.h"

namespace tw::jit {
namespace {

constexpr int kDeepestCall = 200;

// The class of the exception decides the code; one without a code is named in front of the message.
[[noreturn]] void stop(const std::string& message, const std::string& exception) {
  constexpr std::pair<std::string_view, tw_status> kCodes[] = {
      {"", TW_E_UNKNOWN},          {"RuntimeError", TW_E_UNKNOWN}, {"ValueError", TW_E_VALUE},
      {"TypeError", TW_E_TYPE},    {"IndexError", TW_E_INDEX},     {"NotImplementedError", TW_E_UNSUPPORTED},
      {"MemoryError", TW_E_NOMEM},
  };
  for (const auto& [name, code] : kCodes)
    if (name == exception) throw Error(code, message);
  raise_named(exception.c_str(), message);
}

class Frame {
 public:
  Frame(Program& program, const Frame* caller)
      : program_(program), module_(program.module), depth_(caller ? caller->depth_ + 1 : 0) {
    if (depth_ > kDeepestCall) throw Error(TW_E_UNKNOWN, "functions of the graph call each other more than 200 deep");
  }

  Shared call(FunctionId function, const std::vector<Shared>& args) {
    const Function& callee = module_.function(function);
    return body(callee.body, args, module_.names[callee.name]);
  }

 private:
  // ---- regions ------------------------------------------------------------------------------------------------

  Shared body(RegionId region, const std::vector<Shared>& args, const std::string& name) {
    size_t given = 0;
    for (NodeId node = module_.first(region); node; node = module_[node].next) {
      const std::string_view op = module_.op_of(node);
      if (op == "placeholder") {
        place(node, parameter(node, args, given++, name));
      } else if (op == "return") {
        if (given < args.size())
          throw Error(TW_E_TYPE,
                      name + ": takes " + std::to_string(given) + " arguments, got " + std::to_string(args.size()));
        update(region, node);
        return shared_argument(module_.item(module_[node].args, 0));
      } else {
        run(node);
      }
    }
    throw Error(TW_E_VALUE, name + ": the function does not end with return");
  }

  // What the function writes into its inputs and into attributes.
  void update(RegionId body, NodeId node) {
    const Arg& keywords = module_[node].keywords;
    static const OpHandle copy("tw::copy");
    for (uint32_t i = 0; i + 1 < keywords.count; i += 2) {
      const bool inputs = module_.constants[ConstantId(module_.item(keywords, i).index)].text == "inputs";
      const Arg& dict = module_.item(keywords, i + 1);
      for (uint32_t k = 0; k + 1 < dict.count; k += 2) {
        const std::string& name = module_.constants[ConstantId(module_.item(dict, k).index)].text;
        const Shared target = inputs ? input(body, name) : attribute(name);
        copy.call_into({target->get(), shared_argument(module_.item(dict, k + 1))->get()}, target->get().u.t);
      }
    }
  }

  Shared input(RegionId body, const std::string& name) {
    for (NodeId node = module_.first(body); node; node = module_[node].next)
      if (module_.op_of(node) == "placeholder" && module_.names[module_[node].target] == name)
        return values_.at(node.index);
    throw Error(TW_E_VALUE, "the graph has no input '" + name + "'");
  }

  Shared parameter(NodeId node, const std::vector<Shared>& args, size_t k, const std::string& name) {
    if (k < args.size()) return args[k];
    if (module_[node].args.count) return shared_argument(module_.item(module_[node].args, 0));
    throw Error(TW_E_TYPE, name + ": missing argument '" + module_.names[module_[node].target] + "'");
  }

  // A nested region: what it yields.
  std::vector<Shared> inner(RegionId region, const std::vector<Shared>& args) {
    size_t given = 0;
    for (NodeId node = module_.first(region); node; node = module_[node].next) {
      const std::string_view op = module_.op_of(node);
      if (op == "placeholder" && given < args.size()) {
        place(node, args[given++]);
      } else if (op == "yield") {
        std::vector<Shared> results;
        for (uint32_t i = 0; i < module_[node].args.count; ++i)
          results.push_back(shared_argument(module_.item(module_[node].args, i)));
        return results;
      } else {
        run(node);
      }
    }
    throw Error(TW_E_VALUE, "a region of the graph does not end with yield");
  }

  // ---- nodes --------------------------------------------------------------------------------------------------

  void place(NodeId node, Shared value) { values_[node.index] = std::move(value); }

  void run(NodeId id) {
    check(g_host->poll());
    execute(id);
    module_.each_operand(id, [&](NodeId operand) {
      if (dies_at(operand, id)) values_.erase(operand.index);
    });
  }

  // Whether this is the last use of a value. One that a nested region uses lives as long as its own region runs.
  bool dies_at(NodeId value, NodeId user) const {
    if (module_.op_of(value) == "placeholder") return false;  // the caller holds it, and may see it written
    for (const NodeId other : module_[value].users)
      if (module_[other].parent != module_[value].parent || module_.before(user, other)) return false;
    return module_[user].parent == module_[value].parent;
  }

  void execute(NodeId id) {
    const std::string_view op = module_.op_of(id);
    if (const RegistryOp* registered = registry_op(op)) return place(id, call_op(id, *registered));
    const Node& node = module_[id];
    if (op == "get_attr") {
      place(id, attribute(module_.names[node.target]));
    } else if (op == "tuple.get") {
      place(id, item(shared_argument(module_.item(node.args, 0))->get(), module_.item(node.args, 1)));
    } else if (op == "if") {
      const bool taken = truth(shared_argument(module_.item(node.args, 0))->get());
      place(id, tuple(inner(node.regions[taken ? 0 : 1], {})));
    } else if (op == "while") {
      place(id, tuple(run_while(node)));
    } else if (op == "for") {
      place(id, tuple(run_for(node)));
    } else if (op == "fusion") {
      place(id, fused(id));
    } else if (op == "call") {
      const auto callee = module_.function_named(module_.names[node.target]);
      if (!callee) throw Error(TW_E_VALUE, "the graph has no function @" + module_.names[node.target]);
      place(id, Frame(program_, this).call(*callee, list(node.args, 0)));
    } else if (op == "assert") {
      if (!truth(shared_argument(module_.item(node.args, 0))->get()))
        stop(text_of(shared_argument(module_.item(node.args, 1))->get()),
             node.args.count > 2 ? text_of(shared_argument(module_.item(node.args, 2))->get()) : "");
    } else if (op == "builtin" || op == "effect") {
      place(id, call_builtin(node));
    } else if (op == "py.call" && calls_kept_object(node)) {
      place(id, call_python(node));
    } else {
      throw Error(TW_E_UNSUPPORTED,
                  "'" + std::string(op) + "' calls Python and cannot run here, in\n  " + print_node(module_, id));
    }
  }

  // By a kernel, where it is a group of its own.
  Shared fused(NodeId id) {
    const Node& node = module_[id];
    const std::vector<Shared> args = list(node.args, 0);
    const auto group = program_.plans.group(program_, id);
    if (!group) return tuple(inner(node.regions[0], args));
    std::vector<tw_value> plain;
    for (const Shared& arg : args) plain.push_back(arg->get());
    auto results = std::make_shared<Value>();
    check(g_host->list_new(TW_VALUES, module_[module_[node.regions[0]].last].args.count, &*results));
    group->run(plain, static_cast<tw_value*>((*results)->u.p));
    return results;
  }

  Shared call_builtin(const Node& node) {
    const Builtin* found = builtin(module_.names[node.target]);
    if (!found) throw Error(TW_E_VALUE, "the graph has no builtin @" + module_.names[node.target]);
    return found->run(list(node.args, 0));
  }

  // A py.call whose first argument is the function itself.
  bool calls_kept_object(const Node& node) const {
    if (!node.args.count) return false;
    const Arg& first = module_.item(node.args, 0);
    return first.kind == ArgKind::kConstant && module_.constants[ConstantId(first.index)].kind == ConstantKind::kObject;
  }

  Shared call_python(const Node& node) {
    const std::vector<Shared> args = list(node.args, 0);
    std::vector<tw_value> plain(args.size(), value_none());
    std::deque<Value> held(args.size());
    for (size_t i = 1; i < args.size(); ++i) freeze_into(args[i]->get(), &held[i]), plain[i] = held[i].get();
    auto result = std::make_shared<Value>();
    call_object(args[0]->get().u.o, Span<tw_value>(plain.data() + 1, plain.size() - 1), *result);
    return thawed(module_.types, node.type, result);
  }

  Shared attribute(const std::string& path) {
    const auto found = program_.attributes.find(path);
    if (found == program_.attributes.end()) throw Error(TW_E_VALUE, "the graph has no attribute '" + path + "'");
    auto value = std::make_shared<Value>();
    give(&*value, found->second);
    return value;
  }

  std::vector<Shared> run_while(const Node& node) {
    std::vector<Shared> carried = list(node.args, 0);
    while (truth(inner(node.regions[0], carried).at(0)->get())) carried = inner(node.regions[1], carried);
    return carried;
  }

  std::vector<Shared> run_for(const Node& node) {
    std::vector<Shared> carried = list(node.args, 1);
    const int64_t count = Scalar(shared_argument(module_.item(node.args, 0))->get()).integer();
    for (int64_t i = 0; i < count; ++i) {
      auto number = std::make_shared<Value>();
      *&*number = to_value(i);
      carried.insert(carried.begin(), number);
      carried = inner(node.regions[0], carried);
    }
    return carried;
  }

  // ---- arguments ----------------------------------------------------------------------------------------------

  std::vector<Shared> list(const Arg& group, uint32_t from) {
    std::vector<Shared> values;
    for (uint32_t i = from; i < group.count; ++i) values.push_back(shared_argument(module_.item(group, i)));
    return values;
  }

  Shared tuple(const std::vector<Shared>& items) {
    auto value = std::make_shared<Value>();
    check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(items.size()), &*value));
    for (size_t i = 0; i < items.size(); ++i) retain_into(items[i]->get(), static_cast<tw_value*>((*value)->u.p) + i);
    return value;
  }

  Shared item(const tw_value& from, const Arg& position) {
    const int64_t k = module_.constants[ConstantId(position.index)].integer;
    if (const ListObject* list = list_in(from))
      return list->items[static_cast<size_t>(checked_index(k, list->items.size(), "list"))];
    if (k < 0 || k >= from.aux)
      throw Error(TW_E_INDEX,
                  "tuple.get: position " + std::to_string(k) + " of " + std::to_string(from.aux) + " items");
    auto value = std::make_shared<Value>();
    if (from.tag == TW_TENSORS)
      give(&*value, Tensor::retain(static_cast<tw_tensor**>(from.u.p)[k]));
    else if (from.tag == TW_INTS)
      *&*value = to_value(static_cast<int64_t*>(from.u.p)[k]);
    else if (from.tag == TW_VALUES)
      retain_into(static_cast<tw_value*>(from.u.p)[k], &*value);
    else
      throw Error(TW_E_TYPE, "tuple.get: the value is neither a tuple nor a list");
    return value;
  }

  Shared shared_argument(const Arg& arg) {
    if (arg.kind == ArgKind::kNode) {
      const Shared& value = values_[arg.index];
      if (!value) throw Error(TW_E_VALUE, "a value of the graph is used before it is made");
      return value;
    }
    auto value = std::make_shared<Value>();
    if (arg.kind == ArgKind::kConstant) {
      retain_into(constant_value(program_, ConstantId(arg.index)), &*value);
    } else if (arg.kind >= ArgKind::kList) {
      check(g_host->list_new(TW_VALUES, arg.count, &*value));
      for (uint32_t i = 0; i < arg.count; ++i)
        retain_into(shared_argument(module_.item(arg, i))->get(), static_cast<tw_value*>((*value)->u.p) + i);
    }
    return value;
  }

  Shared call_op(NodeId id, const RegistryOp& op);

  Program& program_;
  const Module& module_;
  int depth_;
  std::unordered_map<uint32_t, Shared> values_;
};

Shared Frame::call_op(NodeId id, const RegistryOp& op) {
  const Node& node = module_[id];
  CallArguments args(op);
  CallResults results(op.nrets);
  for (uint32_t i = 0; i < node.args.count && i < op.nargs; ++i)
    args.set(i, shared_argument(module_.item(node.args, i)));
  std::vector<Shared> targets;
  for (uint32_t i = 0; i + 1 < node.keywords.count; i += 2) {
    const std::string& name = module_.constants[ConstantId(module_.item(node.keywords, i).index)].text;
    const Shared value = shared_argument(module_.item(node.keywords, i + 1));
    if (name != "into") {
      const int place = op.argument(name);
      if (place < 0) throw Error(TW_E_TYPE, op.name + ": there is no argument '" + name + "'");
      args.set(static_cast<uint32_t>(place), value);
      continue;
    }
    targets.push_back(value);
    const tw_value& target = value->get();
    if (target.tag != TW_VALUES) results.preset(0, target);
    for (uint32_t k = 0; target.tag == TW_VALUES && k < target.aux; ++k)
      results.preset(k, static_cast<const tw_value*>(target.u.p)[k]);
  }
  results.call(op.op, args.data(), args.count());
  return results.take();
}

}  // namespace

void run(Program& program, FunctionId function, const tw_value* args, uint32_t nargs, tw_value* result) {
  if (!program.specialised)
    if (const auto faster = program.for_arguments->get(program, function, args, nargs)) {
      const auto same = faster->module.function_named(program.module.names[program.module.function(function).name]);
      if (same) return run(*faster, *same, args, nargs, result);
    }
  if (const auto plan = program.plans.get(program, function)) return plan->run(args, nargs, result);
  const Module& module = program.module;
  NodeId parameter = module.first(module.function(function).body);
  std::vector<Shared> given;
  for (uint32_t i = 0; i < nargs; ++i) {
    given.push_back(std::make_shared<Value>());
    retain_into(args[i], &*given.back());
    if (!parameter || module.op_of(parameter) != "placeholder") continue;
    given.back() = thawed(module.types, module[parameter].type, given.back());
    parameter = module.next(parameter);
  }
  const LayerScope as_it_was = LayerScope::without(0);  // a script that fails inside of a `with` leaves its switch set
  freeze_into(Frame(program, nullptr).call(function, given)->get(), result);
}

}  // namespace tw::jit
