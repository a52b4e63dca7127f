// User-defined functions: forward ran already, backward is a callable.
#pragma once

#include <tensorwright/tw.hpp>

#include <tensorwright/object.hpp>

namespace tw::autograd {

struct FunctionCall {
  tw_object* backward;    // called with (saved tensors, gradients of the outputs), gives those of the inputs
  std::string_view name;  // of the user's class
  TensorList inputs, outputs;
  TensorList saved;     // what the forward pass kept
  TensorList dirty;     // inputs that forward wrote in place
  TensorList constant;  // outputs without gradient
  bool materialize;     // zeros in place of gradients that nobody gave
};

// The outputs with their history; an output that is an unchanged input comes back as a new tensor.
std::vector<Tensor> record_function(const FunctionCall& call);

}  // namespace tw::autograd
