#include "function_node.h"

#include "anomaly.h"
#include "hooks.h"
#include "meta.h"
#include "saved.h"
#include "tensor_ops.h"
#include "text.h"
#include "transform/wrapped.h"

namespace tw::autograd {
namespace {

class FunctionNode final : public Node {
 public:
  FunctionNode(const FunctionCall& call)
      : Node(static_cast<uint32_t>(call.outputs.size())),
        backward_(ObjectRef::retain(call.backward)),
        name_(std::string(call.name) + "Backward"),
        function_(call.name),
        materialize_(call.materialize),
        saved_(call.saved.size()),
        input_shapes_(call.inputs.size()),
        output_shapes_(call.outputs.size()) {
    for (size_t i = 0; i < input_shapes_.size(); ++i) input_shapes_[i].save_shape(call.inputs[i]);
    for (size_t i = 0; i < output_shapes_.size(); ++i) output_shapes_[i].save_shape(call.outputs[i]);
    if (!call.outputs.empty()) device_ = TensorRef(call.outputs[0]).device();
  }

  const char* name() const override { return name_.c_str(); }
  SavedValue& saved(size_t i) { return saved_[i]; }
  void release_saved() override;
  bool saved_value(std::string_view name, tw_value* result) override;
  SavedValue* find_saved(std::string_view name) override;
  uint32_t saved_count() const override { return static_cast<uint32_t>(saved_.size()); }
  void apply(Tensor* grads, Tensor* results, const PassOptions& options) override;
  void visit_objects(const ObjectVisitor& visitor) const override { visitor.visit(backward_.get()); }

 private:
  std::vector<SavedHandle> take_saved();
  std::vector<Tensor> unpack(bool history);
  void check_result(uint32_t i, Tensor& grad) const;

  ObjectRef backward_;
  std::string name_, function_;
  bool materialize_;
  bool released_ = false;
  tw_device device_{TW_DEVICE_CPU, 0};
  std::vector<SavedValue> saved_, input_shapes_, output_shapes_;
};

std::vector<SavedHandle> FunctionNode::take_saved() {
  SavedLock lock(*this);
  if (released_ && !saved_.empty())
    throw Error(TW_E_UNKNOWN, text("backward through ", function_,
                                   " a second time: the tensors that its forward saved were freed by the "
                                   "first pass; give it retain_graph=True to keep them"));
  std::vector<SavedHandle> handles;
  for (const SavedValue& value : saved_) handles.push_back(value.handle());
  return handles;
}

std::vector<Tensor> FunctionNode::unpack(bool history) {
  std::vector<Tensor> tensors;
  for (SavedHandle& handle : take_saved())
    tensors.push_back(std::move(handle).finish(*this, history, {function_.c_str(), name(), "a saved tensor"}));
  return tensors;
}

// Its saved tensors have numbers for names.
SavedValue* FunctionNode::find_saved(std::string_view name) {
  for (size_t i = 0; i < saved_.size(); ++i)
    if (name == std::to_string(i)) return &saved_[i];
  return nullptr;
}

void FunctionNode::release_saved() {
  SavedLock lock(*this);
  released_ = true;
  for (SavedValue& value : saved_) value.reset();
}

bool FunctionNode::saved_value(std::string_view name, tw_value* result) {
  if (name != "tensors") return false;
  give(result, unpack(true));
  return true;
}

std::vector<tw_tensor*> pointers_to(const Tensor* tensors, size_t n) {
  std::vector<tw_tensor*> pointers(n);
  for (size_t i = 0; i < n; ++i) pointers[i] = tensors[i].get();
  return pointers;
}

void FunctionNode::check_result(uint32_t i, Tensor& grad) const {
  const IntList expected = From<IntList>::get(input_shapes_[i].value());
  if (!carries_gradient(grad.dtype()))
    throw Error(TW_E_TYPE,
                text(name_, ": gradient ", i, " has dtype ", grad.dtype(), ", expected ", input_shapes_[i].dtype()));
  bool reducible = grad.shape().size() >= expected.size();
  const size_t leading = grad.shape().size() - expected.size();
  for (size_t d = 0; reducible && d < expected.size(); ++d)
    reducible = expected[d] == 1 || expected[d] == grad.shape()[leading + d];
  if (!reducible)
    throw Error(TW_E_SHAPE, text(name_, ": gradient ", i, " has shape ", grad.shape(), ", its input ", expected));
  grad = sum_to(grad, expected, input_shapes_[i].dtype());
}

void FunctionNode::apply(Tensor* grads, Tensor* results, const PassOptions& options) {
  const std::vector<Tensor> saved = unpack(options.create_graph);
  for (uint32_t i = 0; materialize_ && i < output_count(); ++i)
    if (!grads[i]) grads[i] = zeros(From<IntList>::get(output_shapes_[i].value()), output_shapes_[i].dtype(), device_);
  const auto saved_pointers = pointers_to(saved.data(), saved.size()),
             grad_pointers = pointers_to(grads, output_count());
  const tw_value args[] = {to_value(TensorList(saved_pointers)), to_value(TensorList(grad_pointers))};
  Value answer;
  call_object(backward_.get(), {args, 2}, answer);
  std::vector<Tensor> given = tensors_of_answer(answer.get(), edge_count(), function_.c_str());
  for (uint32_t i = 0; i < edge_count(); ++i) {
    if (given[i] && edge(i).node) check_result(i, given[i]);
    results[i] = std::move(given[i]);
  }
}

bool contains(TensorList list, tw_tensor* t) {
  for (tw_tensor* item : list)
    if (item == t) return true;
  return false;
}

// What the function hands out for output i, before it gets a history.
Tensor prepare_output(const FunctionCall& call, size_t i) {
  tw_tensor* output = call.outputs[i];
  if (contains(call.dirty, output)) {
    if (base_of(output).get() != output)
      throw Error(TW_E_UNSUPPORTED, text(call.name,
                                         ": forward wrote in place into a view; functions may only write into tensors "
                                         "that own their memory"));
    const Meta* meta = tracked(output);
    if (meta && !meta->history.node)
      throw Error(TW_E_UNKNOWN, text(call.name, ": forward wrote in place into a leaf that requires grad"));
    return Tensor::retain(output);
  }
  if (!contains(call.inputs, output)) return Tensor::retain(output);
  const TensorRef t(output);
  return alias_of(t);
}

void save_for_backward(FunctionNode& node, const FunctionCall& call) {
  for (size_t i = 0; i < call.saved.size(); ++i) {
    tw_tensor* t = call.saved[i];
    if (!t) continue;
    uint32_t slot = 0;
    while (slot < call.outputs.size() && call.outputs[slot] != t) ++slot;
    const bool own_output = slot < call.outputs.size() && (!contains(call.inputs, t) || contains(call.dirty, t));
    if (own_output)
      node.saved(i).save_output(t, slot);
    else
      node.saved(i).save_tensor(t);
  }
}

}  // namespace

std::vector<Tensor> record_function(const FunctionCall& call) {
  std::vector<Tensor> results;
  for (size_t i = 0; i < call.outputs.size(); ++i) results.push_back(prepare_output(call, i));
  auto* node = make_node<FunctionNode>(static_cast<uint32_t>(call.inputs.size()), 0, call);
  const NodeRef owned = NodeRef::steal(node);
  for (uint32_t i = 0; i < call.inputs.size(); ++i) node->set_edge(i, gradient_edge(call.inputs[i]));
  if (anomaly_enabled()) note_forward_trace(*node);
  save_for_backward(*node, call);
  for (uint32_t i = 0; i < results.size(); ++i)
    if (carries_gradient(results[i].dtype()) && !contains(call.constant, call.outputs[i]))
      set_history(results[i].get(), owned, i);
  return results;
}

}  // namespace tw::autograd
