// Reading the schema and the tags that the core tells of an op (tw_op_info).
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tw {

struct DeclaredArgument {
  std::string type, name;
};

inline bool has_tag(const char* tags, std::string_view wanted) {
  std::string_view rest = tags ? tags : "";
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view tag = rest.substr(0, comma);
    while (!tag.empty() && tag.front() == ' ') tag.remove_prefix(1);
    if (tag == wanted) return true;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return false;
}

// Types and names of a schema's arguments: the text between the first parenthesis and its partner, split at commas.
inline std::vector<DeclaredArgument> declared_arguments(std::string_view schema) {
  std::vector<DeclaredArgument> arguments;
  int depth = 0;
  std::string part;
  const auto finish = [&] {
    const std::string declaration = part.substr(0, part.find('='));
    part.clear();
    const size_t first = declaration.find_first_not_of(' '), last = declaration.find_last_not_of(' ');
    if (first == std::string::npos) return;
    const std::string trimmed = declaration.substr(first, last - first + 1);
    const size_t space = trimmed.rfind(' ');
    if (space != std::string::npos) arguments.push_back({trimmed.substr(0, space), trimmed.substr(space + 1)});
  };
  for (const char c : schema.substr(schema.find('('))) {
    if (c == '(' && ++depth == 1) continue;
    if (c == ')' && --depth == 0) break;
    if (c == ',' && depth == 1)
      finish();
    else
      part += c;
  }
  finish();
  return arguments;
}

}  // namespace tw
