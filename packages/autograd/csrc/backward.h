// What a compiled formula sees: incoming gradients, saved values, and where its results go.
#pragma once

#include <tensorwright/tw.hpp>

#include "op_node.h"

namespace tw::autograd {

class Backward {
 public:
  Backward(OpNode& node, Tensor* grads, Tensor* results, const PassOptions& options);
  Backward(const Backward&) = delete;

  const Derivative& derivative() const { return node_.derivative(); }
  // The gradient of a result. With several differentiable results it may be null: see grad_or_zeros.
  TensorRef grad(uint32_t i = 0) const { return grads_[i]; }
  // Its conjugate: for formulas of holomorphic functions, whose results are conjugated back.
  TensorRef conj_grad(uint32_t i = 0);
  uint32_t grad_count() const { return node_.output_count(); }
  // `save` is a kResultShape rule.
  TensorRef grad_or_zeros(uint32_t i, uint32_t save);
  TensorList grads();  // of a Tensor[] result, null where nobody gave one

  // Whether the gradient of an input (of any tensor of a list) is asked for.
  bool needs(uint32_t input) const { return node_.needs(input, wanted_); }
  void give(uint32_t input, Tensor grad) { results_[node_.first_edge(input)] = std::move(grad); }
  // For an argument whose derivative nobody has written.
  [[noreturn]] void refuse(const char* argument) const;
  void give_list(uint32_t input, std::vector<Tensor> grads);
  // Sums a gradient over the dimensions that the forward op broadcast and casts it to the argument's dtype;
  // `save` is a kShapeIfChanged rule.
  void give_reduced(uint32_t input, uint32_t save, Tensor grad);

  TensorRef tensor(uint32_t save) const { return unpacked_[save]; }
  TensorList tensors(uint32_t save);  // valid until the next call; codegen refuses formulas that save two lists
  Operand operand(uint32_t save) const;
  template <class T>
  T plain(uint32_t save) const {
    return From<T>::get(node_.saved(save).value());
  }
  IntList shape(uint32_t save) const { return From<IntList>::get(node_.saved(save).value()); }
  tw_dtype dtype(uint32_t save) const { return node_.saved(save).dtype(); }
  SavedShapes shapes(uint32_t save) const { return SavedShapes(node_.saved(save).value()); }
  SavedGeometry geometry(uint32_t save) const { return SavedGeometry::of(node_.saved(save)); }

 private:
  OpNode& node_;
  Tensor* grads_;
  Tensor* results_;
  const uint8_t* wanted_;
  bool history_;
  std::vector<tw_tensor*> grad_pointers_, list_pointers_;
  std::vector<Tensor> list_;
  Tensor conjugate_;
  Tensor unpacked_[kMaxSaves];
};

}  // namespace tw::autograd
