// A call inside of vmap: the physical tensors behind the arguments, and the dimension of each that is the batch.
#pragma once

#include "arguments.h"
#include "batch_shapes.h"
#include "op_traits.h"
#include "wrapped.h"

namespace tw::autograd {

class BatchCall {
 public:
  BatchCall(const LevelRef& level, const OpTraits& op, tw_call& call) : level_(level), op_(op), call_(call) {}
  BatchCall(const BatchCall&) = delete;

  const OpTraits& op() const { return op_; }
  tw_call& call() { return call_; }
  int64_t batch_size() const { return level_->batch_size; }
  const LevelRef& level() const { return level_; }

  bool is_batched(TensorRef t) const { return t && wrapped_for(t.get(), *level_); }
  bool is_batched(uint32_t arg) const;  // a tensor, or some tensor of a list
  // With the batch in front; `t` itself if it has none.
  Tensor front(TensorRef t) const;
  // As front(), repeated over the batch if it has none.
  Tensor repeated(TensorRef t) const;
  // Without the level: of the arguments that have no batch.
  Tensor plain(TensorRef t) const { return Tensor::retain(t); }
  TensorRef tensor(uint32_t arg) const { return get<TensorRef>(arg); }
  // An argument as the call has it.
  template <class T>
  T get(uint32_t arg) const {
    return From<T>::get(call_.args[arg]);
  }
  // Dimensions that the function sees.
  int logical_ndim(uint32_t arg) const { return tensor(arg).ndim(); }

  // Runs `op` with physical arguments; results (and tensors of lists) have the batch at `batch_dim`. Targets of
  // in-place and out= forms are written through.
  void run(const tw_op* op, const Arguments& args, int64_t batch_dim = 0);
  // Runs the call's own op, without targets; unbatch(tensor, result) is to give each result.
  template <class F>
  void run_and_unfold(const Arguments& args, F&& unbatch) {
    Results results(call_.nrets);
    results.call(op_.op, args);
    for (uint32_t i = 0; i < call_.nrets; ++i) unbatch(results.take_tensor(i), i);
  }
  // Gives a result of ops on the wrapped arguments; a target of the caller's is overwritten with it.
  void give_logical(uint32_t i, Tensor logical);
  // Gives a result of ops on physical tensors likewise.
  void give_batched(uint32_t i, Tensor physical, int64_t batch_dim = 0);

 private:
  const LevelRef& level_;
  const OpTraits& op_;
  tw_call& call_;
};

// Rules of ops that no kind of batching_rule.h describes.
BatchFunction find_batch_function(std::string_view op);

// Of those families. Null if there is none...
BatchFunction batch_sequence_function(std::string_view op);
// ...or an error.
BatchFunction batch_convolution_function(std::string_view op);
BatchFunction batch_normalization_function(std::string_view op);

// A random op: one draw for each entry of the batch, or the same for all.
void draw_for_batch(BatchCall& call);

// Calls the op for each entry of the batch and stacks the results; warns once for each op.
void run_entry_by_entry(BatchCall& call);

}  // namespace tw::autograd
