#include "infer.h"

#include <algorithm>

#include "../run/call.h"
#include "fit.h"

namespace tw::jit {
namespace {

constexpr tw_device kMeta{TW_DEVICE_META, 0};

// Values for the symbols, of every residue and far apart, and with different second differences, so that none is a
// linear function of another one; in the second round multiples of 48, for ops that want sizes to divide.
constexpr int kSamples = 16;
int64_t sample(size_t symbol, int k, bool round) {
  const auto number = static_cast<int64_t>(symbol);
  const int64_t value = 67 + 131 * number + k * (2 * number + 5) + k * k * (number + 1);
  return round ? 48 * value : value;
}

// One asking of the op with values for the symbols.
class Question {
 public:
  Question(Editor& edit, NodeId node, const OpFacts& facts, SymbolValues symbols)
      : edit_(edit), node_(node), op_(*facts.op), symbols_(std::move(symbols)) {}

  // The results, or nothing if some argument is not known.
  Shared ask() {
    CallArguments args(op_);
    CallResults results(op_.nrets);
    for (uint32_t k = 0; k < op_.nargs; ++k) {
      std::optional<ArgTree> arg = given(k);
      if (op_.arguments[k].name == "device" && needs_device()) arg = meta_device();
      if (!arg) continue;
      const Shared value = make(*arg);
      if (!value) return nullptr;
      args.set(k, value);
    }
    results.call(op_.op, args.data(), args.count());
    return results.take();
  }

 private:
  std::optional<ArgTree> given(uint32_t k) {
    const Arg& args = edit_.module[node_].args;
    if (k < args.count) return edit_.module.tree(edit_.module.item(args, k));
    if (const auto keyword = edit_.keyword(node_, op_.arguments[k].name)) return keyword;
    return k + 1 < op_.nargs ? edit_.argument(node_, k) : std::nullopt;
  }

  // An op that takes no tensor makes one: it is told to make one without data.
  bool needs_device() const {
    return std::none_of(op_.arguments.begin(), op_.arguments.end(),
                        [](const DeclaredArgument& a) { return a.type.rfind("Tensor", 0) == 0; });
  }
  ArgTree meta_device() { return edit_.module.constants({ConstantKind::kDevice, 0, 0, 0, {}, {}, kMeta}); }

  Shared make(const ArgTree& arg) {
    auto value = std::make_shared<Value>();
    if (arg.kind == ArgKind::kConstant) {
      retain_into(constant_value(edit_.program, ConstantId(arg.index)), &*value);
      if (edit_.constant(arg)->kind == ConstantKind::kDevice) *&*value = to_value(kMeta);
    } else if (arg.kind == ArgKind::kNode) {
      auto tensor = without_data(edit_.module, edit_.module[NodeId(arg.index)].type, symbols_);
      if (!tensor) return nullptr;
      give(&*value, std::move(*tensor));
    } else if (arg.kind >= ArgKind::kList) {
      check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(arg.items.size()), &*value));
      for (size_t i = 0; i < arg.items.size(); ++i) {
        const Shared item = make(arg.items[i]);
        if (!item) return nullptr;
        retain_into(item->get(), static_cast<tw_value*>((*value)->u.p) + i);
      }
    }
    return value;
  }

  Editor& edit_;
  NodeId node_;
  const RegistryOp& op_;
  SymbolValues symbols_;
};

Shared answer(Editor& edit, NodeId node, const OpFacts& facts, const SymbolValues& symbols) {
  try {
    const LayerScope bare(0, ~uint64_t{0});
    return Question(edit, node, facts, symbols).ask();
  } catch (const PendingError&) {
    forget_error();
  } catch (const Error&) {
  }
  return nullptr;
}

// ---- sizes as expressions -------------------------------------------------------------------------------------------

// The sizes that the result's may be made of: those of the arguments.
std::vector<Dim> building_blocks(Editor& edit, NodeId node) {
  std::vector<Dim> blocks;
  const auto add = [&](NodeId operand) {
    const Type& type = edit.type(operand);
    if (type.kind != TypeKind::kTensor || !type.shape) return;
    for (const Dim dim : *type.shape)
      if (std::find(blocks.begin(), blocks.end(), dim) == blocks.end()) blocks.push_back(dim);
  };
  edit.module.each_operand(node, add);
  return blocks;
}

std::vector<Dim> symbols_of(Module& module, const std::vector<Dim>& sizes) {
  std::vector<Dim> found;
  for (const Dim size : sizes)
    for (const Dim symbol : module.dims.symbols(size))
      if (std::find(found.begin(), found.end(), symbol) == found.end()) found.push_back(symbol);
  return found;
}

// The type of one result from what the samples gave.
class Generalised {
 public:
  Generalised(Module& module, NodeId node, const Fit& fit) : module_(module), node_(node), fit_(fit) {}

  std::optional<TypeId> type(const std::vector<tw_value>& seen) {
    if (seen[0].tag == TW_TENSOR) return tensor(seen);
    if (seen[0].tag != TW_TENSORS && seen[0].tag != TW_VALUES) return type_of(module_, seen[0]);
    std::vector<TypeId> items;
    for (uint32_t i = 0; i < seen[0].aux; ++i) {
      std::vector<tw_value> parts;
      for (const tw_value& value : seen) {
        if (value.aux != seen[0].aux) return std::nullopt;
        parts.push_back(value.tag == TW_TENSORS ? to_value(TensorRef(static_cast<tw_tensor**>(value.u.p)[i]))
                                                : static_cast<const tw_value*>(value.u.p)[i]);
      }
      const auto item = type(parts);
      if (!item) return std::nullopt;
      items.push_back(*item);
    }
    return module_.types.list(TypeKind::kTuple, std::move(items));
  }

 private:
  std::optional<TypeId> tensor(const std::vector<tw_value>& seen) {
    const TensorRef first(seen[0].u.t);
    std::vector<Dim> shape;
    for (int d = 0; d < first.ndim(); ++d) {
      std::vector<int64_t> values;
      for (const tw_value& value : seen) {
        if (value.tag != TW_TENSOR || TensorRef(value.u.t).ndim() != first.ndim()) return std::nullopt;
        values.push_back(TensorRef(value.u.t).size(d));
      }
      const auto found = fit_.find(values);
      shape.push_back(found ? *found : unknown());
    }
    return module_.types.tensor(first.dtype(), std::move(shape), tw_device{TW_DEVICE_CPU, 0});
  }
  Dim unknown() { return module_.dims.symbol("u" + std::to_string(node_.index) + "_" + std::to_string(count_++)); }

  Module& module_;
  NodeId node_;
  const Fit& fit_;
  int count_ = 0;
};

// What the op gives for samples of one round; nothing if it refuses one of them.
std::optional<TypeId> by_samples(Editor& edit, NodeId node, const OpFacts& facts, const std::vector<Dim>& blocks,
                                 bool round) {
  Module& module = edit.module;
  const std::vector<Dim> symbols = symbols_of(module, blocks);
  std::vector<SymbolValues> samples;
  std::vector<Shared> answers;
  std::vector<tw_value> seen;
  for (int k = 0; k < (symbols.empty() ? 1 : kSamples); ++k) {
    samples.emplace_back();
    for (size_t s = 0; s < symbols.size(); ++s) samples.back()[symbols[s]] = sample(s, k, round);
    answers.push_back(answer(edit, node, facts, samples.back()));
    if (!answers.back()) return std::nullopt;
    seen.push_back(answers.back()->get());
  }
  const Fit fit(module.dims, blocks, samples);
  return Generalised(module, node, fit).type(seen);
}

}  // namespace

std::optional<Tensor> without_data(Module& module, TypeId id, const SymbolValues& symbols) {
  const Type& type = module.types[id];
  if (type.kind != TypeKind::kTensor || !type.dtype || !type.shape) return std::nullopt;
  std::vector<int64_t> shape;
  for (const Dim dim : *type.shape) {
    if (symbols.empty() && !module.dims.value(dim)) return std::nullopt;
    shape.push_back(module.dims.evaluate(dim, symbols));
  }
  return empty(shape, *type.dtype, kMeta);
}

bool depends_on_values(Editor& edit, NodeId node) {
  const OpFacts* facts = edit.facts(node);
  if (!facts || edit.writes(node)) return false;
  try {
    const LayerScope bare(0, ~uint64_t{0});
    Question(edit, node, *facts, {}).ask();
    return false;
  } catch (const PendingError&) {
    const char* message = "";
    g_host->err_message(&message);
    const bool by_values = std::string_view(message).find("depends on values") != std::string_view::npos;
    forget_error();
    return by_values;
  } catch (const Error&) {
    return false;
  }
}

std::optional<TypeId> infer_type(Editor& edit, NodeId node) {
  const OpFacts* facts = edit.facts(node);
  if (!facts || edit.writes(node)) return std::nullopt;
  if (facts->op->random && edit.draws(node)) return std::nullopt;
  const std::vector<Dim> blocks = building_blocks(edit, node);
  const auto type = by_samples(edit, node, *facts, blocks, false);
  return type || symbols_of(edit.module, blocks).empty() ? type : by_samples(edit, node, *facts, blocks, true);
}

}  // namespace tw::jit
