// What passes need to know of an op beyond its name: defaults and writes as its schema declares them.
#pragma once

#include "../ir/program.h"
#include "../ir/registry.h"

namespace tw::jit {

struct OpFacts {
  const RegistryOp* op;
  std::vector<std::string> defaults;  // as the schema writes them; empty: there is none
  std::vector<bool> written;          // the arguments that the op may write into
  bool commutes;                      // the first two arguments may change places
};

// Null for what is not in the registry.
const OpFacts* op_facts(std::string_view name);

// The constant that a schema's default stands for.
ArgTree default_argument(Module& module, const std::string& text);

}  // namespace tw::jit
