// A function as a flat list of calls over a file of values: arguments are resolved once, results go straight to their
// places, values are dropped after their last use. A plan does not change, so threads share it.
#pragma once

#include <memory>

#include "arena.h"
#include "call.h"

namespace tw::jit {

class FusedGroup;
struct Builtin;

class Plan {
 public:
  // Null where the function does more than call ops, and functions of numbers, one after the other: the interpreter
  // runs that.
  static std::shared_ptr<const Plan> make(Program& program, FunctionId function);
  // Of a fusion's region: takes its arguments and gives what it yields, as a list.
  static std::shared_ptr<const Plan> of_fusion(Program& program, NodeId fusion);
  size_t op_count() const { return instructions_.size(); }
  // Throws what the ops throw, and TW_E_TYPE for a wrong number of arguments. `result` is owned by the caller.
  void run(const tw_value* args, uint32_t nargs, tw_value* result) const;

 private:
  friend class Planner;
  friend class Describer;
  friend class LayerGroup;

  // Where an argument comes from: a place of the file, a constant of the plan, or a list that is put together anew.
  struct Source {
    enum Kind : uint8_t { kSlot, kConstant, kList } kind;
    uint32_t index;
  };
  struct List {
    uint32_t tag;  // TW_TENSORS, TW_INTS, TW_FLOATS or TW_VALUES
    std::vector<Source> items;
  };
  struct Instruction {
    const tw_op* op;  // null: `fused` or `builtin`, or it takes item number `item` of the list in args[0]
    int64_t item;
    const Builtin* builtin;
    std::shared_ptr<const FusedGroup> fused;
    std::vector<Source> args;
    std::vector<std::pair<uint32_t, Source>> targets;  // results that are written into given tensors
    std::vector<uint32_t> results;                     // places, kNowhere for those that nothing uses
    std::vector<uint32_t> dead;                        // places that nothing uses any more
  };
  static constexpr uint32_t kNowhere = UINT32_MAX;

  class File;

  std::string name_;
  std::vector<std::string> parameters_;
  std::vector<uint32_t> parameter_slots_;
  uint32_t slots_ = 0;
  std::vector<Instruction> instructions_;
  std::deque<Value> constants_;
  std::vector<List> lists_;
  Source result_{};
  std::unique_ptr<const Arena> arena_;  // null: every value is allocated when it is made
};

}  // namespace tw::jit
