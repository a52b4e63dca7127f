#include "aliases.h"

#include "infer.h"

namespace tw::jit {
namespace {

bool declared_view(const RegistryOp& op) {
  return op.view || (!op.arguments.empty() && op.arguments[0].type.rfind("Tensor(a)", 0) == 0);
}

Tensor same_layout(TensorRef tensor) {
  static const OpHandle empty_strided("tw::empty_strided");
  return empty_strided.call({to_value(tensor.shape()), to_value(tensor.strides()), to_value(tensor.dtype()),
                             to_value(tw_device{TW_DEVICE_META, 0})});
}

// The k-th of several values.
Shared item_of(const tw_value& from, int64_t k) {
  if (k < 0 || k >= from.aux) return nullptr;
  auto item = std::make_shared<Value>();
  if (from.tag == TW_TENSORS)
    give(&*item, Tensor::retain(static_cast<tw_tensor**>(from.u.p)[k]));
  else if (from.tag == TW_VALUES)
    retain_into(static_cast<tw_value*>(from.u.p)[k], &*item);
  else
    return nullptr;
  return item;
}

}  // namespace

void Aliases::learn(RegionId region) { learn(edit_.module.first(region), NodeId()); }

void Aliases::learn(NodeId first, NodeId end) {
  for (NodeId node = first; node != end; node = edit_.module[node].next) {
    for (const RegionId inner : edit_.module[node].regions) learn(inner);
    visit(node);
  }
}

int Aliases::argument(NodeId node) const {
  const auto found = argument_.find(node);
  return found == argument_.end() ? -1 : found->second;
}

void Aliases::visit(NodeId node) {
  const Module& module = edit_.module;
  note_symbols(node);
  const std::vector<ArgTree> args = module.args(node);
  if (const OpFacts* facts = edit_.facts(node)) {
    if (declared_view(*facts->op)) argument_[node] = 0;
    const auto into = edit_.keyword(node, "into");
    if (into && into->kind == ArgKind::kNode) {
      if (const auto target = values_.find(NodeId(into->index)); target != values_.end())
        values_[node] = target->second;
    } else if (!edit_.writes(node) && !edit_.draws(node)) {
      call(node, *facts);
    }
  } else if (edit_.is(node, "get_attr")) {
    const auto found = edit_.program.attributes.find(module.names[module[node].target]);
    if (found == edit_.program.attributes.end()) return;
    values_[node] = std::make_shared<Value>();
    give(&*values_[node], same_layout(found->second));
  } else if (edit_.is(node, "tuple.get") && args[0].kind == ArgKind::kNode) {
    const auto from = values_.find(NodeId(args[0].index));
    const auto k = edit_.integer(args[1]);
    if (from == values_.end() || !from->second || !k) return;
    if (const Shared item = item_of(from->second->get(), *k)) values_[node] = item;
  }
}

void Aliases::note_symbols(NodeId node) {
  const Type& type = edit_.type(node);
  if (type.kind != TypeKind::kTensor || !type.shape) return;
  for (const Dim dim : *type.shape)
    for (const Dim symbol : edit_.module.dims.symbols(dim))
      symbols_.emplace(symbol, 48 * (1 + static_cast<int64_t>(symbols_.size())));
}

// Afterwards only the result, if anything, shares the memory of the arguments.
void Aliases::call(NodeId node, const OpFacts& facts) {
  std::vector<std::pair<int, Tensor>> tensors;
  const TypeKind kind = edit_.type(node).kind;
  const bool values = kind == TypeKind::kInt || kind == TypeKind::kFloat || kind == TypeKind::kBool;
  if (facts.op->composite && !values) uncertain_.insert(node);
  try {
    const LayerScope bare(0, ~uint64_t{0});
    CallResults results(facts.op->nrets);
    {
      CallArguments args(*facts.op);
      for (uint32_t k = 0; k < facts.op->nargs; ++k) {
        const auto arg = edit_.argument(node, k);
        if (!arg) continue;
        const Shared value = given(*arg, static_cast<int>(k), tensors);
        if (!value) return;
        args.set(k, value);
      }
      if (tensors.empty())
        return static_cast<void>(uncertain_.erase(node));  // it makes a tensor, and on which device is not asked here
      results.call(facts.op->op, args.data(), args.count());
    }
    values_[node] = results.take();
    uncertain_.erase(node);
  } catch (const PendingError&) {
    forget_error();
  } catch (const Error&) {
  }
  for (const auto& [place, tensor] : tensors) {
    int32_t unique = 1;
    check(g_host->is_unique(tensor.get(), &unique));
    if (!unique && facts.op->composite && !argument_.count(node)) argument_[node] = place;
  }
}

Shared Aliases::given(const ArgTree& arg, int place, std::vector<std::pair<int, Tensor>>& tensors) {
  auto value = std::make_shared<Value>();
  if (arg.kind == ArgKind::kConstant) {
    retain_into(constant_value(edit_.program, ConstantId(arg.index)), &*value);
  } else if (arg.kind == ArgKind::kNode) {
    auto tensor = like(NodeId(arg.index));
    if (!tensor) return nullptr;
    tensors.emplace_back(place, *tensor);
    give(&*value, std::move(*tensor));
  } else if (arg.kind >= ArgKind::kList) {
    check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(arg.items.size()), &*value));
    for (size_t i = 0; i < arg.items.size(); ++i) {
      const Shared item = given(arg.items[i], place, tensors);
      if (!item) return nullptr;
      retain_into(item->get(), static_cast<tw_value*>((*value)->u.p) + i);
    }
  }
  return value;
}

std::optional<Tensor> Aliases::like(NodeId node) {
  const auto known = values_.find(node);
  if (known != values_.end() && known->second && known->second->get().tag == TW_TENSOR)
    return same_layout(known->second->get().u.t);
  return without_data(edit_.module, edit_.module[node].type, symbols_);
}

}  // namespace tw::jit
