// The node of a recorded op: the derivative's tables, and room for what they say to save.
#pragma once

#include "derivative.h"
#include "node.h"
#include "saved.h"

namespace tw::autograd {

constexpr uint32_t kMaxSaves = 24;  // codegen refuses a derivative that saves more

class OpNode final : public Node {
 public:
  // With one edge for each differentiable tensor of the call; the caller sets those that are needed.
  static OpNode* make(const Derivative& derivative, const tw_call& call);
  explicit OpNode(const Derivative& derivative) : Node(derivative.result_count), derivative_(derivative) {}
  ~OpNode() override;

  const char* name() const override { return derivative_.node; }
  void apply(Tensor* grads, Tensor* results, const PassOptions& options) override;
  void release_saved() override;
  bool saved_value(std::string_view name, tw_value* result) override;
  SavedValue* find_saved(std::string_view name) override;

  const Derivative& derivative() const { return derivative_; }
  // Edges of input i are [first_edge(i), first_edge(i + 1)); only the last input may be a list.
  uint32_t first_edge(uint32_t input) const { return input < derivative_.input_count ? input : edge_count(); }
  bool needs(uint32_t input, const uint8_t* wanted) const;
  const SavedValue& saved(uint32_t i) const { return saves()[i]; }

  // Saves what the gradients of the inputs in `needed` read. `original` stands for the argument that the op is about
  // to overwrite, if it is one of them.
  void save_arguments(const tw_call& call, uint64_t needed, TensorRef original);
  // `made_here`: the results get their history from this node.
  void save_results(const tw_call& call, uint64_t needed, bool made_here = true);
  // Handles of all saved tensors, after their versions were checked; null for other values.
  void unpack(Tensor* tensors, bool history);
  std::vector<Tensor> unpack_list(uint32_t i, bool history);

 private:
  SavedValue* saves() const;
  SavedHandle take(uint32_t i);
  SavedName saved_name(uint32_t i) const { return {derivative_.op, derivative_.node, derivative_.saves[i].name}; }
  void refuse_released() const;
  void save_argument(SavedValue& slot, const SaveRule& rule, const tw_call& call, TensorRef original);

  const Derivative& derivative_;
  bool released_ = false;
  bool has_tensors_ = false;
};

// The tensor that a call writes in place: by the op's schema, or because its result was preset to its first
// argument. Null if there is none.
TensorRef written_tensor(const Derivative& derivative, const tw_call& call);

}  // namespace tw::autograd
