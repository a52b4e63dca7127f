// A module with what it refers to outside of itself: the tensors behind get_attr, the Python objects behind py.call.
#pragma once

#include <tensorwright/object.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "module.h"

namespace tw::jit {

class Plan;
struct Program;

// The plans of the functions, made when they are first run, and again after a change.
class PlanCache {
 public:
  // Null: the function is no flat list of calls.
  std::shared_ptr<const Plan> get(Program& program, FunctionId function);

 private:
  struct Entry {
    uint64_t edits = 0, attribute_edits = 0;
    std::shared_ptr<const Plan> plan;
  };
  std::mutex mutex_;
  std::map<FunctionId, Entry> entries_;
};

struct Program {
  Module module;
  std::map<std::string, Tensor> attributes;    // by path: "encoder.layers.0.weight"
  std::map<std::string, ObjectRef> callables;  // by the name in py.call
  std::vector<ObjectRef> objects;              // by the number in a constant of kind kObject

  std::string signature;  // of a loaded one: how Python nests arguments and results, as JSON

  uint64_t attribute_edits = 0;  // rises when another tensor takes a path
  PlanCache plans;

  // The same object is kept once.
  ConstantId keep(tw_object* object);
};
using ProgramRef = std::shared_ptr<Program>;

}  // namespace tw::jit
