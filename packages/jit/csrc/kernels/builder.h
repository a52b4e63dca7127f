// Puts the steps of a group together.
#pragma once

#include <map>
#include <string_view>

#include "tile.h"

namespace tw::jit {

class TileBuilder {
 public:
  explicit TileBuilder(TileGroup& group) : group_(group) {}

  ValueId add(TileValue value);
  ValueId constant(tw_dtype dtype, const unsigned char (&repeated)[64]);
  // The value in another dtype; nothing where one of the two is not known.
  std::optional<ValueId> converted(ValueId value, tw_dtype dtype);
  // The results of a kernel over operands of its own dtypes; of a row, if `row` or if it folds.
  std::vector<ValueId> step(std::string_view op, const tw_block_kernel& kernel, const std::vector<ValueId>& operands,
                            bool row);

  // The same by the name of an op, over values of one dtype and numbers; for what is written over others here.
  class Argument {
   public:
    Argument(ValueId value) : value_(value) {}
    Argument(double number) : number_(number), is_number_(true) {}
    bool is_number() const { return is_number_; }
    ValueId value() const { return value_; }
    double number() const { return number_; }

   private:
    ValueId value_ = 0;
    double number_ = 0;
    bool is_number_ = false;
  };
  ValueId call(const char* op, const std::vector<Argument>& args);

  const TileValue& operator[](ValueId value) const { return group_.values[value]; }

 private:
  ValueId computed(tw_dtype dtype, bool row, int phase);

  TileGroup& group_;
  std::map<std::pair<ValueId, uint32_t>, ValueId> conversions_;
};

}  // namespace tw::jit
