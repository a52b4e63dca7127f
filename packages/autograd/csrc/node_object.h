// Nodes as Python sees them: attributes `name`, `next_functions`, `register_hook`, saved values.
#pragma once

#include <tensorwright/object.hpp>
#include "node.h"

namespace tw::autograd {

ObjectRef object_of_node(const NodeRef& node);

}  // namespace tw::autograd
