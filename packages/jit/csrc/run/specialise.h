// Functions as they are run for arguments of one kind (dtypes and sizes): with what can be fused in groups, and with
// the memory of their values planned. The bits are those of the function itself.
#pragma once

#include <mutex>
#include <vector>

#include "../ir/program.h"

namespace tw::jit {

class Specialised {
 public:
  // A program whose function of the same name does for these arguments what the function does, or null: then that
  // itself is run. That is so for arguments of a kind that came once, and where some layer watches the ops.
  std::shared_ptr<Program> get(const Program& program, FunctionId function, const tw_value* args, uint32_t nargs);

 private:
  struct Entry {
    FunctionId function;
    std::vector<int64_t> kind;
    bool seen_twice = false;
    std::shared_ptr<Program> program;  // null: there is nothing to gain
  };
  std::mutex mutex_;
  uint64_t edits_ = 0, attribute_edits_ = 0;  // of the program that the entries are of
  std::vector<Entry> entries_;
};

}  // namespace tw::jit
