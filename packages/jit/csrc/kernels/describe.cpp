#include "describe.h"

#include <map>

#include "../run/plan_file.h"
#include "expansions.h"
#include "space.h"

namespace tw::jit {

Tensor without_data(const tw_tensor* t) {
  const TensorRef like(const_cast<tw_tensor*>(t));
  int64_t span = 1;
  for (int d = 0; d < like.ndim(); ++d) span += (std::max<int64_t>(like.size(d), 1) - 1) * std::abs(like.stride(d));
  const Tensor memory = empty({span}, like.dtype(), {TW_DEVICE_META, 0});
  return as_strided(memory, like.shape(), like.strides(), 0);
}

namespace {

Sizes sizes_of(TensorRef t) { return t.shape().vec(); }

}  // namespace

// Asks the ops on tensors without data.
class Describer {
 public:
  explicit Describer(const Plan& plan) : plan_(plan), file_(plan), builder_(group_) {}

  std::optional<TileGroup> describe(Span<tw_tensor*> inputs) {
    const LayerScope bare(0, ~uint64_t{0});
    if (inputs.size() != plan_.parameter_slots_.size()) return std::nullopt;
    for (size_t k = 0; k < inputs.size(); ++k) {
      give(&file_[plan_.parameter_slots_[k]], without_data(inputs[k]));
      known_[plan_.parameter_slots_[k]] = {Known::kInput, static_cast<uint32_t>(k)};
    }
    for (const Plan::Instruction& instruction : plan_.instructions_)
      if (!ask(instruction)) return std::nullopt;
    if (asked_.empty() || !lay_out()) return std::nullopt;
    for (const Asked& asked : asked_)
      if (!add(asked)) return std::nullopt;
    if (!outputs()) return std::nullopt;
    return std::move(group_);
  }

 private:
  struct Known {  // what stands behind a place of the file
    enum Kind : uint8_t { kInput, kFull, kAligned, kDropped } kind;
    uint32_t index;  // of the input, or of the value
  };
  struct Asked {
    const Plan::Instruction* instruction;
    std::optional<tw_block_kernel> kernel;
    const Expansion* expansion;
    bool cast;
  };

  // ---- what each op computes ------------------------------------------------------------------------------------

  bool ask(const Plan::Instruction& instruction) {
    if (!instruction.op || !instruction.targets.empty() || instruction.args.size() > kMostArguments) return false;
    Asked asked{&instruction, std::nullopt, expansion_of(instruction.op), is_cast(registry_op(instruction.op).name)};
    tw_value args[kMostArguments];
    const auto nargs = static_cast<uint32_t>(instruction.args.size());
    for (uint32_t k = 0; k < nargs; ++k) args[k] = file_.read(instruction.args[k]);
    if (asked.cast) return ask_cast(asked, args, nargs);
    if (!asked.expansion) asked.kernel = block_kernel(instruction.op, args, nargs);
    if (!asked.expansion && !asked.kernel) return false;
    file_.call_only(instruction);  // refuses what the expansions do not look at
    for (uint32_t k = 0; k < nargs; ++k) args[k] = file_.read(instruction.args[k]);
    if (asked.expansion && !sweep(instruction, asked.expansion->dims(args, nargs))) return false;
    if (asked.kernel && asked.kernel->fold && !sweep(instruction, asked.kernel->dims)) return false;
    asked_.push_back(asked);
    return true;
  }

  // A copy in another dtype, laid out like its argument; here both have no data.
  bool ask_cast(const Asked& asked, tw_value* args, uint32_t nargs) {
    constexpr uint32_t kDtype = 1, kDevice = 2, kFormat = 4;
    if (nargs <= kDtype || args[kDtype].tag != TW_DTYPE || (nargs > kFormat && args[kFormat].tag != TW_NONE))
      return false;
    if (nargs > kDevice && args[kDevice].tag == TW_DEVICE && args[kDevice].u.dev.type != TW_DEVICE_CPU) return false;
    const uint32_t slot = asked.instruction->results[0];
    if (slot == Plan::kNowhere) return true;
    check(g_host->call(asked.instruction->op, args, 2, &file_[slot], 1));
    asked_.push_back(asked);
    return true;
  }

  // An op that reduces these dimensions of its first argument.
  bool sweep(const Plan::Instruction& instruction, uint64_t dims) {
    const tw_value self = file_.read(instruction.args[0]);
    if (self.tag != TW_TENSOR) return false;
    const Sizes full = sizes_of(self.u.t);
    if (full.size() < 64) dims &= (uint64_t{1} << full.size()) - 1;
    if (space_.reduces) return space_.full == full && space_.dims == dims;
    space_ = {full, dims, true};
    return true;
  }

  bool lay_out() {
    if (!space_.reduces) space_.full = sizes_of(result(asked_.back(), 0));
    group_.kept = space_.part(false), group_.reduced = space_.part(true);
    return group_.length() > 0 && group_.rows() > 0;
  }

  TensorRef result(const Asked& asked, size_t r) {
    const uint32_t slot = asked.instruction->results[r];
    return slot == Plan::kNowhere ? nullptr : file_[slot].u.t;
  }

  // ---- operands -------------------------------------------------------------------------------------------------

  std::optional<ValueId> load(uint32_t input, uint32_t slot, Known::Kind as) {
    const auto known = loads_.find({input, as});
    if (known != loads_.end()) return known->second;
    const TensorRef t(file_[slot].u.t);
    const Sizes& over = as == Known::kFull ? space_.full : as == Known::kAligned ? aligned() : dropped();
    const auto strides = strides_over(over, sizes_of(t), t.strides().vec(), item_size(t.dtype()));
    if (!strides) return std::nullopt;
    TileValue value{TileValue::kInput, as != Known::kFull, t.dtype(), 0, input, {}, {}, {}};
    for (size_t d = 0; d < over.size(); ++d) {
      const bool reduced = as != Known::kDropped && (space_.folds(d) || !space_.reduces);
      (reduced ? value.reduced : value.kept).push_back((*strides)[d]);
    }
    return loads_[{input, as}] = builder_.add(std::move(value));
  }
  const Sizes& aligned() {
    if (!shapes_known_) aligned_shape_ = space_.aligned(), dropped_shape_ = space_.dropped(), shapes_known_ = true;
    return aligned_shape_;
  }
  const Sizes& dropped() { return aligned(), dropped_shape_; }

  // The value of an argument, for an op over full values or over those of rows.
  std::optional<ValueId> operand(const Plan::Source& source, Known::Kind as) {
    if (source.kind != Plan::Source::kSlot) return std::nullopt;
    const auto found = known_.find(source.index);
    if (found == known_.end()) return std::nullopt;
    const Known& known = found->second;
    if (known.kind == Known::kInput) return load(known.index, source.index, as);
    if (known.kind == as || (as == Known::kFull && known.kind == Known::kAligned)) return known.index;
    return std::nullopt;
  }

  // Over what an op goes: by its operands, and by the shape of its result.
  std::optional<Known::Kind> level(const Asked& asked) {
    if (!space_.reduces || asked.expansion || (asked.kernel && asked.kernel->fold)) return Known::kFull;
    bool of_rows = false;
    for (const Plan::Source& source : asked.instruction->args) {
      const auto found = source.kind == Plan::Source::kSlot ? known_.find(source.index) : known_.end();
      if (found == known_.end() || found->second.kind == Known::kInput) continue;
      if (found->second.kind == Known::kFull) return Known::kFull;
      of_rows = true;
    }
    const TensorRef t = result(asked, 0);
    if (!t) return std::nullopt;
    const Sizes shape = sizes_of(t);
    if (shape == space_.full && !(of_rows && shape == aligned())) return Known::kFull;
    if (shape == aligned()) return Known::kAligned;
    if (shape == dropped()) return space_.leading() ? Known::kAligned : Known::kDropped;
    return std::nullopt;
  }

  // ---- steps ----------------------------------------------------------------------------------------------------

  bool add(const Asked& asked) {
    const auto over = level(asked);
    if (!over) return false;
    if (asked.expansion) return expand(asked);
    if (asked.cast) {
      const auto value = operand(asked.instruction->args[0], *over);
      return value && settle(asked, 0, *value, *over);
    }
    return asked.kernel && step(asked, *asked.kernel, *over);
  }

  bool step(const Asked& asked, const tw_block_kernel& kernel, Known::Kind over) {
    std::vector<ValueId> operands;
    for (uint32_t k = 0; k < kernel.noperands; ++k) {
      std::optional<ValueId> value;
      if (kernel.argument[k] < 0) {
        value = builder_.constant(kernel.operand[k], kernel.constant[k]);
      } else {
        value = operand(asked.instruction->args[static_cast<size_t>(kernel.argument[k])], over);
        if (value) value = builder_.converted(*value, kernel.operand[k]);
      }
      if (!value) return false;
      operands.push_back(*value);
    }
    const std::vector<ValueId> results =
        builder_.step(registry_op(asked.instruction->op).name, kernel, operands, over != Known::kFull);
    for (uint32_t r = 0; r < kernel.nresults; ++r)
      if (!settle(asked, r, results[r], kernel.fold ? folded(asked) : over)) return false;
    return true;
  }

  // In which of its two shapes a reduction gives its result.
  Known::Kind folded(const Asked& asked) {
    const TensorRef t = result(asked, 0);
    return !t || sizes_of(t) == aligned() || space_.leading() ? Known::kAligned : Known::kDropped;
  }

  bool settle(const Asked& asked, size_t r, ValueId value, Known::Kind kind) {
    const uint32_t slot = asked.instruction->results[r];
    if (slot == Plan::kNowhere) return true;
    const TensorRef t(file_[slot].u.t);
    const auto final_value = builder_.converted(value, t.dtype());
    const Sizes shape = sizes_of(t);
    const bool fits = kind == Known::kFull ? shape == space_.full : shape == aligned() || shape == dropped();
    if (!final_value || !fits) return false;
    known_[slot] = {kind, *final_value};
    return true;
  }

  bool expand(const Asked& asked) {
    const Plan::Instruction& instruction = *asked.instruction;
    tw_value args[kMostArguments];
    std::vector<std::optional<ValueId>> values(instruction.args.size());
    for (size_t k = 0; k < instruction.args.size(); ++k) {
      args[k] = file_.read(instruction.args[k]);
      if (args[k].tag != TW_TENSOR) continue;
      values[k] = operand(instruction.args[k], Known::kFull);
      if (!values[k]) return false;
    }
    std::vector<tw_dtype> dtypes;
    for (size_t r = 0; r < instruction.results.size(); ++r) dtypes.push_back(result_dtype(asked, r));
    const auto results = asked.expansion->expand(
        builder_, {args, values, dtypes, static_cast<uint32_t>(instruction.args.size()), group_.length()});
    if (results.empty()) return false;
    group_.expands = true;
    for (size_t r = 0; r < results.size(); ++r)
      if (!settle(asked, r, results[r], r == 0 ? Known::kFull : Known::kAligned)) return false;
    return true;
  }

  tw_dtype result_dtype(const Asked& asked, size_t r) {
    const TensorRef t = result(asked, r);
    return t ? t.dtype() : kFloat32;
  }

  // ---- results --------------------------------------------------------------------------------------------------

  bool outputs() {
    const bool list = plan_.result_.kind == Plan::Source::kList;
    if (!list) return false;
    for (const Plan::Source& item : plan_.lists_[plan_.result_.index].items) {
      const auto found = item.kind == Plan::Source::kSlot ? known_.find(item.index) : known_.end();
      if (found == known_.end() || found->second.kind == Known::kInput) return false;
      if (!output(file_[item.index].u.t, found->second)) return false;
    }
    return true;
  }

  bool output(TensorRef t, const Known& known) {
    const Known::Kind kind = known.kind;
    const Sizes shape = sizes_of(t);
    const bool by_kept = kind == Known::kDropped || (kind == Known::kAligned && shape != aligned());
    const Sizes over = kind == Known::kFull ? space_.full : by_kept ? dropped() : aligned();
    const auto strides = strides_over(over, shape, t.strides().vec(), item_size(t.dtype()));
    if (!strides || group_.values[known.index].kind != TileValue::kComputed) return false;
    const auto number = static_cast<uint32_t>(group_.outputs.size());
    TileOutput out{known.index, t.dtype(), shape, t.strides().vec(), {}, {}, number};
    for (size_t d = 0; d < over.size(); ++d) {
      const bool reduced = !by_kept && (space_.folds(d) || !space_.reduces);
      (reduced ? out.reduced : out.kept).push_back((*strides)[d]);
    }
    group_.outputs.push_back(std::move(out));
    return true;
  }

  static constexpr size_t kMostArguments = 64;

  const Plan& plan_;
  Plan::File file_;
  TileGroup group_;
  TileBuilder builder_;
  TileSpace space_;
  bool shapes_known_ = false;
  Sizes aligned_shape_, dropped_shape_;
  std::vector<Asked> asked_;
  std::map<uint32_t, Known> known_;
  std::map<std::pair<uint32_t, int>, ValueId> loads_;
};

std::optional<TileGroup> describe(const Plan& region, Span<tw_tensor*> inputs) {
  return Describer(region).describe(inputs);
}

}  // namespace tw::jit
