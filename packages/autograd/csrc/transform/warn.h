// Warnings, shown by whoever registered for them: Python's warnings module.
#pragma once

#include <string>

#include <tensorwright/object.hpp>

namespace tw::autograd {

void set_warner(tw_object* callable);
void warn(const std::string& message);  // lost if nobody registered

}  // namespace tw::autograd
