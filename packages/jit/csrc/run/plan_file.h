// The values of one run of a plan.
#pragma once

#include "../builtin/table.h"
#include "../kernels/fused_group.h"
#include "plan.h"

namespace tw::jit {

class Plan::File {
 public:
  // Values that have a place in the frame are put there.
  explicit File(const Plan& plan, const Arena::Frame* frame = nullptr)
      : plan_(plan), frame_(frame), slots_(plan.slots_, value_none()) {}
  File(const File&) = delete;
  ~File() {
    for (tw_value& value : slots_) clear(value);
  }

  void run(const Instruction& instruction) {
    check(g_host->poll());
    if (instruction.op)
      call(instruction);
    else if (instruction.fused)
      fuse(instruction);
    else if (instruction.builtin)
      compute(instruction);
    else
      take_item(instruction);
    for (const uint32_t place : instruction.dead) clear(slots_[place]);
    scratch_.clear();
  }

  // The same without dropping values that end here.
  void call_only(const Instruction& instruction) { call(instruction), scratch_.clear(); }

  tw_value& operator[](uint32_t slot) { return slots_[slot]; }

  // Borrowed from the file, the plan, or the scratch memory of this instruction.
  tw_value read(const Source& source) {
    switch (source.kind) {
      case Source::kSlot:
        return slots_[source.index];
      case Source::kConstant:
        return plan_.constants_[source.index].get();
      default:
        return read_list(plan_.lists_[source.index]);
    }
  }

 private:
  static void clear(tw_value& value) {
    if (value.tag == TW_TENSOR)
      g_host->release(value.u.t), value = value_none();
    else if (value.tag != TW_NONE)
      g_host->value_clear(&value);
  }

  tw_value read_list(const List& list) {
    // Eight bytes an item for tensors, ints and floats, sixteen for values.
    auto& memory = scratch_.emplace_back(list.items.size() * (list.tag == TW_VALUES ? 2 : 1));
    for (size_t i = 0; i < list.items.size(); ++i) {
      const tw_value item = read(list.items[i]);
      if (list.tag == TW_TENSORS)
        reinterpret_cast<tw_tensor**>(memory.data())[i] = From<TensorRef>::get(item).get();
      else if (list.tag == TW_INTS)
        memory[i] = Scalar(item).integer();
      else if (list.tag == TW_FLOATS)
        reinterpret_cast<double*>(memory.data())[i] = Scalar(item).real();
      else
        reinterpret_cast<tw_value*>(memory.data())[i] = item;
    }
    tw_value value{list.tag, static_cast<uint32_t>(list.items.size()), {0}};
    value.u.p = memory.data();
    return value;
  }

  void call(const Instruction& instruction) {
    constexpr size_t kMost = 64;
    tw_value args[kMost], rets[kMost];
    const size_t nargs = instruction.args.size(), nrets = instruction.results.size();
    if (nargs > kMost || nrets > kMost) throw Error(TW_E_UNSUPPORTED, "an op of the graph has more than 64 arguments");
    for (size_t i = 0; i < nargs; ++i) args[i] = read(instruction.args[i]);
    for (size_t k = 0; k < nrets; ++k) rets[k] = place_of(instruction.results[k]);
    for (const auto& [k, source] : instruction.targets) rets[k] = read(source);
    check(g_host->call(instruction.op, args, static_cast<uint32_t>(nargs), rets, static_cast<uint32_t>(nrets)));
    for (size_t k = 0; k < nrets; ++k) {
      if (instruction.results[k] == kNowhere)
        clear(rets[k]);
      else
        slots_[instruction.results[k]] = rets[k];
    }
  }

  void fuse(const Instruction& instruction) {
    auto& args = values_.emplace_back();
    for (const Source& source : instruction.args) args.push_back(read(source));
    auto& results = values_.emplace_back();
    for (const uint32_t slot : instruction.results) results.push_back(place_of(slot));
    instruction.fused->run(args, results.data());
    for (size_t k = 0; k < results.size(); ++k) {
      if (instruction.results[k] == kNowhere)
        clear(results[k]);
      else
        slots_[instruction.results[k]] = results[k];
    }
    values_.clear();
  }

  // The tensor that a value is to be written into, borrowed, or none.
  tw_value place_of(uint32_t slot) const {
    return frame_ && slot != kNowhere ? to_value(static_cast<TensorRef>((*frame_)[slot])) : value_none();
  }

  void compute(const Instruction& instruction) {
    Arguments args;
    for (const Source& source : instruction.args) retain_into(read(source), &*args.emplace_back(make_none()));
    retain_into(instruction.builtin->run(args)->get(), &slots_[instruction.results[0]]);
  }

  void take_item(const Instruction& instruction) {
    const tw_value list = read(instruction.args[0]);
    tw_value& place = slots_[instruction.results[0]];
    if (instruction.item < 0 || instruction.item >= list.aux || (list.tag != TW_TENSORS && list.tag != TW_VALUES))
      throw Error(TW_E_INDEX, "tuple.get: there is no item " + std::to_string(instruction.item));
    if (list.tag == TW_TENSORS)
      give(&place, Tensor::retain(static_cast<tw_tensor**>(list.u.p)[instruction.item]));
    else
      retain_into(static_cast<tw_value*>(list.u.p)[instruction.item], &place);
  }

  const Plan& plan_;
  const Arena::Frame* frame_;
  std::vector<tw_value> slots_;
  std::deque<std::vector<int64_t>> scratch_;
  std::deque<std::vector<tw_value>> values_;
};

}  // namespace tw::jit
