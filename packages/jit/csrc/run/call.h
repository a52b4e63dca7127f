// One call of an op of the registry from values of the graph.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "../ir/registry.h"
#include "../ir/values.h"

namespace tw::jit {

// An owned value that several places hold.
using Shared = std::shared_ptr<Value>;

// An owned copy of a borrowed value; tensors and objects are shared.
void retain_into(const tw_value& value, tw_value* out);

// The arguments in the schema's order, of the kinds it declares.
class CallArguments {
 public:
  explicit CallArguments(const RegistryOp& op) : op_(op), values_(op.nargs, value_none()), given_(op.nargs, false) {}

  void set(uint32_t k, const Shared& value);
  // How many lead; those after take their defaults. Throws TW_E_TYPE for a gap.
  uint32_t count() const;
  const tw_value* data() const { return values_.data(); }

 private:
  tw_value converted(const std::string& type, const tw_value& value);

  const RegistryOp& op_;
  std::vector<tw_value> values_;
  std::vector<bool> given_;
  std::vector<Shared> held_;
  std::deque<std::vector<tw_tensor*>> tensors_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<double>> floats_;
};

// The results; those preset are written into.
class CallResults {
 public:
  explicit CallResults(uint32_t n) : values_(n, value_none()) {}
  CallResults(const CallResults&) = delete;
  ~CallResults();
  void preset(uint32_t k, const tw_value& target);
  void call(const tw_op* op, const tw_value* args, uint32_t nargs);
  // The only result, or a tuple of them.
  Shared take();

 private:
  std::vector<tw_value> values_;
  bool owned_ = false;
};

}  // namespace tw::jit
