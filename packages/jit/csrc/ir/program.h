// A module with what it refers to outside of itself: the tensors behind get_attr, the Python objects behind py.call.
#pragma once

#include <tensorwright/object.hpp>

#include <map>
#include <memory>
#include <string>

#include "module.h"

namespace tw::jit {

struct Program {
  Module module;
  std::map<std::string, Tensor> attributes;    // by path: "encoder.layers.0.weight"
  std::map<std::string, ObjectRef> callables;  // by the name in py.call
  std::vector<ObjectRef> objects;              // by the number in a constant of kind kObject

  std::string signature;                     // of a loaded one: how Python nests arguments and results, as JSON

  // The same object is kept once.
  ConstantId keep(tw_object* object);
};
using ProgramRef = std::shared_ptr<Program>;

}  // namespace tw::jit
