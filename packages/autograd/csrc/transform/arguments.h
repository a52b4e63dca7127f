// The arguments of a call with tensors replaced: what every level hands on.
#pragma once

#include <tensorwright/tw.hpp>

#include <deque>
#include <vector>

namespace tw::autograd {

class Arguments {
 public:
  explicit Arguments(const tw_call& call) : values_(call.args, call.args + call.nargs) {}
  Arguments(const Arguments&) = delete;

  // Replaces each tensor, also those in lists, by replace(tensor, argument); null entries stay.
  template <class F>
  void replace(F&& replace) {
    for (uint32_t i = 0; i < values_.size(); ++i) {
      tw_value& value = values_[i];
      if (value.tag == TW_TENSOR) {
        set(i, replace(TensorRef(value.u.t), i));
      } else if (value.tag == TW_TENSORS) {
        std::vector<Tensor> fresh;
        for (tw_tensor* t : From<TensorList>::get(value)) fresh.push_back(t ? replace(TensorRef(t), i) : Tensor());
        set_list(i, fresh);
      }
    }
  }

  void set(uint32_t i, Tensor tensor) {
    values_[i] = to_value(static_cast<TensorRef>(tensor));
    kept_.push_back(std::move(tensor));
  }
  void set(uint32_t i, tw_value plain) { values_[i] = plain; }
  void set_ints(uint32_t i, std::vector<int64_t> ints) {
    ints_.push_back(std::move(ints));
    values_[i] = to_value(IntList(ints_.back()));
  }
  void set_list(uint32_t i, const std::vector<Tensor>& tensors) {
    std::vector<tw_tensor*> pointers;
    for (const Tensor& t : tensors) {
      pointers.push_back(t.get());
      kept_.push_back(t);
    }
    lists_.push_back(std::move(pointers));
    values_[i] = to_value(TensorList(lists_.back()));
  }

  const tw_value& operator[](uint32_t i) const { return values_[i]; }
  TensorRef tensor(uint32_t i) const { return From<TensorRef>::get(values_[i]); }
  const tw_value* data() const { return values_.data(); }
  uint32_t size() const { return static_cast<uint32_t>(values_.size()); }

 private:
  std::vector<tw_value> values_;
  std::vector<Tensor> kept_;
  std::deque<std::vector<tw_tensor*>> lists_;  // addresses stay
  std::deque<std::vector<int64_t>> ints_;
};

// Calls f for each tensor of the arguments, those in lists too.
template <class F>
void each_tensor(const tw_call& call, F&& f) {
  for (uint32_t i = 0; i < call.nargs; ++i) {
    const tw_value& value = call.args[i];
    if (value.tag == TW_TENSOR) f(value.u.t);
    if (value.tag == TW_TENSORS)
      for (tw_tensor* t : From<TensorList>::get(value))
        if (t) f(t);
  }
}

// Results of an inner call: owned until they are handed on.
class Results {
 public:
  explicit Results(uint32_t count) : values_(count, value_none()) {}
  Results(const Results&) = delete;
  ~Results() {
    for (tw_value& value : values_) g_host->value_clear(&value);
  }
  // The result `i` of the call is to be written to `target`.
  void preset(uint32_t i, TensorRef target) { values_[i] = to_value(target); }
  void call(const tw_op* op, const Arguments& args) {
    const tw_status status = g_host->call(op, args.data(), args.size(), values_.data(), size());
    if (status != TW_OK) values_.assign(values_.size(), value_none());  // presets are not ours
    check(status);
  }
  tw_value* data() { return values_.data(); }
  const tw_value& operator[](uint32_t i) const { return values_[i]; }
  tw_value take(uint32_t i) { return std::exchange(values_[i], value_none()); }
  Tensor take_tensor(uint32_t i) { return Tensor::steal(take(i).u.t); }
  uint32_t size() const { return static_cast<uint32_t>(values_.size()); }

 private:
  std::vector<tw_value> values_;
};

// Hands result `i` on to the caller with each tensor replaced by replace(tensor).
template <class F>
void give_replaced(tw_call& call, uint32_t i, Results& results, F&& replace) {
  tw_value value = results.take(i);
  if (value.tag == TW_TENSOR) {
    give(&call.rets[i], replace(Tensor::steal(value.u.t)));
  } else if (value.tag == TW_TENSORS) {
    std::vector<Tensor> fresh;
    for (Tensor& t : take_tensors(&value)) fresh.push_back(t ? replace(std::move(t)) : Tensor());
    give(&call.rets[i], std::move(fresh));
  } else {
    call.rets[i] = value;
  }
}

// Runs `op` below a level on `args`. A target that the caller preset is handed down as target(tensor, result), and is
// what the caller gets back; every other result is handed up as wrap(tensor).
template <class Target, class Wrap>
void call_below(tw_call& call, const tw_op* op, const Arguments& args, Target&& target, Wrap&& wrap) {
  Results results(call.nrets);
  std::vector<Tensor> targets(call.nrets);
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (call.rets[i].tag != TW_TENSOR) continue;
    targets[i] = target(TensorRef(call.rets[i].u.t), i);
    results.preset(i, targets[i]);
  }
  results.call(op, args);
  for (uint32_t i = 0; i < call.nrets; ++i) {
    if (!targets[i]) {
      give_replaced(call, i, results, wrap);
      continue;
    }
    static_cast<void>(results.take_tensor(i));
    g_host->retain(call.rets[i].u.t);
  }
}

}  // namespace tw::autograd
