// The run time of the rule language: what generated constraint, shape and dtype rules call. Nothing here allocates
// unless a rule refuses; lists live on the stack.
#pragma once

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <limits>
#include <string>

#include "runtime/dtype.h"

namespace tw::rules {

// ---- lists of int ------------------------------------------------------------------------------------------

[[noreturn]] void too_many_dims();

// A shape being computed.
class Dims {
 public:
  Dims() = default;
  Dims(IntList list) { append(list); }
  Dims(std::initializer_list<int64_t> list) { append({list.begin(), list.size()}); }
  Dims(const Dims& other) { append(other); }
  Dims& operator=(const Dims&) = delete;
  operator IntList() const { return {data_, count_}; }
  void push(int64_t value) {
    if (count_ == TW_MAX_NDIM) too_many_dims();
    data_[count_++] = value;
  }
  void append(IntList list) {
    for (int64_t value : list) push(value);
  }
  int64_t& operator[](size_t i) { return data_[i]; }
  size_t size() const { return count_; }

 private:
  size_t count_ = 0;
  int64_t data_[TW_MAX_NDIM];
};

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

[[noreturn]] void out_of_range(int64_t index, size_t size, const char* term);
inline size_t checked_index(int64_t index, size_t size, const char* term) {
  const int64_t count = static_cast<int64_t>(size);
  if (__builtin_expect(index < -count || index >= count, 0)) out_of_range(index, size, term);
  return static_cast<size_t>(index < 0 ? index + count : index);
}
inline int64_t at(IntList list, int64_t i, const char* term) { return list[checked_index(i, list.size(), term)]; }
inline double at(FloatList list, int64_t i, const char* term) { return list[checked_index(i, list.size(), term)]; }
inline TensorRef at(TensorList list, int64_t i, const char* term) { return list[checked_index(i, list.size(), term)]; }

// list[start:stop] as Python has it; a view of `list`.
inline IntList slice(IntList list, int64_t start, int64_t stop) {
  const int64_t n = static_cast<int64_t>(list.size());
  const auto clamp = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const int64_t first = clamp(start), last = std::max(first, clamp(stop));
  return {list.data() + first, static_cast<size_t>(last - first)};
}
inline bool equal(IntList a, IntList b) { return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin()); }
inline bool contains(IntList list, int64_t value) { return std::find(list.begin(), list.end(), value) != list.end(); }
bool distinct(IntList list);
Dims joint_shape(TensorList list);  // that of the first tensor that is not an empty vector, or of the first
Dims concat(IntList a, IntList b);
Dims repeated(IntList list, int64_t times);
Dims without(IntList list, int64_t index);
Dims inserted(IntList list, int64_t index, int64_t value);
Dims replaced(IntList list, int64_t index, int64_t value);

struct Range {
  int64_t first, last;
};
inline Range range(int64_t stop) { return {0, stop}; }
inline Range range(int64_t start, int64_t stop) { return {start, stop}; }

// ---- numbers: overflow is an error, division rounds down -----------------------------------------------------

[[noreturn]] void overflow();
[[noreturn]] void division_by_zero();
inline int64_t add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_expect(__builtin_add_overflow(a, b, &result), 0)) overflow();
  return result;
}
inline int64_t sub(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_expect(__builtin_sub_overflow(a, b, &result), 0)) overflow();
  return result;
}
inline int64_t mul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_expect(__builtin_mul_overflow(a, b, &result), 0)) overflow();
  return result;
}
int64_t floor_div(int64_t a, int64_t b);
int64_t floor_mod(int64_t a, int64_t b);
template <class T>
T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
  return a < b ? b : a;
}
[[noreturn]] void no_elements(const char* function);
int64_t min(IntList list);
int64_t max(IntList list);
double min(FloatList list);
double max(FloatList list);
int64_t sum(IntList list);
int64_t prod(IntList list);
inline int64_t abs(int64_t i) { return i < 0 ? sub(0, i) : i; }
template <class T>
int64_t len(const Span<T>& list) {
  return static_cast<int64_t>(list.size());
}
inline int64_t len(const Dims& list) { return static_cast<int64_t>(list.size()); }

// ---- comprehensions ------------------------------------------------------------------------------------------

template <class F>
void each(IntList list, F&& f) {
  for (int64_t i : list) f(i);
}
template <class F>
void each(Range range, F&& f) {
  for (int64_t i = range.first; i < range.last; ++i) f(i);
}
template <class F>
void each(TensorList list, F&& f) {
  for (tw_tensor* t : list) f(TensorRef(t));
}
struct Always {
  template <class T>
  bool operator()(const T&) const {
    return true;
  }
};
template <class L, class F, class C = Always>
Dims collect(const L& list, F element, C condition = {}) {
  Dims result;
  each(list, [&](auto item) {
    if (condition(item)) result.push(element(item));
  });
  return result;
}
template <class L, class F, class C = Always>
bool all_of(const L& list, F element, C condition = {}) {
  bool result = true;
  each(list, [&](auto item) { result = result && (!condition(item) || element(item)); });
  return result;
}
template <class L, class F, class C = Always>
bool any_of(const L& list, F element, C condition = {}) {
  bool result = false;
  each(list, [&](auto item) { result = result || (condition(item) && element(item)); });
  return result;
}
template <class L, class F, class C = Always>
int64_t sum_of(const L& list, F element, C condition = {}) {
  int64_t result = 0;
  each(list, [&](auto item) {
    if (condition(item)) result = add(result, element(item));
  });
  return result;
}
template <class L, class F, class C = Always>
int64_t prod_of(const L& list, F element, C condition = {}) {
  int64_t result = 1;
  each(list, [&](auto item) {
    if (condition(item)) result = mul(result, element(item));
  });
  return result;
}
template <class L, class F, class C = Always>
int64_t max_of(const L& list, F element, C condition = {}) {
  bool found = false;
  int64_t result = 0;
  each(list, [&](auto item) {
    if (!condition(item)) return;
    const int64_t value = element(item);
    result = found ? max<int64_t>(result, value) : value;
    found = true;
  });
  if (!found) no_elements("max");
  return result;
}
template <class L, class F, class C = Always>
int64_t min_of(const L& list, F element, C condition = {}) {
  return sub(0, max_of(list, [&](auto item) { return sub(0, element(item)); }, condition));
}

// ---- shapes --------------------------------------------------------------------------------------------------

[[noreturn]] void cannot_broadcast(IntList a, IntList b);
Dims broadcast(IntList a, IntList b);
inline Dims broadcast(IntList a) { return a; }
template <class... Rest>
Dims broadcast(IntList a, IntList b, const Rest&... rest) {
  return broadcast(broadcast(a, b), IntList(rest)...);
}
bool broadcasts(IntList shape, IntList target);
int64_t normalize_dim(int64_t dim, int64_t ndim);
Dims normalize_dims(IntList dims, int64_t ndim);
inline Dims normalize_dims(int64_t dim, int64_t ndim) { return {normalize_dim(dim, ndim)}; }
// No dims, or an empty list of them: all.
Dims reduced(IntList shape, IntList dims, bool keepdim);
inline Dims reduced(IntList shape, int64_t dim, bool keepdim) { return reduced(shape, {&dim, 1}, keepdim); }
template <class D>
Dims reduced(IntList shape, const std::optional<D>& dim, bool keepdim) {
  return dim ? reduced(shape, *dim, keepdim) : reduced(shape, IntList(), keepdim);
}
// Windows along one dimension; with ceil_mode the last may hang over, if it starts inside the padded input.
int64_t pooled_size(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation, bool ceil_mode);

// ---- attributes of arguments ------------------------------------------------------------------------------------

inline int64_t ndim_of(TensorRef t) { return t.ndim(); }
inline IntList shape_of(TensorRef t) { return t.shape(); }
inline int64_t numel_of(TensorRef t) { return t.numel(); }
inline tw_dtype dtype_of(TensorRef t) { return t.dtype(); }
inline tw_device device_of(TensorRef t) { return t.device(); }
inline int64_t ndim_of(const Operand& o) { return o.is_tensor() ? o.tensor().ndim() : 0; }
inline IntList shape_of(const Operand& o) { return o.is_tensor() ? o.tensor().shape() : IntList(); }
inline int64_t numel_of(const Operand& o) { return o.is_tensor() ? o.tensor().numel() : 1; }
inline tw_device device_of(const Operand& o) {
  return o.is_tensor() ? o.tensor().device() : tw_device{TW_DEVICE_CPU, 0};
}
tw_dtype dtype_of(const Operand& o);

inline bool has_value(TensorRef t) { return static_cast<bool>(t); }
inline bool has_value(const tw_object* o) { return o != nullptr; }
template <class T>
bool has_value(const std::optional<T>& o) {
  return o.has_value();
}

// ---- dtypes --------------------------------------------------------------------------------------------------------

inline bool is_floating(tw_dtype d) { return tw::is_floating(d); }
inline bool is_integral(tw_dtype d) { return tw::is_integral(d); }
inline bool is_complex(tw_dtype d) { return tw::is_complex(d); }
inline int64_t itemsize(tw_dtype d) { return tw::item_size(d); }
inline tw_dtype default_dtype() { return tw::default_dtype(); }
inline tw_dtype float_dtype(tw_dtype d) { return tw::to_float_type(d); }
inline tw_dtype statistics_dtype(tw_dtype d) { return d.bits == 16 && tw::is_floating(d) ? kFloat32 : d; }
tw_dtype real_dtype(tw_dtype d);
tw_dtype complex_dtype(tw_dtype d);

inline void join(Promotion& p, TensorRef t) {
  if (t) p.add(t.dtype());
}
inline void join(Promotion& p, tw_dtype d) { p.add(d); }
inline void join(Promotion& p, const Scalar& s) { p.add_scalar(s.value()); }
inline void join(Promotion& p, const Operand& o) {
  if (o.is_tensor())
    p.add(o.tensor().dtype());
  else
    p.add_scalar(o.value());
}
inline void join(Promotion& p, TensorList list) {
  for (tw_tensor* t : list) join(p, TensorRef(t));
}
template <class T>
void join(Promotion& p, const std::optional<T>& o) {
  if (o) join(p, *o);
}
template <class... Operands>
tw_dtype promote(const Operands&... operands) {
  Promotion promotion;
  (join(promotion, operands), ...);
  return promotion.result();
}

// ---- refusing and answering ---------------------------------------------------------------------------------------

// `mm: inner dimensions differ: self is [4, 3], mat2 is [2, 5] (self.shape[1]=3, mat2.shape[0]=2)`
class Refusal {
 public:
  Refusal(const char* op, tw_status code, const char* sentence);
  Refusal& tensor(const char* name, TensorRef t);
  Refusal& tensor(const char* name, const Operand& o);
  Refusal& term(const char* text, int64_t value);
  Refusal& term(const char* text, bool value);
  Refusal& term(const char* text, double value);
  Refusal& term(const char* text, std::string_view value);
  Refusal& term(const char* text, IntList value);
  Refusal& term(const char* text, FloatList value);
  Refusal& term(const char* text, TensorList value);
  Refusal& term(const char* text, TensorRef value);
  Refusal& term(const char* text, tw_dtype value);
  Refusal& term(const char* text, tw_device value);
  Refusal& term(const char* text, const Scalar& value);
  Error error() const;

 private:
  Refusal& add(const char* text, const std::string& value);
  tw_status code_;
  std::string sentence_, tensors_, terms_;
};

// The device of the results: that of the first tensor, else of a device argument, else the CPU.
tw_device result_device(const tw_call* call);
void set_result(tw_meta* meta, IntList shape, tw_dtype dtype, tw_device device);

// Runs generated rules; an error of the rule language's own functions is prefixed with the op's name.
using RuleFunction = void (*)(const tw_call* call, tw_meta* metas);
tw_status run(const char* op, RuleFunction rules, const tw_call* call, tw_meta* metas);

}  // namespace tw::rules
