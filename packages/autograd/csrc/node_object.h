// Nodes as Python sees them: attributes `name`, `next_functions`, `register_hook`, saved values.
#pragma once

#include <tensorwright/object.hpp>
#include "node.h"

namespace tw::autograd {

ObjectRef object_of_node(const NodeRef& node);
Node& node_of_object(const tw_object* object, const char* who);  // refuses other objects
// Makes the dictionaries that users write their `metadata` into.
void set_metadata_factory(tw_object* factory);

}  // namespace tw::autograd
