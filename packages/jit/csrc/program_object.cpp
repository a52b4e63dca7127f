#include "program_object.h"

#include <unordered_map>

#include "ir/registry.h"
#include "ir/text.h"
#include "ir/values.h"
#include "ir/verify.h"
#include "passes/pass.h"
#include "run/inputs.h"
#include "run/interpreter.h"
#include "trace/generalise.h"
#include "trace/trace.h"

namespace tw::jit {
namespace {

const tw_value* items_of(const tw_value& value) { return static_cast<const tw_value*>(value.u.p); }

// The arguments of one call of a method.
class MethodCall {
 public:
  MethodCall(ProgramRef ref, std::string_view method, const tw_value* args, uint32_t count, tw_value* result)
      : ref(std::move(ref)),
        program(*this->ref),
        module(program.module),
        result(result),
        method_(method),
        args_(args),
        count_(count) {}

  const tw_value& value(uint32_t k) const {
    if (k >= count_)
      throw Error(TW_E_TYPE, std::string(method_) + ": argument " + std::to_string(k + 1) + " is missing");
    return args_[k];
  }
  bool given(uint32_t k) const { return k < count_ && args_[k].tag != TW_NONE; }
  int64_t integer(uint32_t k) const {
    if (value(k).tag != TW_INT)
      throw Error(TW_E_TYPE, std::string(method_) + ": argument " + std::to_string(k + 1) + " must be an int");
    return args_[k].u.i;
  }
  std::string string(uint32_t k) const {
    if (value(k).tag != TW_STR)
      throw Error(TW_E_TYPE, std::string(method_) + ": argument " + std::to_string(k + 1) + " must be a str");
    return text_of(args_[k]);
  }
  NodeId node(uint32_t k) const {
    const int64_t id = integer(k);
    if (id < 0 || id >= module.node_count() || !module[NodeId(static_cast<uint32_t>(id))].alive)
      throw Error(TW_E_VALUE, std::string(method_) + ": there is no node " + std::to_string(id));
    return NodeId(static_cast<uint32_t>(id));
  }
  NodeId node_or_none(uint32_t k) const { return given(k) ? node(k) : NodeId(); }
  // A number, or the name of a function for its body.
  RegionId region(uint32_t k) const {
    if (value(k).tag == TW_STR) return module.function(function(k)).body;
    const int64_t number = integer(k);
    if (number < 0 || number >= module.region_count())
      throw Error(TW_E_VALUE, std::string(method_) + ": there is no region " + std::to_string(number));
    return RegionId(static_cast<uint32_t>(number));
  }
  FunctionId function(uint32_t k) const {
    const auto found = module.function_named(string(k));
    if (!found) throw Error(TW_E_VALUE, "there is no function @" + string(k));
    return *found;
  }
  // A list of marked arguments, and the keywords as a list in which names and arguments alternate.
  std::vector<ArgTree> args(uint32_t k) const {
    std::vector<ArgTree> list;
    for (uint32_t i = 0; i < value(k).aux && value(k).tag == TW_VALUES; ++i)
      list.push_back(arg_from_marked(program, static_cast<const tw_value*>(value(k).u.p)[i]));
    return list;
  }
  Keywords keywords(uint32_t k) const {
    Keywords list;
    if (!given(k)) return list;
    const auto* items = static_cast<const tw_value*>(value(k).u.p);
    for (uint32_t i = 0; i + 1 < value(k).aux; i += 2)
      list.emplace_back(text_of(items[i]), arg_from_marked(program, items[i + 1]));
    return list;
  }

  ProgramRef ref;
  Program& program;
  Module& module;
  tw_value* result;

 private:
  std::string_view method_;
  const tw_value* args_;
  uint32_t count_;
};

void give_id(tw_value* result, NodeId node) { *result = node ? to_value(int64_t{node.index}) : value_none(); }

void give_ids(tw_value* result, const std::vector<NodeId>& nodes) {
  std::vector<int64_t> ids;
  for (const NodeId node : nodes) ids.push_back(node.index);
  give(result, IntList(ids));
}

Level level_numbered(int64_t number) {
  if (number < 0 || number > static_cast<int64_t>(Level::kPlanned))
    throw Error(TW_E_VALUE, "verify: level must be 0 to 4, got " + std::to_string(number));
  return static_cast<Level>(number);
}

// ---- methods ----------------------------------------------------------------------------------------------------

void functions(MethodCall& call) {
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(call.module.functions().size()), call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  for (const Function& function : call.module.functions()) give(items++, call.module.names[function.name]);
}
void add_function(MethodCall& call) { call.module.add_function(call.string(0)); }

// (region, op, target, args, keywords, before, label, type)
void create(MethodCall& call) {
  Module& module = call.module;
  const NodeId before = call.node_or_none(5);
  const RegionId region = before ? module[before].parent : call.region(0);
  const TypeId type = call.given(7) ? parse_type(call.string(7), module) : module.types.simple(TypeKind::kObject);
  const NodeId node = module.create(region, before, module.names(call.string(1)), call.args(3), type, call.keywords(4));
  if (call.given(2)) module.set_target(node, module.names(call.string(2)));
  if (call.given(6)) module.set_label(node, module.names(call.string(6)));
  give_id(call.result, node);
}
void set_type(MethodCall& call) { call.module.set_type(call.node(0), parse_type(call.string(1), call.module)); }
// (node, file, line, column, end line, end column)
void set_location(MethodCall& call) {
  const auto number = [&](uint32_t k) { return call.given(k) ? static_cast<uint32_t>(call.integer(k)) : 0; };
  const Location place{call.string(1), number(2), number(3), number(4), number(5)};
  call.module.set_location(call.node(0), call.module.add_location(place));
}

// Regions are numbers: that of a function's body, those of a node, and a new one at a node.
void body(MethodCall& call) { give(call.result, int64_t{call.module.function(call.function(0)).body.index}); }
void add_region(MethodCall& call) { give(call.result, int64_t{call.module.add_region(call.node(0)).index}); }
void regions(MethodCall& call) {
  std::vector<int64_t> numbers;
  for (const RegionId region : call.module[call.node(0)].regions) numbers.push_back(region.index);
  give(call.result, IntList(numbers));
}
void parent(MethodCall& call) { give(call.result, int64_t{call.module[call.node(0)].parent.index}); }
void erase(MethodCall& call) { call.module.erase(call.node(0)); }
void set_args(MethodCall& call) { call.module.set_args(call.node(0), call.args(1)); }
void set_keywords(MethodCall& call) { call.module.set_keywords(call.node(0), call.keywords(1)); }
void set_op(MethodCall& call) { call.module.set_op(call.node(0), call.module.names(call.string(1))); }
void set_target(MethodCall& call) { call.module.set_target(call.node(0), call.module.names(call.string(1))); }
void set_label(MethodCall& call) { call.module.set_label(call.node(0), call.module.names(call.string(1))); }
void replace_uses(MethodCall& call) { call.module.replace_uses(call.node(0), call.node(1)); }
void replace_uses_in(MethodCall& call) { call.module.replace_uses_in(call.node(0), call.node(1), call.node(2)); }
void move_before(MethodCall& call) { call.module.move_before(call.node(0), call.node(1)); }

void node_op(MethodCall& call) { give(call.result, std::string(call.module.op_of(call.node(0)))); }
void give_name(MethodCall& call, NameId name) {
  if (name) give(call.result, call.module.names[name]);
}
void node_target(MethodCall& call) { give_name(call, call.module[call.node(0)].target); }
void node_label(MethodCall& call) { give_name(call, call.module[call.node(0)].label); }
void node_type(MethodCall& call) { give(call.result, call.module.types.text(call.module[call.node(0)].type)); }
void node_args(MethodCall& call) { give_marked(call.program, call.module[call.node(0)].args, call.result); }
void node_keywords(MethodCall& call) { give_marked(call.program, call.module[call.node(0)].keywords, call.result); }
void node_users(MethodCall& call) { give_ids(call.result, call.module[call.node(0)].users); }
void node_text(MethodCall& call) { give(call.result, print_node(call.module, call.node(0))); }
void node_alive(MethodCall& call) {
  const int64_t id = call.integer(0);
  give(call.result, id >= 0 && id < call.module.node_count() && call.module[NodeId(static_cast<uint32_t>(id))].alive);
}
// Everything a view of a node shows: (op, target, args, keywords, label).
void node_record(MethodCall& call) {
  const Node& node = call.module[call.node(0)];
  check(g_host->list_new(TW_VALUES, 5, call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  give(&items[0], call.module.names[node.op]);
  if (node.target) give(&items[1], call.module.names[node.target]);
  give_marked(call.program, node.args, &items[2]);
  give_marked(call.program, node.keywords, &items[3]);
  if (node.label) give(&items[4], call.module.names[node.label]);
}
// (node, op, target or none, args, keywords)
void rewrite(MethodCall& call) {
  const NodeId node = call.node(0);
  std::vector<ArgTree> args = call.args(3);
  Keywords keywords = call.keywords(4);
  call.module.set_op(node, call.module.names(call.string(1)));
  call.module.set_target(node, call.given(2) ? call.module.names(call.string(2)) : NameId());
  call.module.set_args(node, std::move(args));
  call.module.set_keywords(node, std::move(keywords));
}
// Also of an erased node: a loop goes on from it.
void next(MethodCall& call) { give_id(call.result, call.module.next(NodeId(static_cast<uint32_t>(call.integer(0))))); }
void previous(MethodCall& call) {
  NodeId node(static_cast<uint32_t>(call.integer(0)));
  do node = call.module[node].prev;
  while (node && !call.module[node].alive);
  give_id(call.result, node);
}
void first(MethodCall& call) { give_id(call.result, call.module.first(call.region(0))); }
void last(MethodCall& call) { give_id(call.result, call.module[call.region(0)].last); }
void before(MethodCall& call) { give(call.result, call.module.before(call.node(0), call.node(1))); }
void location(MethodCall& call) {
  const LocationId id = call.module[call.node(0)].location;
  if (!id) return;
  const Location& place = call.module[id];
  check(g_host->list_new(TW_VALUES, 2, call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  give(&items[0], place.file);
  items[1] = to_value(int64_t{place.line});
}

// What `py.call @name` calls.
void set_callable(MethodCall& call) {
  if (call.value(1).tag != TW_OBJECT) throw Error(TW_E_TYPE, "set_callable: takes an object that can be called");
  call.program.callables[call.string(0)] = ObjectRef::retain(call.value(1).u.o);
}
void callable(MethodCall& call) {
  const auto found = call.program.callables.find(call.string(0));
  if (found != call.program.callables.end()) *call.result = to_value(ObjectRef::retain(found->second.get()).release());
}

void set_attribute(MethodCall& call) {
  if (call.value(1).tag != TW_TENSOR) throw Error(TW_E_TYPE, "set_attribute: an attribute is a tensor");
  call.program.attributes[call.string(0)] = Tensor::retain(call.value(1).u.t);
  ++call.program.attribute_edits;
}
void attribute(MethodCall& call) {
  const auto found = call.program.attributes.find(call.string(0));
  if (found == call.program.attributes.end())
    throw Error(TW_E_VALUE, "the graph has no attribute '" + call.string(0) + "'");
  give(call.result, found->second);
}
void attributes(MethodCall& call) {
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(call.program.attributes.size()), call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  for (const auto& entry : call.program.attributes) give(items++, entry.first);
}

// The ops that the functions call, each once: (name, revision).
void called_ops(MethodCall& call) {
  Editor edit(call.program);
  std::map<std::string, int64_t> revisions;
  edit.each_node([&](NodeId node) {
    if (const RegistryOp* op = registry_op(call.module.op_of(node))) revisions[op->name] = op->revision;
  });
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(revisions.size()), call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  for (const auto& [name, revision] : revisions) {
    check(g_host->list_new(TW_VALUES, 2, items));
    auto* parts = static_cast<tw_value*>(items++->u.p);
    give(&parts[0], name);
    parts[1] = to_value(revision);
  }
}

void signature(MethodCall& call) { give(call.result, call.program.signature); }
void print_text(MethodCall& call) {
  give(call.result, call.given(0) ? print(call.module, call.function(0)) : print(call.module));
}
void verify_level(MethodCall& call) { verify(call.program, level_numbered(call.integer(0))); }
void run_function(MethodCall& call) {
  const tw_value& args = call.value(1);
  run(call.program, call.function(0), static_cast<const tw_value*>(args.u.p), args.tag == TW_VALUES ? args.aux : 0,
      call.result);
}

// The same for inputs that are what the types of the parameters say.
void run_checked(MethodCall& call) {
  const tw_value& args = call.value(1);
  check_inputs(call.program, call.function(0), items_of(args), args.tag == TW_VALUES ? args.aux : 0);
  run_function(call);
}
// What a run writes into beside its results: (names of inputs, paths of attributes).
void updates(MethodCall& call) {
  const Module& module = call.module;
  const Node& end = module[module[module.function(call.function(0)).body].last];
  std::vector<std::string> names[2];
  for (uint32_t i = 0; i + 1 < end.keywords.count; i += 2) {
    const bool inputs = module.constants[ConstantId(module.item(end.keywords, i).index)].text == "inputs";
    const Arg& dict = module.item(end.keywords, i + 1);
    for (uint32_t k = 0; k + 1 < dict.count; k += 2)
      names[inputs ? 0 : 1].push_back(module.constants[ConstantId(module.item(dict, k).index)].text);
  }
  check(g_host->list_new(TW_VALUES, 2, call.result));
  for (size_t side = 0; side < 2; ++side) {
    auto* list = static_cast<tw_value*>(call.result->u.p) + side;
    check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(names[side].size()), list));
    for (size_t k = 0; k < names[side].size(); ++k) give(static_cast<tw_value*>(list->u.p) + k, names[side][k]);
  }
}

// (name, check, fold attributes, bytes of a constant, nodes of an unrolled loop): how many changes it made
void run_pass_named(MethodCall& call) {
  const PassOptions options{call.integer(2) != 0, call.integer(3), call.integer(4)};
  give(call.result, run_pass(call.program, pass_named(call.string(0)), options, call.integer(1) != 0));
}
// Lists of (name, needs, keeps, gives), levels by number.
void list_passes(MethodCall& call) {
  check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(passes().size()), call.result));
  auto* items = static_cast<tw_value*>(call.result->u.p);
  for (const Pass& pass : passes()) {
    check(g_host->list_new(TW_VALUES, 4, items));
    auto* parts = static_cast<tw_value*>(items++->u.p);
    give(&parts[0], std::string(pass.name));
    parts[1] = to_value(static_cast<int64_t>(pass.needs)), parts[2] = to_value(static_cast<int64_t>(pass.keeps));
    parts[3] = to_value(static_cast<int64_t>(pass.gives));
  }
}
void plan_memory(MethodCall& call) {
  Editor edit(call.program);
  give(call.result, memory_plan(edit, call.function(0)).text);
}
// Another program with the same functions and the same tensors.
void copy_program(MethodCall& call) {
  if (!call.program.objects.empty()) throw Error(TW_E_VALUE, "a graph that refers to Python objects cannot be copied");
  auto copy = std::make_shared<Program>();
  parse(print(call.module), copy->module);
  copy->attributes = call.program.attributes;
  *call.result = to_value(object_of(std::move(copy)).release());
}
void count_nodes(MethodCall& call) {
  Editor edit(call.program);
  int64_t count = 0;
  edit.each_node([&](NodeId) { ++count; });
  give(call.result, count);
}

// (function, depth: 0 calls, 1 primitives, location, baked, ops that stay whole)
void begin(MethodCall& call) {
  std::set<std::string> whole;
  for (uint32_t k = 0; call.given(4) && k < call.value(4).aux; ++k) whole.insert(text_of(items_of(call.value(4))[k]));
  begin_trace(call.ref, call.function(0), call.integer(1) ? Depth::kPrimitives : Depth::kCalls,
              From<tw_object*>::get(call.value(2)), From<tw_object*>::get(call.value(3)), std::move(whole));
}
void input(MethodCall& call) { give_id(call.result, trace_input(From<TensorRef>::get(call.value(0)), call.string(1))); }
void bind(MethodCall& call) { trace_attribute(From<TensorRef>::get(call.value(0)), call.string(1)); }
// Ends the function with what it gives, and the trace.
void finish(MethodCall& call) {
  const ArgTree value = traced(call.value(1));
  end_trace();
  Module& module = call.module;
  module.create(module.function(call.function(0)).body, NodeId(), module.names("return"), {value},
                module.types.simple(TypeKind::kNone));
}
void abandon(MethodCall&) { end_trace(); }

// (function, symbols as lists of (name, input, dim, scale, offset), for each input a list of its sizes as text, lists
// of (program, sizes of the symbols), the first of which is this one)
void generalise_traces(MethodCall& call) {
  std::vector<SizeSymbol> symbols;
  for (uint32_t i = 0; i < call.value(1).aux; ++i) {
    const tw_value* parts = items_of(items_of(call.value(1))[i]);
    symbols.push_back({text_of(parts[0]), static_cast<uint32_t>(parts[1].u.i), static_cast<uint32_t>(parts[2].u.i),
                       parts[3].u.i, parts[4].u.i});
  }
  std::vector<std::vector<Dim>> dims(call.value(2).aux);
  for (uint32_t i = 0; i < call.value(2).aux; ++i) {
    const tw_value& sizes = items_of(call.value(2))[i];
    for (uint32_t d = 0; d < sizes.aux; ++d) dims[i].push_back(call.module.dims.parse(text_of(items_of(sizes)[d])));
  }
  std::vector<SizedTrace> traces;
  for (uint32_t k = 0; k < call.value(3).aux; ++k) {
    const tw_value* parts = items_of(items_of(call.value(3))[k]);
    traces.push_back({program_of(parts[0].u.o), {}});
    for (uint32_t s = 0; s < symbols.size(); ++s)
      traces.back().sizes.push_back(Scalar(items_of(parts[1])[s]).integer());
  }
  generalise(traces, symbols, dims, call.function(0));
}
// (name of a size, from, to or none)
void restrict_size(MethodCall& call) {
  DimRange range{call.integer(1), {}};
  if (call.given(2)) range.high = call.integer(2);
  call.module.dims.restrict_to(call.module.dims.symbol(call.string(0)), range);
}

using Method = void (*)(MethodCall&);
const std::unordered_map<std::string_view, Method>& methods() {
  static const auto* table = new std::unordered_map<std::string_view, Method>{
      {"functions", functions},
      {"add_function", add_function},
      {"create", create},
      {"erase", erase},
      {"set_args", set_args},
      {"set_keywords", set_keywords},
      {"set_op", set_op},
      {"set_target", set_target},
      {"set_label", set_label},
      {"replace_uses", replace_uses},
      {"replace_uses_in", replace_uses_in},
      {"move_before", move_before},
      {"op", node_op},
      {"target", node_target},
      {"label", node_label},
      {"type", node_type},
      {"args", node_args},
      {"keywords", node_keywords},
      {"users", node_users},
      {"node_text", node_text},
      {"alive", node_alive},
      {"next", next},
      {"previous", previous},
      {"called_ops", called_ops},
      {"signature", signature},
      {"last", last},
      {"set_type", set_type},
      {"set_location", set_location},
      {"body", body},
      {"add_region", add_region},
      {"regions", regions},
      {"parent", parent},
      {"first", first},
      {"before", before},
      {"record", node_record},
      {"rewrite", rewrite},
      {"set_callable", set_callable},
      {"callable", callable},
      {"location", location},
      {"set_attribute", set_attribute},
      {"attribute", attribute},
      {"attributes", attributes},
      {"text", print_text},
      {"verify", verify_level},
      {"pass", run_pass_named},
      {"passes", list_passes},
      {"memory_plan", plan_memory},
      {"copy", copy_program},
      {"node_count", count_nodes},
      {"run", run_function},
      {"run_checked", run_checked},
      {"updates", updates},
      {"begin_trace", begin},
      {"trace_input", input},
      {"trace_attribute", bind},
      {"finish_trace", finish},
      {"generalise", generalise_traces},
      {"restrict_size", restrict_size},
      {"abandon_trace", abandon},
  };
  return *table;
}

// ---- the object -------------------------------------------------------------------------------------------------

ProgramRef& program_in(void* payload) { return *static_cast<ProgramRef*>(payload); }
void TW_CALL destroy_program(void* payload) { delete &program_in(payload); }

tw_status TW_CALL call_program(void* payload, const tw_value* args, uint32_t nargs, tw_value* result) {
  return guard([&] {
    const std::string_view name =
        nargs && args[0].tag == TW_STR ? From<std::string_view>::get(args[0]) : std::string_view();
    const auto method = methods().find(name);
    if (method == methods().end()) throw Error(TW_E_VALUE, "a program has no method '" + std::string(name) + "'");
    MethodCall call(program_in(payload), name, args + 1, nargs - 1, result);
    method->second(call);
  });
}

const tw_object_type kProgramType = {sizeof(tw_object_type), 0,       "graph program", destroy_program,
                                     call_program,           nullptr, nullptr};

}  // namespace

ObjectRef object_of(ProgramRef program) {
  auto payload = std::make_unique<ProgramRef>(std::move(program));
  tw_object* object = nullptr;
  check(g_host->object_new(&kProgramType, payload.get(), &object));
  static_cast<void>(payload.release());
  return ObjectRef::steal(object);
}

ProgramRef program_of(tw_object* object) {
  if (!object || object->type != &kProgramType) throw Error(TW_E_TYPE, "expected a graph program");
  return program_in(object->payload);
}

}  // namespace tw::jit
