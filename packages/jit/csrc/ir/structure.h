// The structural ops: those that are not in the registry of ops.
#pragma once

#include <string_view>

namespace tw::jit {

struct StructuralOp {
  std::string_view name;
  int least_args, most_args;  // -1: any number
  bool target;                // `@name` is required
  int regions;
  bool ends_region;
  bool capture_only;  // a call of Python, a change of a list or dict
  bool effect;        // stays although nothing uses it
};

constexpr StructuralOp kStructuralOps[] = {
    // name, arguments, target, regions, ends, capture, effect
    {"placeholder", 0, 1, true, 0, false, false, true},  // a parameter @name; its argument is the default
    {"get_attr", 0, 0, true, 0, false, false, false},    // the parameter or buffer at a path of the module
    {"return", 1, 1, false, 0, true, false, true},       // ends a function
    {"yield", 0, -1, false, 0, true, false, true},       // ends a region: what its owner gives or carries on
    {"tuple.get", 2, 2, false, 0, false, false, false},  // (tuple or list, constant position)
    {"if", 1, 1, false, 2, false, false, false},         // (condition) {then} {else}; gives the tuple they yield
    {"while", 0, -1, false, 2, false, false, false},     // (carried...) {yield(goes on)} {yield(carried...)}
    {"for", 1, -1, false, 1, false, false, false},       // (count, carried...) (i, carried...) {yield(carried...)}
    {"fusion", 0, -1, false, 1, false, false, false},    // (args...) (params...) {yield(results...)}: one kernel
    {"call", 0, -1, true, 0, false, false, true},        // a function @name of this module
    {"assert", 2, 3, false, 0, false, false, true},      // (condition, message, class of the exception)
    {"builtin", 0, -1, true, 0, false, false, false},    // the function @name of Python's values: numbers, text, lists
    {"effect", 0, -1, true, 0, false, true, true},       // one that changes a list or dict, or prints
    {"py.call", 0, -1, true, 0, false, true, true},      // a Python function, shown as @name
    {"py.method", 1, -1, true, 0, false, true, true},    // a method @name of the first argument
    {"py.module", 0, -1, true, 0, false, true, true},    // the submodule at the path @name
};

constexpr const StructuralOp* structural_op(std::string_view name) {
  for (const StructuralOp& op : kStructuralOps)
    if (op.name == name) return &op;
  return nullptr;
}

}  // namespace tw::jit
