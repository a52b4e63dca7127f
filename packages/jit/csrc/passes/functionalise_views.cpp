#include <algorithm>

#include "../ir/text.h"
#include "functionalise.h"

namespace tw::jit {

void cannot_functionalise(const Module& module, NodeId node, const std::string& why) {
  std::string place;
  if (module[node].location) {
    const Location& l = module[module[node].location];
    place = " (" + l.file + ":" + std::to_string(l.line) + ")";
  }
  throw Error(TW_E_VALUE, "functionalise: " + why + place + ", in\n  " + print_node(module, node));
}

// ---- putting back ---------------------------------------------------------------------------------------------------

namespace {

class PutBack {
 public:
  PutBack(Editor& edit, NodeId view, NodeId whole, NodeId part, NodeId anchor)
      : edit_(edit), module_(edit.module), view_(view), whole_(whole), part_(part), anchor_(anchor) {}

  // By a scatter or by the view that undoes this one.
  std::optional<NodeId> direct() {
    const std::string_view op = module_.op_of(view_);
    if (op == "tw::alias" || op == "tw::detach") return part_;
    if (op == "tw::select") return make("tw::select_scatter", {whole_, part_, arg(1), arg(2)});
    if (op == "tw::slice") return make("tw::slice_scatter", {whole_, part_, arg(1), arg(2), arg(3), arg(4)});
    if (op == "tw::diagonal") return make("tw::diagonal_scatter", {whole_, part_, arg(1), arg(2), arg(3)});
    if (op == "tw::as_strided") return make("tw::as_strided_scatter", {whole_, part_, arg(1), arg(2), arg(3)});
    if (op == "tw::transpose") return make("tw::transpose", {part_, arg(1), arg(2)});
    if (op == "tw::t") return make("tw::t", {part_});
    if (op == "tw::permute") return permuted();
    if (op == "tw::view_as_complex") return make("tw::view_as_real", {part_});
    if (op == "tw::view_as_real") return make("tw::view_as_complex", {make("tw::contiguous", {part_})});
    return same_elements() ? std::optional(reshaped(part_)) : std::nullopt;
  }

  // Any views of known sizes, one of the other: a view of the elements' numbers says where each lies.
  NodeId by_numbers(const std::vector<NodeId>& views) {
    const auto sizes = edit_.sizes(whole_);
    if (!sizes) cannot_functionalise(module_, view_, "a write through this view of unknown size cannot be followed");
    int64_t count = 1;
    for (const int64_t size : *sizes) count *= size;
    const ArgTree flat = edit_.int_list({-1});
    NodeId numbers = make("tw::arange", {module_.constants.integer(count)});
    numbers = make("tw::reshape", {numbers, edit_.int_list(*sizes)});
    for (const NodeId view : views) {
      std::vector<ArgTree> args = module_.args(view);
      args[0] = numbers;
      numbers = make(module_.op_of(view), std::move(args));
      const Type& type = edit_.type(numbers);
      if (type.dtype && *type.dtype != kInt64)
        return reshaped(part_);  // a cast that had nothing to do: the whole itself
    }
    numbers = make("tw::reshape", {numbers, flat});
    const NodeId line = make("tw::reshape", {whole_, flat}), values = make("tw::reshape", {part_, flat});
    return reshaped(make("tw::index_put", {line, ArgTree(ArgKind::kList, {numbers}), values}));
  }

 private:
  NodeId make(std::string_view op, std::vector<ArgTree> args) {
    const bool item = op == "tuple.get";
    const NodeId from = item ? NodeId(args[0].index) : NodeId();
    const auto place = item ? static_cast<size_t>(edit_.integer(args[1]).value_or(0)) : 0;
    const NodeId node = edit_.create(anchor_, op, std::move(args));
    if (item && edit_.type(from).items.size() > place) module_.set_type(node, edit_.type(from).items[place]);
    return node;
  }
  ArgTree arg(uint32_t k) { return edit_.argument(view_, k).value_or(ArgTree()); }

  std::optional<NodeId> permuted() {
    const auto order = edit_.integers(arg(1));
    if (!order) return std::nullopt;
    const auto n = static_cast<int64_t>(order->size());
    std::vector<int64_t> inverse(order->size());
    for (int64_t d = 0; d < n; ++d) inverse[static_cast<size_t>(((*order)[static_cast<size_t>(d)] + n) % n)] = d;
    return make("tw::permute", {part_, edit_.int_list(inverse)});
  }

  // Whether the view shows every element once and in order: its argument in another shape.
  bool same_elements() const {
    const std::string_view op = module_.op_of(view_);
    return op == "tw::view" || op == "tw::reshape" || op == "tw::squeeze" || op == "tw::unsqueeze" ||
           op == "tw::flatten" || op == "tw::contiguous" || op == "tw::unflatten";
  }
  NodeId reshaped(NodeId node) {
    if (const auto sizes = edit_.sizes(whole_)) return make("tw::reshape", {node, edit_.int_list(*sizes)});
    return make("tw::reshape_as", {node, whole_});
  }

  Editor& edit_;
  Module& module_;
  NodeId view_, whole_, part_, anchor_;
};

}  // namespace

bool may_show_twice(const Module& module, NodeId view) {
  const std::string_view op = module.op_of(view);
  return op == "tw::expand" || op == "tw::expand_as" || op == "tw::broadcast_to" || op == "tw::unfold" ||
         op == "tw::as_strided";
}

NodeId put_back(Editor& edit, const std::vector<NodeId>& views, NodeId whole, NodeId part, NodeId anchor) {
  PutBack back(edit, views[0], whole, part, anchor);
  if (const auto direct = views.size() == 1 ? back.direct() : std::nullopt) return *direct;
  return back.by_numbers(views);
}

}  // namespace tw::jit
