// Types from the ops' own rules: an op is asked by calling it on tensors without data.
#pragma once

#include "editor.h"

namespace tw::jit {

// The type that a call of an op of the registry gives, or nothing where an argument's type is not known, the op refuses
// its arguments, or its result's shape depends on values. A size of the result is an expression over the arguments'
// sizes, found by asking for several values of the symbols; one that fits no simple expression is a new symbol.
std::optional<TypeId> infer_type(Editor& edit, NodeId node);

// Whether a call of an op, whose arguments have known sizes, cannot say without data what sizes its results have.
bool depends_on_values(Editor& edit, NodeId node);

// A tensor without data of that type, where its sizes are constants (or given by `symbols`).
std::optional<Tensor> without_data(Module& module, TypeId type, const std::map<Dim, int64_t>& symbols = {});

}  // namespace tw::jit
