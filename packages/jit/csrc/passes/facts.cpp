#include "facts.h"

#include <cstdlib>
#include <mutex>
#include <unordered_map>

namespace tw::jit {
namespace {

constexpr std::string_view kCommuting[] = {"tw::add",     "tw::mul",         "tw::maximum",
                                           "tw::minimum", "tw::logical_and", "tw::logical_or"};

// The text behind `=` of each argument, in the order of declared_arguments.
std::vector<std::string> declared_defaults(std::string_view schema) {
  std::vector<std::string> defaults;
  int depth = 0;
  bool quote = false;
  std::string part;
  const auto finish = [&] {
    const size_t equal = part.find('=');
    const std::string head = part.substr(0, equal);
    const bool mark = head.find_first_not_of(" *") == std::string::npos;  // `*` begins the keywords
    if (!mark) defaults.push_back(equal == std::string::npos ? "" : part.substr(equal + 1));
    part.clear();
  };
  for (const char c : schema.substr(schema.find('('))) {
    if (c == '\'') quote = !quote;
    if (!quote && (c == '(' || c == '[') && ++depth == 1) continue;
    if (!quote && (c == ')' || c == ']') && --depth == 0) break;
    if (c == ',' && depth == 1 && !quote)
      finish();
    else
      part += c;
  }
  finish();
  return defaults;
}

OpFacts describe(const RegistryOp& op) {
  tw_op_info info{};
  info.size = sizeof info;
  check(g_host->op_info(op.op, &info));
  OpFacts facts{&op, declared_defaults(info.schema), {}, false};
  for (const DeclaredArgument& argument : op.arguments)
    facts.written.push_back(argument.type.find('!') != std::string::npos);
  for (const std::string_view name : kCommuting) facts.commutes |= op.name == name;
  return facts;
}

ArgTree number(Module& module, const std::string& text) {
  if (text.find_first_of(".en") == std::string::npos) return module.constants.integer(std::atoll(text.c_str()));
  return module.constants.real(std::strtod(text.c_str(), nullptr));
}

ArgTree list(Module& module, const std::string& text) {
  ArgTree items(ArgKind::kList, {});
  std::string part;
  for (const char c : text.substr(1)) {
    if (c != ',' && c != ']') {
      if (c != ' ') part += c;
      continue;
    }
    if (!part.empty()) items.items.push_back(default_argument(module, part));
    part.clear();
  }
  return items;
}

}  // namespace

const OpFacts* op_facts(std::string_view name) {
  static std::mutex mutex;
  static auto* known = new std::unordered_map<const RegistryOp*, OpFacts>();
  const RegistryOp* op = registry_op(name);
  if (!op) return nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = known->find(op);
  return &(found != known->end() ? found : known->emplace(op, describe(*op)).first)->second;
}

ArgTree default_argument(Module& module, const std::string& text) {
  if (text == "None") return {};
  if (text == "True" || text == "False") return module.constants.boolean(text == "True");
  if (text.front() == '\'' || text.front() == '"')
    return module.constants.string(std::string_view(text).substr(1, text.size() - 2));
  if (text.front() == '[') return list(module, text);
  if (const auto dtype = dtype_named(text)) return module.constants({ConstantKind::kDtype, 0, 0, 0, {}, *dtype});
  return number(module, text);
}

}  // namespace tw::jit
