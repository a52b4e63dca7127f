#include "layer_group.h"

#include <algorithm>

#include "../run/plan_file.h"
#include "describe.h"
#include "expansions.h"

namespace tw::jit {
namespace {

constexpr uint32_t kMostArguments = TW_KERNEL_OPERANDS;

// A tensor's identity: where it lies and how often it was written.
struct Version {
  const void* data;
  uint64_t writes;
  bool operator==(const Version& other) const { return data == other.data && writes == other.writes; }
};

Version version_of(const tw_value& value) {
  Version version{value.u.t->dl.data, 0};
  check(g_host->version(value.u.t, &version.writes));
  return version;
}

bool same_geometry(TensorRef a, TensorRef b) {
  const auto equal = [](IntList x, IntList y) { return std::equal(x.begin(), x.end(), y.begin(), y.end()); };
  return a.dtype() == b.dtype() && equal(a.shape(), b.shape()) && equal(a.strides(), b.strides());
}

// One op on a part of the result.
struct Step {
  tw_block_kernel kernel;
  uint8_t steps[TW_KERNEL_OPERANDS];
  int32_t argument[TW_KERNEL_OPERANDS];  // of the region, kBefore or kConstant
  static constexpr int32_t kBefore = -1, kConstant = -2;
};

}  // namespace

struct LayerGroup::Ready {
  std::vector<Tensor> like;  // the arguments that this is for, without data
  Version weight;
  Tensor prepared;  // null: nothing is
  std::vector<Step> steps;
  int64_t item = 0;
  bool runs = false;  // else the ops do it one by one

  bool fits(const std::vector<tw_value>& args) const {
    for (size_t k = 0; k < args.size(); ++k)
      if (!same_geometry(like[k], args[k].u.t)) return false;
    return true;
  }
};

// What the kernel calls on each part.
struct LayerGroup::Parts {
  const Ready& ready;
  const std::vector<tw_value>& args;

  static void TW_CALL run(void* context, int64_t first, int64_t count, void* part) {
    const auto& [ready, args] = *static_cast<const Parts*>(context);
    for (const Step& step : ready.steps) {
      const void* in[TW_KERNEL_OPERANDS];
      for (uint32_t k = 0; k < step.kernel.noperands; ++k) {
        const int32_t from = step.argument[k];
        if (from >= 0)
          in[k] = static_cast<const char*>(args[static_cast<size_t>(from)].u.t->dl.data) + first * ready.item;
        else
          in[k] = from == Step::kBefore ? part : static_cast<const void*>(step.kernel.constant[k]);
      }
      step.kernel.block(count, &part, in, step.steps);
    }
  }
};

// ---- reading a region -----------------------------------------------------------------------------------------------

// Reads what the region's ops take, one after the other.
class LayerGroup::Reader {
 public:
  explicit Reader(const Plan& region) : region_(region), file_(region) {}

  std::unique_ptr<const LayerGroup> read() {
    for (const Plan::Instruction& instruction : region_.instructions_)
      if (!add(instruction)) return nullptr;
    const Plan::List& yielded = region_.lists_[region_.result_.index];
    if (group_->calls_.empty() || yielded.items.size() != 1 || !is_before(yielded.items[0])) return nullptr;
    const Call& layer = group_->calls_[0];
    const bool weighs = layer.operands.size() > 1 && layer.operands[1].kind == Operand::kArgument;
    return weighs && is_layer(registry_op(layer.op).name) ? std::move(group_) : nullptr;
  }

 private:
  bool is_before(const Plan::Source& source) const {
    return source.kind == Plan::Source::kSlot && source.index == before_;
  }

  bool add(const Plan::Instruction& instruction) {
    const bool plain = instruction.op && instruction.targets.empty() && instruction.results.size() == 1;
    if (!plain || instruction.args.size() > kMostArguments) return false;
    Call call{instruction.op, {}};
    for (const Plan::Source& source : instruction.args) {
      const auto operand = operand_of(source);
      if (!operand) return false;
      call.operands.push_back(*operand);
    }
    before_ = instruction.results[0];
    group_->calls_.push_back(std::move(call));
    return true;
  }

  std::optional<Operand> operand_of(const Plan::Source& source) {
    if (is_before(source)) return Operand{Operand::kBefore, 0};
    if (source.kind == Plan::Source::kSlot) {
      const auto& slots = region_.parameter_slots_;
      const auto parameter = std::find(slots.begin(), slots.end(), source.index);
      if (parameter == slots.end()) return std::nullopt;
      return Operand{Operand::kArgument, static_cast<uint32_t>(parameter - slots.begin())};
    }
    const auto is_constant = [](const Plan::Source& item) { return item.kind == Plan::Source::kConstant; };
    if (source.kind == Plan::Source::kList) {
      const auto& items = region_.lists_[source.index].items;
      if (!std::all_of(items.begin(), items.end(), is_constant)) return std::nullopt;
    }
    retain_into(file_.read(source), &group_->constants_.emplace_back());
    return Operand{Operand::kConstant, static_cast<uint32_t>(group_->constants_.size() - 1)};
  }

  const Plan& region_;
  Plan::File file_;
  std::unique_ptr<LayerGroup> group_{new LayerGroup};
  uint32_t before_ = Plan::kNowhere;
};

std::unique_ptr<const LayerGroup> LayerGroup::of(const Plan& region) { return Reader(region).read(); }

// ---- arguments ------------------------------------------------------------------------------------------------------

tw_value LayerGroup::value_of(const Operand& operand, const std::vector<tw_value>& args) const {
  return operand.kind == Operand::kArgument ? args[operand.index] : constants_[operand.index].get();
}

std::shared_ptr<const LayerGroup::Ready> LayerGroup::ready_for(const std::vector<tw_value>& args) const {
  std::shared_ptr<const Ready> known;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    known = ready_;
  }
  const Version weight = version_of(args[calls_[0].operands[1].index]);
  if (known && known->weight == weight && known->fits(args)) return known;
  known = make(args, known && known->weight == weight ? known.get() : nullptr);
  const std::lock_guard<std::mutex> lock(mutex_);
  return ready_ = known;
}

// `before`: with the same weight, for other arguments.
std::shared_ptr<const LayerGroup::Ready> LayerGroup::make(const std::vector<tw_value>& args,
                                                          const Ready* before) const {
  auto ready = std::make_shared<Ready>();
  const LayerScope bare(0, ~uint64_t{0});
  for (const tw_value& arg : args) ready->like.push_back(without_data(arg.u.t));
  ready->weight = version_of(args[calls_[0].operands[1].index]);
  std::vector<tw_value> asked, given;
  for (const Tensor& like : ready->like) asked.push_back(to_value(static_cast<TensorRef>(like)));
  tw_value layer[kMostArguments], whole[kMostArguments];
  const auto nargs = static_cast<uint32_t>(calls_[0].operands.size());
  for (uint32_t k = 0; k < nargs; ++k) {
    layer[k] = value_of(calls_[0].operands[k], asked);
    whole[k] = value_of(calls_[0].operands[k], args);
  }
  Value made;  // of the layer, without data
  check(g_host->call(calls_[0].op, layer, nargs, &made, 1));
  const TensorRef result(made->u.t);
  ready->item = item_size(result.dtype());
  bool fine = result.dtype() == kFloat32 || result.dtype() == kFloat64;
  for (size_t k = 1; fine && k < calls_.size(); ++k) fine = add_step(calls_[k], asked, result, *ready);
  if (!fine) return ready;
  ready->runs = true;
  ready->prepared = before && before->prepared ? before->prepared : prepared_weight(calls_[0].op, whole, nargs);
  return ready;
}

// Where the op's block kernel takes the result so far, constants, and tensors that lie in memory like the result.
bool LayerGroup::add_step(const Call& call, const std::vector<tw_value>& args, TensorRef result, Ready& ready) const {
  tw_value values[kMostArguments];
  const auto nargs = static_cast<uint32_t>(call.operands.size());
  for (uint32_t k = 0; k < nargs; ++k)
    values[k] = call.operands[k].kind == Operand::kBefore ? to_value(result) : value_of(call.operands[k], args);
  const auto kernel = block_kernel(call.op, values, nargs);
  if (!kernel || !kernel->block || kernel->nresults != 1 || kernel->result[0] != result.dtype()) return false;
  Step step{*kernel, {}, {}};
  for (uint32_t k = 0; k < kernel->noperands; ++k) {
    const int32_t from = kernel->argument[k];
    step.steps[k] = from >= 0;
    step.argument[k] = Step::kConstant;
    if (kernel->operand[k] != result.dtype()) return false;
    if (from < 0) continue;
    const Operand& operand = call.operands[static_cast<size_t>(from)];
    const tw_value& value = values[from];
    if (value.tag != TW_TENSOR || !same_geometry(value.u.t, result)) return false;
    if (operand.kind == Operand::kConstant) return false;
    step.argument[k] = operand.kind == Operand::kBefore ? Step::kBefore : static_cast<int32_t>(operand.index);
  }
  ready.steps.push_back(step);
  return true;
}

bool LayerGroup::run(const std::vector<tw_value>& args, tw_value* result) const {
  const auto ready = ready_for(args);
  if (!ready->runs) return false;
  tw_value layer[kMostArguments];
  const auto nargs = static_cast<uint32_t>(calls_[0].operands.size());
  for (uint32_t k = 0; k < nargs; ++k) layer[k] = value_of(calls_[0].operands[k], args);
  Parts parts{*ready, args};
  return run_layer(calls_[0].op, layer, nargs, ready->prepared, ready->steps.empty() ? nullptr : Parts::run, &parts,
                   result);
}

}  // namespace tw::jit
