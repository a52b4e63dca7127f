#include "program.h"

namespace tw::jit {

ConstantId Program::keep(tw_object* object) {
  const auto same = [&](const ObjectRef& kept) {
    return kept.get() == object || (kept.get()->type == object->type && kept.get()->payload == object->payload);
  };
  size_t place = 0;
  while (place < objects.size() && !same(objects[place])) ++place;
  if (place == objects.size()) objects.push_back(ObjectRef::retain(object));
  return module.constants({ConstantKind::kObject, static_cast<int64_t>(place)});
}

}  // namespace tw::jit
