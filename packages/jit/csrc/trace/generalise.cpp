#include "generalise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "../passes/fit.h"
#include "../passes/infer.h"

namespace tw::jit {
namespace {

class Generaliser {
 public:
  Generaliser(const std::vector<SizedTrace>& traces, const std::vector<SizeSymbol>& symbols, FunctionId function)
      : traces_(traces), module_(traces[0].program->module), symbols_(symbols), samples_(traces.size()) {
    for (const SizedTrace& trace : traces) list(trace.program->module, function);
    for (size_t s = 0; s < symbols.size(); ++s) {
      named_.push_back(module_.dims.symbol(symbols[s].name));
      for (size_t k = 0; k < traces.size(); ++k) samples_[k][named_[s]] = traces[k].sizes[s];
    }
  }

  void run(const std::vector<std::vector<Dim>>& dims) {
    same_calls();
    Editor edit(*traces_[0].program);
    for (const NodeId id : lists_[0]) by_values_.push_back(depends_on_values(edit, id));
    const size_t inputs = dims.size();
    for (size_t i = 0; i < inputs; ++i) {
      Type type = module_.types[module_[node(0, i)].type];
      type.shape = dims[i];
      module_.set_type(node(0, i), module_.types.intern(type));
    }
    for (size_t i = inputs; i < lists_[0].size(); ++i) generalise(i);
  }

 private:
  struct Values {  // one argument in all traces
    std::vector<ArgTree> trees;
  };

  // ---- the traces side by side ----------------------------------------------------------------------------------

  void list(const Module& module, FunctionId function) {
    auto& nodes = lists_.emplace_back();
    auto& places = places_.emplace_back();
    for (NodeId id = module.first(module.function(function).body); id; id = module.next(id)) {
      places[id] = nodes.size();
      nodes.push_back(id);
    }
  }
  NodeId node(size_t trace, size_t i) const { return lists_[trace][i]; }
  const Module& module(size_t trace) const { return traces_[trace].program->module; }

  void same_calls() const {
    for (size_t k = 1; k < traces_.size(); ++k)
      for (size_t i = 0; i < std::max(lists_[0].size(), lists_[k].size()); ++i)
        if (i >= lists_[0].size() || i >= lists_[k].size() || !same_call(k, i)) throw_different(k, i);
  }
  bool same_call(size_t k, size_t i) const {
    const Module &a = module(0), &b = module(k);
    const NodeId x = node(0, i), y = node(k, i);
    const auto target = [](const Module& m, NodeId id) { return m[id].target ? m.names[m[id].target] : std::string(); };
    return a.op_of(x) == b.op_of(y) && target(a, x) == target(b, y) && a[x].args.count == b[y].args.count &&
           a[x].keywords.count == b[y].keywords.count;
  }

  std::string sizes_text(size_t k) const {
    std::string text;
    for (size_t s = 0; s < symbols_.size(); ++s)
      text += (s ? ", " : "") + symbols_[s].name + " = " + std::to_string(traces_[k].sizes[s]);
    return text;
  }
  std::string place_text(size_t k, size_t i) const {
    if (i >= lists_[k].size()) return "it ends";
    const Module& m = module(k);
    const LocationId place = m[node(k, i)].location;
    const std::string at = place ? m[place].file + ":" + std::to_string(m[place].line) + ": " : "";
    return at + std::string(m.op_of(node(k, i)));
  }
  [[noreturn]] void throw_different(size_t k, size_t i) const {
    throw Error(TW_E_VALUE, "which ops run depends on sizes: for " + sizes_text(0) + " call number " +
                                std::to_string(i) + " is " + place_text(0, i) + ", for " + sizes_text(k) + " it is " +
                                place_text(k, i) + "; a branch or loop of Python there depends on a size");
  }
  [[noreturn]] void throw_value(size_t i, const std::string& what, size_t k, const ArgTree& a, const ArgTree& b) const {
    const auto text = [&](size_t trace, const ArgTree& arg) {
      return arg.kind == ArgKind::kConstant ? module(trace).constants.text(ConstantId(arg.index)) : "another value";
    };
    throw Error(TW_E_VALUE, place_text(0, i) + ": an argument depends on sizes in a way that " + what + ": it is " +
                                text(0, a) + " for " + sizes_text(0) + " and " + text(k, b) + " for " + sizes_text(k));
  }

  // ---- one call ---------------------------------------------------------------------------------------------------

  void generalise(size_t i) {
    const NodeId id = node(0, i);
    if (module_.op_of(id) == "get_attr") same_attribute(i);
    module_.set_args(id, arguments(i));
    module_.set_keywords(id, keywords(i));
    if (module_.op_of(id) == "tuple.get") return take_part(id);
    std::vector<TypeId> types;
    for (size_t k = 0; k < traces_.size(); ++k) types.push_back(module(k)[node(k, i)].type);
    module_.set_type(id, type(i, types));
    note_sources(id);
  }

  void take_part(NodeId id) {
    const std::vector<ArgTree> args = module_.args(id);
    const Type& whole = module_.types[module_[NodeId(args[0].index)].type];
    module_.set_type(id, whole.items[static_cast<size_t>(module_.constants[ConstantId(args[1].index)].integer)]);
    note_sources(id);
  }

  // A tensor that Python made in every trace anew is a constant only if it is always the same.
  void same_attribute(size_t i) const {
    const std::string& path = module_.names[module_[node(0, i)].target];
    const Tensor& first = traces_[0].program->attributes.at(path);
    for (size_t k = 1; k < traces_.size(); ++k) {
      const Tensor& other = traces_[k].program->attributes.at(path);
      if (other.get() != first.get() && !equal(first, other))
        throw Error(TW_E_VALUE, "a tensor that is no input depends on sizes: @" + path + " for " + sizes_text(0) +
                                    " is another one for " + sizes_text(k) +
                                    "; make it with ops of tensors (arange, full, ...) instead of Python's numbers");
    }
  }
  static bool equal(TensorRef a, TensorRef b) {
    if (a.dtype() != b.dtype() || a.shape().vec() != b.shape().vec()) return false;
    static const OpHandle contiguous("tw::contiguous");
    const Tensor x = contiguous.call({to_value(a), value_none()}), y = contiguous.call({to_value(b), value_none()});
    const size_t bytes = static_cast<size_t>(x.numel()) * static_cast<size_t>(item_size(x.dtype()));
    return bytes == 0 || std::memcmp(x.data<void>(), y.data<void>(), bytes) == 0;
  }

  std::vector<ArgTree> arguments(size_t i) {
    std::vector<std::vector<ArgTree>> all;
    for (size_t k = 0; k < traces_.size(); ++k) all.push_back(module(k).args(node(k, i)));
    std::vector<ArgTree> result;
    for (size_t a = 0; a < all[0].size(); ++a) {
      Values values;
      for (const auto& args : all) values.trees.push_back(args[a]);
      result.push_back(argument(i, values));
    }
    return result;
  }
  Keywords keywords(size_t i) {
    std::vector<Keywords> all;
    for (size_t k = 0; k < traces_.size(); ++k) all.push_back(module(k).keywords(node(k, i)));
    Keywords result = all[0];
    for (size_t a = 0; a < result.size(); ++a) {
      Values values;
      for (const auto& list : all) values.trees.push_back(list[a].second);
      result[a].second = argument(i, values);
    }
    return result;
  }

  ArgTree argument(size_t i, const Values& values) {
    ArgTree first = values.trees[0];
    for (size_t k = 1; k < values.trees.size(); ++k)
      if (values.trees[k].kind != first.kind || values.trees[k].items.size() != first.items.size())
        throw_value(i, "is no arithmetic", k, first, values.trees[k]);
    if (first.kind == ArgKind::kNode) return same_node(i, values);
    if (first.kind == ArgKind::kConstant) return constant(i, values);
    for (size_t item = 0; item < first.items.size(); ++item) {
      Values parts;
      for (const ArgTree& tree : values.trees) parts.trees.push_back(tree.items[item]);
      first.items[item] = argument(i, parts);
    }
    return first;
  }

  ArgTree same_node(size_t i, const Values& values) const {
    const size_t place = places_[0].at(NodeId(values.trees[0].index));
    for (size_t k = 1; k < values.trees.size(); ++k)
      if (places_[k].at(NodeId(values.trees[k].index)) != place) throw_different(k, i);
    return values.trees[0];
  }

  const Constant& constant_of(size_t k, const ArgTree& tree) const {
    return module(k).constants[ConstantId(tree.index)];
  }

  ArgTree constant(size_t i, const Values& values) {
    const std::string text = module_.constants.text(ConstantId(values.trees[0].index));
    size_t other = 0;
    for (size_t k = 1; k < values.trees.size() && !other; ++k)
      if (module(k).constants.text(ConstantId(values.trees[k].index)) != text) other = k;
    if (!other) return values.trees[0];
    std::optional<NodeId> found;
    const ConstantKind kind = constant_of(0, values.trees[0]).kind;
    if (kind == ConstantKind::kInt) found = integer(i, values);
    if (kind == ConstantKind::kFloat) found = real(i, values);
    if (!found)
      throw_value(i,
                  kind == ConstantKind::kInt || kind == ConstantKind::kFloat ? "no simple expression gives"
                                                                             : "is no arithmetic",
                  other, values.trees[0], values.trees[other]);
    return *found;
  }

  // ---- numbers ----------------------------------------------------------------------------------------------------

  // The sizes that a number at a call is likely made of: its operands', then the inputs', then others.
  std::vector<Dim> blocks(size_t i) const {
    std::vector<Dim> found;
    const auto add = [&](Dim dim) {
      if (!module_.dims.value(dim) && std::find(found.begin(), found.end(), dim) == found.end()) found.push_back(dim);
    };
    module_.each_operand(node(0, i), [&](NodeId operand) {
      const Type& type = module_.types[module_[operand].type];
      if (type.kind == TypeKind::kTensor && type.shape)
        for (const Dim dim : *type.shape) add(dim);
    });
    for (const Dim symbol : named_) add(symbol);
    for (const Dim symbol : unknowns_) add(symbol);
    return found;
  }

  std::optional<NodeId> integer(size_t i, const Values& values) {
    std::vector<int64_t> numbers;
    for (size_t k = 0; k < values.trees.size(); ++k) {
      const Constant& c = constant_of(k, values.trees[k]);
      if (c.kind != ConstantKind::kInt) return std::nullopt;
      numbers.push_back(c.integer);
    }
    const auto dim = Fit(module_.dims, blocks(i), samples_).find(numbers);
    if (!dim) return std::nullopt;
    unambiguous(i, *dim, numbers);
    return node_for(*dim, node(0, i));
  }

  // A size that depends on values may have been, in all recordings, what an expression over other sizes gives.
  void unambiguous(size_t i, Dim found, const std::vector<int64_t>& numbers) const {
    const std::vector<Dim> used = module_.dims.symbols(found);
    for (const Dim symbol : unknowns_)
      if (std::find(used.begin(), used.end(), symbol) == used.end() &&
          Fit(module_.dims, {symbol}, samples_).find(numbers))
        throw Error(TW_E_VALUE, place_text(0, i) + ": a number is " + module_.dims.text(found) +
                                    " or a size that depends on values; give an example in which they differ");
  }

  // Floats that models make of sizes, as Python computes them.
  std::optional<NodeId> real(size_t i, const Values& values) {
    std::vector<double> numbers;
    for (size_t k = 0; k < values.trees.size(); ++k) {
      const Constant& c = constant_of(k, values.trees[k]);
      if (c.kind != ConstantKind::kFloat) return std::nullopt;
      numbers.push_back(c.real);
    }
    const NodeId anchor = node(0, i);
    for (const Dim x : blocks(i)) {
      std::vector<double> sizes;
      for (const SymbolValues& sample : samples_)
        sizes.push_back(static_cast<double>(module_.dims.evaluate(x, sample)));
      const auto is = [&](auto&& f) {
        for (size_t k = 0; k < numbers.size(); ++k)
          if (f(sizes[k]) != numbers[k]) return false;
        return true;
      };
      const auto size = [&] { return ArgTree(node_for(x, anchor)); };
      const auto number = [&](double value) { return ArgTree(module_.constants.real(value)); };
      const double times = numbers[0] * sizes[0], over = numbers[0] / sizes[0];
      if (is([](double s) { return s; })) return builtin("float", {size()}, anchor, TypeKind::kFloat);
      if (is([](double s) { return std::sqrt(s); })) return builtin("math.sqrt", {size()}, anchor, TypeKind::kFloat);
      if (is([](double s) { return std::log(s); })) return builtin("math.log", {size()}, anchor, TypeKind::kFloat);
      for (const double power : {-0.5, 0.5, -1.0})
        if (is([&](double s) { return std::pow(s, power); }))
          return builtin("pow", {size(), number(power)}, anchor, TypeKind::kFloat);
      if (is([](double s) { return 1 / std::sqrt(s); }))
        return builtin("div", {number(1), builtin("math.sqrt", {size()}, anchor, TypeKind::kFloat)}, anchor,
                       TypeKind::kFloat);
      if (is([&](double s) { return times / s; }))
        return builtin("div", {number(times), size()}, anchor, TypeKind::kFloat);
      if (is([&](double s) { return over * s; }))
        return builtin("mul", {number(over), size()}, anchor, TypeKind::kFloat);
    }
    return std::nullopt;
  }

  // ---- numbers as nodes -------------------------------------------------------------------------------------------

  NodeId builtin(std::string_view name, std::vector<ArgTree> args, NodeId before, TypeKind type) {
    const NodeId id = module_.create(module_[before].parent, before, module_.names("builtin"), std::move(args),
                                     module_.types.simple(type));
    module_.set_target(id, module_.names(name));
    if (module_[before].location) module_.set_location(id, module_[before].location);
    return id;
  }
  NodeId integer_builtin(std::string_view name, std::vector<ArgTree> args, NodeId before) {
    return builtin(name, std::move(args), before, TypeKind::kInt);
  }
  ArgTree literal(int64_t value) { return module_.constants.integer(value); }

  // What the calls before `anchor` computed, or new nodes there.
  NodeId node_for(Dim dim, NodeId anchor) {
    if (const auto found = numbers_.find(dim); found != numbers_.end()) return found->second;
    struct Nodes {
      Generaliser& to;
      NodeId anchor;
      ArgTree number(int64_t value) { return to.literal(value); }
      ArgTree symbol(Dim s) { return to.symbol_node(s, anchor); }
      ArgTree combine(DimOp op, const ArgTree& left, const ArgTree& right) {
        static constexpr const char* kNames[] = {"", "floordiv", "mod", "min", "max", "add", "mul"};
        return to.integer_builtin(kNames[static_cast<size_t>(op)], {left, right}, anchor);
      }
    };
    const NodeId id(module_.dims.fold(dim, Nodes{*this, anchor}).index);
    numbers_.emplace(dim, id);
    return id;
  }

  NodeId symbol_node(Dim symbol, NodeId anchor) {
    if (const auto found = numbers_.find(symbol); found != numbers_.end()) return found->second;
    const auto named = std::find(named_.begin(), named_.end(), symbol);
    NodeId id;
    if (named != named_.end()) {
      const SizeSymbol& from = symbols_[static_cast<size_t>(named - named_.begin())];
      id = integer_builtin("size", {node(0, from.input), literal(from.dim)}, anchor);
      if (from.offset) id = integer_builtin("sub", {id, literal(from.offset)}, anchor);
      if (from.scale != 1) id = integer_builtin("floordiv", {id, literal(from.scale)}, anchor);
    } else {
      const auto& [source, dim] = sources_.at(symbol);
      id = integer_builtin("size", {source, literal(dim)}, anchor);
    }
    numbers_.emplace(symbol, id);
    return id;
  }

  // ---- types ------------------------------------------------------------------------------------------------------

  TypeId type(size_t i, const std::vector<TypeId>& ids) {
    const Type first = module_.types[ids[0]];
    std::vector<const Type*> all;
    for (size_t k = 0; k < ids.size(); ++k) {
      all.push_back(&module(k).types[ids[k]]);
      if (all[k]->kind != first.kind || all[k]->items.size() != first.items.size()) throw_different(k, i);
    }
    Type result = first;
    for (size_t item = 0; item < first.items.size(); ++item) {
      std::vector<TypeId> parts;
      for (const Type* each : all) parts.push_back(each->items[item]);
      result.items[item] = type(i, parts);
    }
    if (first.kind == TypeKind::kTensor && first.shape) result.shape = shape(i, all);
    return module_.types.intern(result);
  }

  std::vector<Dim> shape(size_t i, const std::vector<const Type*>& types) {
    std::vector<std::vector<int64_t>> sizes;  // by dimension, in all traces
    for (size_t k = 0; k < types.size(); ++k) {
      const std::vector<Dim> seen = types[k]->shape.value_or(std::vector<Dim>());
      if (k == 0) sizes.resize(seen.size());
      if (seen.size() != sizes.size()) throw_different(k, i);
      for (size_t d = 0; d < seen.size(); ++d) sizes[d].push_back(module(k).dims.value(seen[d]).value_or(0));
    }
    std::vector<Dim> result;
    for (const auto& values : sizes) {
      const auto found = by_values_[i] ? std::nullopt : Fit(module_.dims, blocks(i), samples_).find(values);
      result.push_back(found ? *found : unknown(values));
    }
    return result;
  }

  // A size that depends on values: a symbol of its own.
  Dim unknown(const std::vector<int64_t>& sizes) {
    const Dim symbol = module_.dims.symbol("u" + std::to_string(unknowns_.size()));
    unknowns_.push_back(symbol);
    for (size_t k = 0; k < sizes.size(); ++k) samples_[k][symbol] = sizes[k];
    return symbol;
  }

  void note_sources(NodeId id) {
    const Type& type = module_.types[module_[id].type];
    if (type.kind != TypeKind::kTensor || !type.shape) return;
    for (size_t d = 0; d < type.shape->size(); ++d) sources_.emplace((*type.shape)[d], std::pair(id, d));
  }

  const std::vector<SizedTrace>& traces_;
  Module& module_;
  const std::vector<SizeSymbol>& symbols_;
  std::vector<Dim> named_;
  std::vector<SymbolValues> samples_;
  std::vector<std::vector<NodeId>> lists_;
  std::vector<std::unordered_map<NodeId, size_t>> places_;
  std::map<Dim, NodeId> numbers_;                     // nodes that compute a size
  std::map<Dim, std::pair<NodeId, size_t>> sources_;  // a tensor that has this size
  std::vector<Dim> unknowns_;
  std::vector<bool> by_values_;  // by call: whether the sizes of its results depend on values
};

}  // namespace

void generalise(const std::vector<SizedTrace>& traces, const std::vector<SizeSymbol>& symbols,
                const std::vector<std::vector<Dim>>& dims, FunctionId function) {
  Generaliser(traces, symbols, function).run(dims);
}

}  // namespace tw::jit
