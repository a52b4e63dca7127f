// A module with what it refers to outside of itself: the tensors behind get_attr, the Python objects behind py.call.
#pragma once

#include <tensorwright/object.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "module.h"

namespace tw::jit {

class FusedGroup;
class Plan;
class Specialised;
struct Program;

std::shared_ptr<Specialised> new_specialised();

// The plans of the functions, made when they are first run, and again after a change.
class PlanCache {
 public:
  // Null: the function is no flat list of calls.
  std::shared_ptr<const Plan> get(Program& program, FunctionId function);
  // Of a fusion, for what runs node by node. Null: its region is run so too.
  std::shared_ptr<const FusedGroup> group(Program& program, NodeId fusion);

 private:
  struct Entry {
    uint64_t edits = 0, attribute_edits = 0;
    std::shared_ptr<const Plan> plan;
  };
  std::mutex mutex_;
  std::map<FunctionId, Entry> entries_;
  uint64_t edits_ = 0;  // of the module that the groups are of
  std::map<NodeId, std::shared_ptr<const FusedGroup>> groups_;
};

struct Program {
  Module module;
  std::map<std::string, Tensor> attributes;    // by path: "encoder.layers.0.weight"
  std::map<std::string, ObjectRef> callables;  // by the name in py.call
  std::vector<ObjectRef> objects;              // by the number in a constant of kind kObject

  std::string signature;  // of a loaded one: how Python nests arguments and results, as JSON

  uint64_t attribute_edits = 0;  // rises when another tensor takes a path
  PlanCache plans;
  bool specialised = false;  // it is one of those that stand for another
  std::shared_ptr<Specialised> for_arguments = new_specialised();

  // The same object is kept once.
  ConstantId keep(tw_object* object);
};
using ProgramRef = std::shared_ptr<Program>;

}  // namespace tw::jit
