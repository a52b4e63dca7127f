#include "functionalise.h"

namespace tw::jit {

const Place& ValuesNow::place(NodeId value) {
  if (const auto found = places_.find(value); found != places_.end()) return found->second;
  state_.current[value] = value, state_.version[value] = 0;
  return places_[value] = Place{value, {}};
}

void ValuesNow::lies_with(NodeId value, const Place& place) {
  places_[value] = place;
  state_.seen[value] = {state_.version[place.base], value};
}

void ValuesNow::view_of(NodeId value, NodeId whole) {
  Place place = this->place(whole);
  place.chain.push_back(value);
  lies_with(value, place);
}

NodeId ValuesNow::now(NodeId value, NodeId anchor) {
  const Place place = this->place(value);
  const int version = state_.version[place.base];
  if (place.chain.empty()) return version ? state_.current[place.base] : place.base;
  auto found = state_.seen.find(value);
  if (found != state_.seen.end() && found->second.first == version) return found->second.second;
  const NodeId view = place.chain.back();
  const NodeId before = place.chain.size() > 1 ? place.chain[place.chain.size() - 2] : place.base;
  std::vector<ArgTree> args = module_.args(view);
  const size_t from = edit_.is(view, "tuple.get") ? 0 : static_cast<size_t>(aliasing_.argument(view));
  for (size_t k = 0; k < args.size(); ++k) args[k] = k == from ? ArgTree(now(before, anchor)) : now_in(args[k], anchor);
  const NodeId made = module_.create(module_[anchor].parent, anchor, module_[view].op, args, module_[view].type);
  if (module_[view].location) module_.set_location(made, module_[view].location);
  state_.seen[value] = {version, made};
  places_[made] = place;
  return made;
}

ArgTree ValuesNow::now_in(ArgTree arg, NodeId anchor) {
  if (arg.kind == ArgKind::kNode) return now(NodeId(arg.index), anchor);
  for (ArgTree& item : arg.items) item = now_in(std::move(item), anchor);
  return arg;
}

void ValuesNow::read_now(NodeId node) {
  std::vector<ArgTree> args = module_.args(node);
  for (ArgTree& arg : args) arg = now_in(std::move(arg), node);
  module_.set_args(node, std::move(args));
  if (!module_[node].keywords.count) return;
  Keywords keywords = module_.keywords(node);
  for (auto& entry : keywords)
    if (entry.first != "into") entry.second = now_in(std::move(entry.second), node);
  module_.set_keywords(node, std::move(keywords));
}

}  // namespace tw::jit
