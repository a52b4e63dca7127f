#include "layer_group.h"

#include <algorithm>
#include <map>
#include <set>

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
  std::vector<Tensor> like;   // the arguments that this is for, without data
  std::vector<Tensor> asked;  // the same, images by planes
  Version weight{};
  Tensor prepared;             // null: nothing is
  std::vector<int64_t> shape;  // of the result as it lies, for groups of images
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
      if (group_->result_border_ || !add(instruction)) return nullptr;  // nothing follows the move to blocks
    const Plan::List& yielded = region_.lists_[region_.result_.index];
    if (yielded.items.size() != 1 || !is_before(yielded.items[0])) return nullptr;
    return is_known() ? std::move(group_) : nullptr;
  }

 private:
  bool is_before(const Plan::Source& source) const {
    return source.kind == Plan::Source::kSlot && source.index == before_;
  }

  // What the core has a kernel for.
  bool is_known() const {
    if (group_->calls_.empty()) return group_->blocked_.empty() == group_->result_border_.has_value();
    for (const auto& entry : group_->blocked_)
      if (plain_.count(entry.first)) return false;
    const std::vector<Operand>& operands = group_->calls_[0].operands;
    const std::string& name = registry_op(group_->calls_[0].op).name;
    if (operands.size() < 2 || operands[0].kind != Operand::kArgument) return false;
    if (is_pool(name)) return group_->calls_.size() == 1 && group_->of_images();
    return operands[1].kind == Operand::kArgument && is_layer(name) && (!group_->of_images() || is_image_layer(name));
  }

  std::optional<uint32_t> parameter(const Plan::Source& source) const {
    const auto& slots = region_.parameter_slots_;
    const auto found = std::find(slots.begin(), slots.end(), source.index);
    if (source.kind != Plan::Source::kSlot || found == slots.end()) return std::nullopt;
    return static_cast<uint32_t>(found - slots.begin());
  }

  bool add(const Plan::Instruction& instruction) {
    if (!instruction.op || !instruction.targets.empty() || instruction.args.size() > kMostArguments) return false;
    const std::string& name = registry_op(instruction.op).name;
    const size_t results = is_pool(name) ? 2 : 1;  // the places of the maxima are not computed
    if (instruction.results.size() != results || (instruction.results.back() == Plan::kNowhere) != (results == 2))
      return false;
    if (name == kToBlocks || name == kToPlanes) return add_move(instruction, name == kToBlocks);
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

  bool add_move(const Plan::Instruction& move, bool to_blocks) {
    const auto argument = parameter(move.args[0]);
    const auto border = border_in(move.args);
    if (!border || (!argument && !(to_blocks && is_before(move.args[0])))) return false;
    if (to_blocks) {
      if (argument) group_->moved_ = *argument;
      if (argument && (!group_->calls_.empty() || !group_->blocked_.empty())) return false;
      group_->result_border_ = border;
    } else {
      if (!group_->calls_.empty() || group_->border_of(*argument)) return false;
      group_->moved_ = *argument;
      group_->blocked_.emplace_back(*argument, *border);
      by_planes_[move.results[0]] = *argument;
    }
    before_ = move.results[0];
    return true;
  }

  std::optional<Border> border_in(const std::vector<Plan::Source>& args) {
    if (args.size() != 2 || args[1].kind == Plan::Source::kSlot) return std::nullopt;
    Value value;
    retain_into(file_.read(args[1]), &value);
    const IntList numbers(static_cast<const int64_t*>(value->u.p), value->tag == TW_INTS ? value->aux : 0);
    if (numbers.size() != 2) return std::nullopt;
    return Border{numbers[0], numbers[1]};
  }

  std::optional<Operand> operand_of(const Plan::Source& source) {
    if (source.kind == Plan::Source::kSlot) {
      const auto moved = by_planes_.find(source.index);
      if (moved != by_planes_.end()) return Operand{Operand::kArgument, moved->second};
      if (is_before(source)) return Operand{Operand::kBefore, 0};
      const auto argument = parameter(source);
      if (!argument) return std::nullopt;
      plain_.insert(*argument);
      return Operand{Operand::kArgument, *argument};
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
  std::map<uint32_t, uint32_t> by_planes_;  // places of the file: the arguments in blocks that they hold by planes
  std::set<uint32_t> plain_;                // arguments that are used as they are
  uint32_t before_ = Plan::kNowhere;
};

std::unique_ptr<const LayerGroup> LayerGroup::of(const Plan& region) { return Reader(region).read(); }

// ---- arguments ------------------------------------------------------------------------------------------------------

tw_value LayerGroup::value_of(const Operand& operand, const std::vector<tw_value>& args) const {
  return operand.kind == Operand::kArgument ? args[operand.index] : constants_[operand.index].get();
}

std::optional<Border> LayerGroup::border_of(uint32_t argument) const {
  for (const auto& [blocked, border] : blocked_)
    if (blocked == argument) return border;
  return std::nullopt;
}

std::optional<uint32_t> LayerGroup::weight() const {
  if (calls_.empty() || calls_[0].operands[1].kind != Operand::kArgument) return std::nullopt;
  return calls_[0].operands[1].index;
}

// Those of the layer, among `tensors`; how many there are.
uint32_t LayerGroup::layer_arguments(const std::vector<tw_value>& tensors, tw_value* out) const {
  if (calls_.empty()) return 0;
  for (const Operand& operand : calls_[0].operands) *out++ = value_of(operand, tensors);
  return static_cast<uint32_t>(calls_[0].operands.size());
}

std::shared_ptr<const LayerGroup::Ready> LayerGroup::ready_for(const std::vector<tw_value>& args) const {
  std::shared_ptr<const Ready> known;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    known = ready_;
  }
  const Version weight = this->weight() ? version_of(args[*this->weight()]) : Version{};
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
  for (uint32_t k = 0; k < args.size(); ++k) {
    ready->like.push_back(without_data(args[k].u.t));
    const auto border = border_of(k);
    if (!border) {
      ready->asked.push_back(Tensor::retain(ready->like.back()));
      continue;
    }
    const std::vector<int64_t> shape = planes_shape(ready->like.back().shape(), *border);
    if (shape.empty()) return ready;
    ready->asked.push_back(empty(shape, ready->like.back().dtype(), {TW_DEVICE_META, 0}));
  }
  if (weight()) ready->weight = version_of(args[*weight()]);
  prepare(args, before, *ready);
  return ready;
}

void LayerGroup::prepare(const std::vector<tw_value>& args, const Ready* before, Ready& ready) const {
  std::vector<tw_value> asked;
  for (const Tensor& tensor : ready.asked) asked.push_back(to_value(static_cast<TensorRef>(tensor)));
  tw_value layer[kMostArguments], whole[kMostArguments];
  const uint32_t nargs = layer_arguments(asked, layer);
  Value made[2];  // of the layer, without data
  tw_value given[2] = {value_none(), value_none()};
  const bool pools = !calls_.empty() && !weight();
  if (calls_.empty()) {
    retain_into(asked[moved_], &made[0]);
  } else {
    check(g_host->call(calls_[0].op, layer, nargs, given, pools ? 2 : 1));
    for (int k = 0; k < (pools ? 2 : 1); ++k) *&made[k] = given[k];
  }
  const TensorRef result(made[0]->u.t);
  ready.item = item_size(result.dtype());
  ready.shape = result_border_ ? blocks_shape(result.shape(), *result_border_) : result.shape().vec();
  bool fine = result.dtype() == kFloat32 || (result.dtype() == kFloat64 && !of_images());
  for (size_t k = 1; fine && k < calls_.size(); ++k) fine = add_step(calls_[k], asked, result, ready);
  if (!fine || ready.shape.empty()) return;
  ready.runs = true;
  if (!weight()) return;
  layer_arguments(args, whole);
  if (of_images()) whole[0] = layer[0];
  ready.prepared = before && before->prepared ? before->prepared
                   : of_images()              ? prepared_for_images(calls_[0].op, whole, nargs)
                                              : prepared_weight(calls_[0].op, whole, nargs);
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
    if (operand.kind == Operand::kArgument && border_of(operand.index) != result_border_) return false;
    step.argument[k] = operand.kind == Operand::kBefore ? Step::kBefore : static_cast<int32_t>(operand.index);
  }
  ready.steps.push_back(step);
  return true;
}

bool LayerGroup::run(const std::vector<tw_value>& args, tw_value* result) const {
  const auto ready = ready_for(args);
  if (!ready->runs) return false;
  Parts parts{*ready, args};
  if (of_images()) return run_of_images(*ready, args, parts, result);
  tw_value layer[kMostArguments];
  const uint32_t nargs = layer_arguments(args, layer);
  return run_layer(calls_[0].op, layer, nargs, ready->prepared, ready->steps.empty() ? nullptr : Parts::run, &parts,
                   result);
}

bool LayerGroup::run_of_images(const Ready& ready, const std::vector<tw_value>& args, Parts& parts,
                               tw_value* result) const {
  const bool fits = result->tag == TW_TENSOR && TensorRef(result->u.t).is_contiguous() &&
                    TensorRef(result->u.t).dtype() == kFloat32 && TensorRef(result->u.t).shape().vec() == ready.shape;
  Tensor out = fits ? Tensor::retain(result->u.t) : empty(ready.shape, kFloat32);
  tw_value layer[kMostArguments];
  const uint32_t nargs = layer_arguments(args, layer), read = nargs ? calls_[0].operands[0].index : moved_;
  layer[0] = to_value(static_cast<TensorRef>(ready.asked[read]));
  const auto described = [](tw_tensor* tensor, const std::optional<Border>& border) {
    const Border lines = border.value_or(Border{});
    return tw_images{tensor, border.has_value(), 0, {lines[0], lines[1]}};
  };
  if (!run_images(nargs ? calls_[0].op : nullptr, layer, nargs, ready.prepared,
                  described(args[read].u.t, border_of(read)), described(out.get(), result_border_),
                  ready.steps.empty() ? nullptr : Parts::run, &parts))
    return false;
  give(result, std::move(out));
  return true;
}

}  // namespace tw::jit
