// What the graph needs to know of an op of the registry: everything comes from its schema and tags, so that a new op
// needs no work here.
#pragma once

#include <tensorwright/schema.hpp>

#include "module.h"

#include <string_view>
#include <vector>

namespace tw::jit {

struct RegistryOp {
  const tw_op* op;
  std::string name;
  uint32_t nargs, nrets;
  std::vector<DeclaredArgument> arguments;
  bool composite;  // written over other ops
  bool view;       // its result shares the memory of its first argument
  bool random;     // draws from the default generator
  bool dynamic;    // shapes of its results depend on values
  bool pointwise, reduction;
  uint32_t revision;  // rises when the op takes more than before

  int argument(std::string_view wanted) const;  // its position, or -1
};

// The op of that name, or null; kept for as long as the process lives.
const RegistryOp* registry_op(std::string_view name);
const RegistryOp& registry_op(const tw_op* op);

// The k-th argument of a call, by place or by name; null: it is left out.
const Arg* given_argument(const Module& module, NodeId call, const RegistryOp& op, uint32_t k);

// Drops what an op that was only asked has refused, which the thread would report next.
void forget_error();

}  // namespace tw::jit
