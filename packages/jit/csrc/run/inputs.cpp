#include "inputs.h"

#include <optional>

namespace tw::jit {
namespace {

std::string dtype_text(tw_dtype dtype) { return std::string(dtype_name(dtype)); }

class Checker {
 public:
  Checker(const Program& program, const std::string& function) : module_(program.module), function_(function) {}

  void input(NodeId node, const tw_value& value) {
    const Type& type = module_.types[module_[node].type];
    if (type.kind != TypeKind::kTensor) return;
    name_ = module_.names[module_[node].target];
    if (value.tag != TW_TENSOR) fail(TW_E_TYPE, "must be a tensor");
    const TensorRef tensor(value.u.t);
    if (type.dtype && tensor.dtype() != *type.dtype)
      fail(TW_E_TYPE, "must be " + dtype_text(*type.dtype) + ", got " + dtype_text(tensor.dtype()));
    if (!type.shape) return;
    if (static_cast<size_t>(tensor.ndim()) != type.shape->size())
      fail(TW_E_SHAPE,
           "must have " + std::to_string(type.shape->size()) + " dimensions, got " + std::to_string(tensor.ndim()));
    for (int d = 0; d < tensor.ndim(); ++d) size((*type.shape)[static_cast<size_t>(d)], tensor.size(d), d);
  }

 private:
  [[noreturn]] void fail(int code, const std::string& what) const {
    throw Error(code, function_ + ": input '" + name_ + "' " + what);
  }
  [[noreturn]] void wrong_size(int d, const std::string& expected, int64_t got) const {
    fail(TW_E_SHAPE,
         "must have size " + expected + " in dimension " + std::to_string(d) + ", got " + std::to_string(got));
  }

  void size(Dim expected, int64_t got, int d) {
    const std::vector<Dim> symbols = module_.dims.symbols(expected);
    for (const Dim symbol : symbols)
      if (!known_.count(symbol)) return symbols.size() == 1 ? solve(symbol, expected, got, d) : void();
    const int64_t wanted = module_.dims.evaluate(expected, known_);
    if (wanted != got) wrong_size(d, expectation(expected, wanted), got);
  }

  std::string expectation(Dim expected, int64_t wanted) const {
    if (module_.dims.value(expected)) return std::to_string(wanted);
    return std::to_string(wanted) + " (" + module_.dims.text(expected) + ")";
  }

  // A size that is a * symbol + b says what the symbol is. Other expressions of one symbol say nothing here.
  void solve(Dim symbol, Dim expected, int64_t got, int d) {
    const int64_t b = module_.dims.evaluate(expected, {{symbol, 0}});
    const int64_t a = difference(module_.dims.evaluate(expected, {{symbol, 1}}), b), rest = difference(got, b);
    if (a == 0 || a == -1 || rest % a != 0) wrong_size(d, module_.dims.text(expected), got);
    const int64_t value = rest / a;
    if (module_.dims.evaluate(expected, {{symbol, value}}) != got) return;
    const auto range = module_.dims.ranges().find(symbol);
    if (range != module_.dims.ranges().end() &&
        (value < range->second.low || (range->second.high && value > *range->second.high)))
      wrong_size(
          d, module_.dims.text(expected) + " with " + module_.dims.text(symbol) + " " + range_text(range->second), got);
    known_[symbol] = value;
  }

  // The graph may be anybody's: its numbers are.
  static int64_t difference(int64_t x, int64_t y) {
    int64_t result;
    if (__builtin_sub_overflow(x, y, &result)) throw Error(TW_E_VALUE, "a size leaves the range of int64");
    return result;
  }

  static std::string range_text(const DimRange& range) {
    const std::string from = "from " + std::to_string(range.low);
    return range.high ? from + " to " + std::to_string(*range.high) : from + " on";
  }

  const Module& module_;
  const std::string& function_;
  std::string name_;
  std::map<Dim, int64_t> known_;
};

}  // namespace

void check_inputs(const Program& program, FunctionId function, const tw_value* args, uint32_t nargs) {
  const Module& module = program.module;
  const std::string& name = module.names[module.function(function).name];
  Checker checker(program, name);
  uint32_t k = 0;
  for (NodeId node = module.first(module.function(function).body); node; node = module[node].next) {
    if (module.op_of(node) != "placeholder") continue;
    if (k < nargs) checker.input(node, args[k]);
    ++k;
  }
  if (k != nargs)
    throw Error(TW_E_TYPE, name + ": takes " + std::to_string(k) + " inputs, got " + std::to_string(nargs));
}

}  // namespace tw::jit
