#include "op_node.h"

#include "backward.h"
#include "meta.h"
#include "tensor_ops.h"
#include "text.h"

namespace tw::autograd {
namespace {

uint32_t count_edges(const Derivative& derivative, const tw_call& call) {
  const uint32_t inputs = derivative.input_count;
  if (inputs == 0 || !derivative.inputs[inputs - 1].list) return inputs;
  return inputs - 1 + call.args[derivative.inputs[inputs - 1].arg].aux;
}

bool reads_results(SaveKind kind) {
  return kind == SaveKind::kResult || kind == SaveKind::kResultShape || kind == SaveKind::kResultGeometry ||
         kind == SaveKind::kShapeIfChanged;
}

TensorRef tensor_in(const tw_value& value) { return From<TensorRef>::get(value); }

}  // namespace

TensorRef written_tensor(const Derivative& derivative, const tw_call& call) {
  if (derivative.written >= 0) return tensor_in(call.args[derivative.written]);
  if (call.nrets == 0 || call.nargs == 0 || call.rets[0].tag != TW_TENSOR) return nullptr;
  const TensorRef first = tensor_in(call.args[0]);
  return first.get() == call.rets[0].u.t ? first : nullptr;
}

OpNode* OpNode::make(const Derivative& derivative, const tw_call& call) {
  const uint32_t saves = derivative.save_count;
  auto* node = make_node<OpNode>(count_edges(derivative, call), saves * sizeof(SavedValue), derivative);
  for (uint32_t i = 0; i < saves; ++i) new (node->saves() + i) SavedValue();
  return node;
}

OpNode::~OpNode() {
  for (uint32_t i = 0; i < derivative_.save_count; ++i) saves()[i].~SavedValue();
}

SavedValue* OpNode::saves() const {
  return reinterpret_cast<SavedValue*>(const_cast<Edge*>(edges().begin()) + edge_count());
}

bool OpNode::needs(uint32_t input, const uint8_t* wanted) const {
  for (uint32_t i = first_edge(input); i < first_edge(input + 1); ++i)
    if (edge(i).node && (!wanted || wanted[i])) return true;
  return false;
}

void OpNode::save_argument(SavedValue& slot, const SaveRule& rule, const tw_call& call, TensorRef original) {
  const tw_value& value = call.args[rule.index];
  switch (rule.kind) {
    case SaveKind::kUnchecked:
      return slot.save_unchecked(tensor_in(value));
    case SaveKind::kArgument:
      if (value.tag != TW_TENSOR && value.tag != TW_TENSORS) return slot.save_plain(value);
      has_tensors_ = true;
      if (value.tag == TW_TENSORS) return slot.save_tensors(From<TensorList>::get(value));
      return slot.save_tensor(original && value.u.t == written_tensor(derivative_, call).get() ? original
                                                                                               : TensorRef(value.u.t));
    case SaveKind::kArgumentShape:
      return slot.save_shape(tensor_in(value));
    case SaveKind::kArgumentShapes:
      return slot.save_shapes(From<TensorList>::get(value));
    case SaveKind::kArgumentGeometry:
      return slot.save_geometry(tensor_in(value));
    default:
      return;
  }
}

void OpNode::save_arguments(const tw_call& call, uint64_t needed, TensorRef original) {
  for (uint32_t i = 0; i < derivative_.save_count; ++i) {
    const SaveRule& rule = derivative_.saves[i];
    if ((rule.wanted_by & needed) && !reads_results(rule.kind)) save_argument(saves()[i], rule, call, original);
  }
}

void OpNode::save_results(const tw_call& call, uint64_t needed, bool made_here) {
  for (uint32_t i = 0; i < derivative_.save_count; ++i) {
    const SaveRule& rule = derivative_.saves[i];
    if (!(rule.wanted_by & needed) || !reads_results(rule.kind)) continue;
    if (rule.kind == SaveKind::kShapeIfChanged) {
      const TensorRef argument = tensor_in(call.args[rule.index]), result = tensor_in(call.rets[0]);
      if (argument && (!same_shape(argument, result) || argument.dtype() != result.dtype()))
        saves()[i].save_shape(argument);
      continue;
    }
    const tw_value& value = call.rets[rule.index];
    if (rule.kind == SaveKind::kResultShape)
      saves()[i].save_shape(tensor_in(value));
    else if (rule.kind == SaveKind::kResultGeometry)
      saves()[i].save_geometry(tensor_in(value));
    else if (value.tag != TW_TENSOR)
      saves()[i].save_plain(value);
    else if (has_tensors_ = true; made_here)
      saves()[i].save_output(tensor_in(value), rule.index);
    else
      saves()[i].save_tensor(tensor_in(value));
  }
}

void OpNode::refuse_released() const {
  if (released_ && has_tensors_)
    throw Error(TW_E_UNKNOWN,
                text("backward through ", short_name(derivative_.op), " a second time: the values that ", name(),
                     " saved were freed by the first pass; give it retain_graph=True to keep them"));
}

// Hooks run after the lock is gone: they may take long, and need locks of their own.
void OpNode::unpack(Tensor* tensors, bool history) {
  std::vector<std::pair<uint32_t, SavedHandle>> packed;
  {
    SavedLock lock(*this);
    refuse_released();
    for (uint32_t i = 0; i < derivative_.save_count; ++i) {
      if (!saves()[i].holds_tensor()) continue;
      SavedHandle handle = saves()[i].handle();
      if (handle.packed)
        packed.emplace_back(i, std::move(handle));
      else
        tensors[i] = std::move(handle).finish(*this, history, saved_name(i));
    }
  }
  for (auto& [i, handle] : packed) tensors[i] = std::move(handle).finish(*this, history, saved_name(i));
}

std::vector<Tensor> OpNode::unpack_list(uint32_t i, bool history) {
  std::vector<SavedHandle> handles;
  {
    SavedLock lock(*this);
    handles = saves()[i].handles();
  }
  std::vector<Tensor> tensors;
  for (SavedHandle& handle : handles) tensors.push_back(std::move(handle).finish(*this, history, saved_name(i)));
  return tensors;
}

void OpNode::apply(Tensor* grads, Tensor* results, const PassOptions& options) {
  if (!derivative_.formula) return;  // the op wrote over its argument with values that have no gradient
  Backward backward(*this, grads, results, options);
  derivative_.formula(backward);
}

// Only tensors: plain values are small, and another thread may be reading them.
void OpNode::release_saved() {
  SavedLock lock(*this);
  released_ = true;
  for (uint32_t i = 0; i < derivative_.save_count; ++i)
    if (saves()[i].holds_tensor() || saves()[i].holds_tensors()) saves()[i].reset();
}

bool OpNode::saved_value(std::string_view wanted, tw_value* result) {
  for (uint32_t i = 0; i < derivative_.save_count; ++i) {
    const SaveRule& rule = derivative_.saves[i];
    if (wanted != rule.name || (rule.kind != SaveKind::kArgument && rule.kind != SaveKind::kResult)) continue;
    if (released_ && has_tensors_)
      throw Error(TW_E_UNKNOWN,
                  text(name(), ": its saved values were freed by a backward pass without retain_graph=True"));
    const tw_value& value = saves()[i].value();
    if (saves()[i].holds_tensor())
      give(result, take(i).finish(*this, true, saved_name(i)));
    else if (value.tag == TW_TENSORS)
      give(result, unpack_list(i, true));
    else if (value.tag == TW_INTS)
      give(result, From<IntList>::get(value));
    else if (value.tag == TW_STR)
      give(result, std::string(From<std::string_view>::get(value)));
    else if (value.tag == TW_FLOATS || value.tag == TW_COMPLEX || value.tag == TW_OBJECT)
      *result = value_none();
    else
      *result = value;
    return true;
  }
  return false;
}

SavedHandle OpNode::take(uint32_t i) {
  SavedLock lock(*this);
  return saves()[i].handle();
}

SavedValue* OpNode::find_saved(std::string_view wanted) {
  for (uint32_t i = 0; i < derivative_.save_count; ++i)
    if (wanted == derivative_.saves[i].name && (saves()[i].holds_tensor() || saves()[i].holds_tensors()))
      return &saves()[i];
  return nullptr;
}

// ---- what formulas see ------------------------------------------------------------------------------------

Backward::Backward(OpNode& node, Tensor* grads, Tensor* results, const PassOptions& options)
    : node_(node), grads_(grads), results_(results), wanted_(options.wanted), history_(options.create_graph) {
  node.unpack(unpacked_, options.create_graph);
}

TensorRef Backward::conj_grad(uint32_t i) {
  if (!is_complex(grads_[i].dtype())) return grads_[i];
  conjugate_ = conj(grads_[i]);
  return conjugate_;
}

TensorList Backward::grads() {
  grad_pointers_.clear();
  for (uint32_t i = 0; i < node_.output_count(); ++i) grad_pointers_.push_back(grads_[i].get());
  return grad_pointers_;
}

Operand Backward::operand(uint32_t save) const {
  return unpacked_[save] ? Operand(static_cast<TensorRef>(unpacked_[save])) : Operand(node_.saved(save).value());
}

TensorRef Backward::grad_or_zeros(uint32_t i, uint32_t save) {
  uint32_t given = 0;  // a formula runs only if somebody gave a gradient
  while (!grads_[given]) ++given;
  if (!grads_[i]) grads_[i] = zeros(shape(save), dtype(save), grads_[given].device());
  return grads_[i];
}

void Backward::give_reduced(uint32_t input, uint32_t save, Tensor grad) {
  if (!grad) return;
  give(input, node_.saved(save).empty() ? std::move(grad) : sum_to(grad, shape(save), dtype(save)));
}

TensorList Backward::tensors(uint32_t save) {
  list_ = node_.unpack_list(save, history_);
  list_pointers_.clear();
  for (const Tensor& t : list_) list_pointers_.push_back(t.get());
  return list_pointers_;
}

void Backward::refuse(const char* argument) const {
  const std::string_view op = short_name(derivative().op);
  throw Error(TW_E_UNSUPPORTED,
              text(op, ": the derivative by ", argument, " is not implemented; call it on ", argument, ".detach()"));
}

void Backward::give_list(uint32_t input, std::vector<Tensor> grads) {
  Tensor* target = results_ + node_.first_edge(input);
  for (size_t i = 0; i < grads.size(); ++i) target[i] = std::move(grads[i]);
}

}  // namespace tw::autograd
