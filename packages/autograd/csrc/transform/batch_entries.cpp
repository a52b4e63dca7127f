// The rule of last resort: the op for each entry of the batch, one after another.
#include <tensorwright/ops/joining.hpp>
#include <tensorwright/ops/views.hpp>

#include <mutex>
#include <set>

#include <tensorwright/object.hpp>
#include "../text.h"
#include "batch_call.h"
#include "interpret.h"
#include "warn.h"

namespace tw::autograd {
namespace {

void warn_once(const OpTraits& op) {
  static std::mutex mutex;
  static std::set<std::string> warned;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!warned.insert(op.name).second) return;
  }
  warn(text("vmap: ", short_name(op.name.c_str()), " has no batching rule and runs once for each entry of the batch"));
}

Tensor entry(const BatchCall& batch, TensorRef t, int64_t i) {
  return batch.is_batched(t) ? ops::select(batch.front(t), 0, i) : batch.plain(t);
}

// What the calls gave, by result and by place in it.
using Parts = std::vector<std::vector<std::vector<Tensor>>>;

void collect(Results& results, Parts& parts, std::vector<bool>& lists) {
  for (uint32_t r = 0; r < results.size(); ++r) {
    tw_value value = results.take(r);
    std::vector<Tensor> found;
    lists[r] = value.tag == TW_TENSORS;
    if (value.tag == TW_TENSORS)
      found = take_tensors(&value);
    else if (value.tag == TW_TENSOR)
      found.push_back(Tensor::steal(value.u.t));
    else
      g_host->value_clear(&value);
    parts[r].resize(std::max(parts[r].size(), found.size()));
    for (size_t place = 0; place < found.size(); ++place) parts[r][place].push_back(std::move(found[place]));
  }
}

Tensor stacked(const OpTraits& op, const std::vector<Tensor>& entries) {
  std::vector<tw_tensor*> pointers;
  for (const Tensor& t : entries) {
    if (!same_shape(t, entries[0]))
      throw Error(TW_E_UNSUPPORTED, text(short_name(op.name.c_str()),
                                         ": inside of vmap every entry of the batch must give "
                                         "the same shape, got ",
                                         entries[0].shape(), " and ", t.shape()));
    pointers.push_back(t.get());
  }
  return ops::stack(pointers, 0);
}

void give_parts(BatchCall& batch, const Parts& parts, const std::vector<bool>& lists) {
  tw_call& call = batch.call();
  for (uint32_t r = 0; r < call.nrets; ++r) {
    if (!lists[r]) {
      if (!parts[r].empty()) batch.give_batched(r, stacked(batch.op(), parts[r][0]));
      continue;
    }
    std::vector<Tensor> list;
    for (const auto& entries : parts[r]) list.push_back(wrap_batch(batch.level(), stacked(batch.op(), entries), 0));
    give(&call.rets[r], std::move(list));
  }
}

// In place and out=: each entry is written to its part of the target.
void write_entries(BatchCall& batch) {
  tw_call& call = batch.call();
  for (int64_t i = 0; i < batch.batch_size(); ++i) {
    Arguments args(call);
    args.replace([&](TensorRef t, uint32_t) { return entry(batch, t, i); });
    Results results(call.nrets);
    std::vector<Tensor> targets;
    for (uint32_t r = 0; r < call.nrets; ++r) {
      if (!batch.is_batched(TensorRef(call.rets[r].u.t))) refuse_outside_write(batch.op(), "vmap");
      const bool first = r == 0 && call.args[0].tag == TW_TENSOR && call.args[0].u.t == call.rets[0].u.t;
      targets.push_back(first ? Tensor::retain(args.tensor(0)) : entry(batch, call.rets[r].u.t, i));
      results.preset(r, targets.back());
    }
    results.call(batch.op().op, args);
  }
  for (uint32_t r = 0; r < call.nrets; ++r) g_host->retain(call.rets[r].u.t);
}

}  // namespace

void run_entry_by_entry(BatchCall& batch) {
  tw_call& call = batch.call();
  if (!batch.op().random) warn_once(batch.op());
  if (call.nrets > 0 && call.rets[0].tag == TW_TENSOR) return write_entries(batch);
  if (batch.batch_size() == 0)
    throw Error(TW_E_UNSUPPORTED, text(short_name(batch.op().name.c_str()),
                                       ": has no batching rule, so vmap cannot tell "
                                       "its result for a batch of size 0"));
  Parts parts(call.nrets);
  std::vector<bool> lists(call.nrets);
  for (int64_t i = 0; i < batch.batch_size(); ++i) {
    Arguments args(call);
    args.replace([&](TensorRef t, uint32_t) { return entry(batch, t, i); });
    Results results(call.nrets);
    results.call(batch.op().op, args);
    collect(results, parts, lists);
  }
  give_parts(batch, parts, lists);
}

}  // namespace tw::autograd
