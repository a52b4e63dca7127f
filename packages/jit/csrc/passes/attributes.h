// Attributes that are constants: all that no function writes, where the program is frozen, and what was computed from
// such and kept.
#pragma once

#include <set>

#include "pass.h"

namespace tw::jit {

// Before the names of attributes that hold what was computed.
constexpr std::string_view kFolded = "folded.";

// The attributes that functions write.
std::set<std::string> written_attributes(Editor& edit);

class ConstantAttributes {
 public:
  ConstantAttributes(Editor& edit, const PassOptions& options)
      : edit_(edit), frozen_(options.fold_attributes), written_(written_attributes(edit)) {}
  // The value of a get_attr node, or null.
  const Tensor* value(NodeId node) const;

 private:
  Editor& edit_;
  bool frozen_;
  std::set<std::string> written_;
};

}  // namespace tw::jit
