// tw.hpp - C++17 over the C ABI: ownership, errors as exceptions, values. Header-only and made of frozen
// structs and host-table entries alone, so it adds nothing to the ABI. One translation unit of every shared
// object defines the table's address: `namespace tw { const tw_host* g_host; }`.
#ifndef TENSORWRIGHT_TW_HPP_
#define TENSORWRIGHT_TW_HPP_

#include <tensorwright/tw_abi.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tw {

extern const tw_host* g_host;

// ---- errors -----------------------------------------------------------------------------------------

class Error : public std::exception {
 public:
  Error(tw_status code, std::string message) : code_(code), message_(std::move(message)) {}
  tw_status code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  tw_status code_;
  std::string message_;
};

// The host's error slot already holds the error (its code, message, perhaps a parked Python exception).
class PendingError : public std::exception {
 public:
  explicit PendingError(tw_status code) : code_(code) {}
  tw_status code() const { return code_; }
  const char* what() const noexcept override { return "error pending in the host's slot"; }

 private:
  tw_status code_;
};

inline void check(tw_status status) {
  if (__builtin_expect(status != TW_OK, 0)) throw PendingError(status);
}

// Runs f at an ABI boundary: nothing is thrown across it.
template <class F>
tw_status guard(F&& f) noexcept {
  try {
    f();
    return TW_OK;
  } catch (const PendingError& e) {
    return e.code();
  } catch (const Error& e) {
    return g_host->err_set(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return g_host->err_set(TW_E_NOMEM, "out of memory");
  } catch (const std::exception& e) {
    return g_host->err_set(TW_E_UNKNOWN, e.what());
  }
}

// ---- small views --------------------------------------------------------------------------------------

template <class T>
struct Span {
  const T* first = nullptr;
  size_t count = 0;
  Span() = default;
  Span(const T* p, size_t n) : first(p), count(n) {}
  Span(const std::vector<T>& v) : first(v.data()), count(v.size()) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"
#endif
  Span(std::initializer_list<T> v) : first(v.begin()), count(v.size()) {}  // only as a call's argument
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
  const T* begin() const { return first; }
  const T* end() const { return first + count; }
  const T* data() const { return first; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  const T& operator[](size_t i) const { return first[i]; }
  std::vector<T> vec() const { return std::vector<T>(begin(), end()); }
};
using IntList = Span<int64_t>;
using FloatList = Span<double>;

inline bool operator==(tw_dtype a, tw_dtype b) { return a.code == b.code && a.bits == b.bits; }
inline bool operator!=(tw_dtype a, tw_dtype b) { return !(a == b); }
inline bool operator==(tw_device a, tw_device b) { return a.type == b.type && a.index == b.index; }
inline bool operator!=(tw_device a, tw_device b) { return !(a == b); }

constexpr tw_dtype kBool{TW_DT_BOOL, 8, 1}, kUInt8{TW_DT_UINT, 8, 1}, kUInt16{TW_DT_UINT, 16, 1},
    kUInt32{TW_DT_UINT, 32, 1}, kUInt64{TW_DT_UINT, 64, 1}, kInt8{TW_DT_INT, 8, 1}, kInt16{TW_DT_INT, 16, 1},
    kInt32{TW_DT_INT, 32, 1}, kInt64{TW_DT_INT, 64, 1}, kFloat16{TW_DT_FLOAT, 16, 1}, kBFloat16{TW_DT_BFLOAT, 16, 1},
    kFloat32{TW_DT_FLOAT, 32, 1}, kFloat64{TW_DT_FLOAT, 64, 1}, kComplex64{TW_DT_COMPLEX, 64, 1},
    kComplex128{TW_DT_COMPLEX, 128, 1}, kFloat8E4M3FN{TW_DT_FLOAT8_E4M3FN, 8, 1}, kFloat8E5M2{TW_DT_FLOAT8_E5M2, 8, 1};
inline bool is_float8(tw_dtype d) { return d.code == TW_DT_FLOAT8_E4M3FN || d.code == TW_DT_FLOAT8_E5M2; }
inline bool is_floating(tw_dtype d) { return d.code == TW_DT_FLOAT || d.code == TW_DT_BFLOAT || is_float8(d); }
inline bool is_complex(tw_dtype d) { return d.code == TW_DT_COMPLEX; }
inline bool is_integral(tw_dtype d) { return d.code == TW_DT_INT || d.code == TW_DT_UINT; }
inline int64_t item_size(tw_dtype d) { return (d.bits + 7) / 8; }

// ---- tensors --------------------------------------------------------------------------------------------

// A borrowed tensor: valid as long as somebody else owns it. Null stands for an absent optional argument.
class TensorRef {
 public:
  TensorRef(tw_tensor* t = nullptr) : t_(t) {}
  tw_tensor* get() const { return t_; }
  explicit operator bool() const { return t_ != nullptr; }
  int ndim() const { return t_->dl.ndim; }
  int64_t size(int d) const { return t_->dl.shape[d < 0 ? d + ndim() : d]; }
  int64_t stride(int d) const { return t_->dl.strides[d < 0 ? d + ndim() : d]; }
  IntList shape() const { return {t_->dl.shape, static_cast<size_t>(ndim())}; }
  IntList strides() const { return {t_->dl.strides, static_cast<size_t>(ndim())}; }
  int64_t numel() const { return t_->numel; }
  tw_dtype dtype() const { return t_->dl.dtype; }
  tw_device device() const { return t_->dl.device; }
  bool is_contiguous() const { return t_->flags & TW_F_CONTIGUOUS; }
  template <class T>
  T* data() const {
    return static_cast<T*>(t_->dl.data);
  }

 protected:
  tw_tensor* t_;
};

// An owned tensor (one reference).
class Tensor : public TensorRef {
 public:
  Tensor() = default;
  static Tensor steal(tw_tensor* t) {
    Tensor r;
    r.t_ = t;
    return r;
  }
  static Tensor retain(TensorRef t) {
    if (t) g_host->retain(t.get());
    return steal(t.get());
  }
  Tensor(const Tensor& o) : TensorRef(o.t_) {
    if (t_) g_host->retain(t_);
  }
  Tensor(Tensor&& o) noexcept : TensorRef(o.t_) { o.t_ = nullptr; }
  Tensor& operator=(Tensor o) noexcept {
    std::swap(t_, o.t_);
    return *this;
  }
  ~Tensor() {
    if (t_) g_host->release(t_);
  }
  tw_tensor* release() { return std::exchange(t_, nullptr); }
  void reset() { *this = Tensor(); }
};

inline Tensor empty(IntList shape, tw_dtype dtype, tw_device device = {TW_DEVICE_CPU, 0}) {
  tw_tensor* out = nullptr;
  check(g_host->empty(shape.data(), static_cast<int32_t>(shape.size()), dtype, device, &out));
  return Tensor::steal(out);
}
inline Tensor as_strided(TensorRef base, IntList shape, IntList strides, int64_t byte_offset) {
  tw_tensor* out = nullptr;
  check(g_host->as_strided(base.get(), shape.data(), strides.data(), static_cast<int32_t>(shape.size()), byte_offset,
                           &out));
  return Tensor::steal(out);
}

// ---- values -----------------------------------------------------------------------------------------------

inline tw_value value_none() { return {TW_NONE, 0, {0}}; }
inline tw_value to_value(TensorRef t) {
  tw_value v = value_none();
  if (t) v.tag = TW_TENSOR, v.u.t = t.get();
  return v;
}
inline tw_value to_value(int64_t i) { return {TW_INT, 0, {i}}; }
inline tw_value to_value(bool b) { return {TW_BOOL, 0, {b ? 1 : 0}}; }
inline tw_value to_value(double f) {
  tw_value v{TW_FLOAT, 0, {0}};
  v.u.f = f;
  return v;
}
inline tw_value to_value(tw_dtype d) {
  tw_value v{TW_DTYPE, 0, {0}};
  v.u.dt = d;
  return v;
}
inline tw_value to_value(tw_device d) {
  tw_value v{TW_DEVICE, 0, {0}};
  v.u.dev = d;
  return v;
}
inline tw_value to_value(std::string_view s) {
  tw_value v{TW_STR, static_cast<uint32_t>(s.size()), {0}};
  v.u.p = const_cast<char*>(s.data());
  return v;
}
inline tw_value to_value(const char* s) { return to_value(std::string_view(s)); }
inline tw_value to_value(IntList l) {
  tw_value v{TW_INTS, static_cast<uint32_t>(l.size()), {0}};
  v.u.p = const_cast<int64_t*>(l.data());
  return v;
}
inline tw_value to_value(FloatList l) {
  tw_value v{TW_FLOATS, static_cast<uint32_t>(l.size()), {0}};
  v.u.p = const_cast<double*>(l.data());
  return v;
}
inline tw_value to_value(Span<tw_tensor*> l) {
  tw_value v{TW_TENSORS, static_cast<uint32_t>(l.size()), {0}};
  v.u.p = const_cast<tw_tensor**>(l.data());
  return v;
}
inline tw_value to_value(tw_object* o) {
  tw_value v{o ? TW_OBJECT : TW_NONE, 0, {0}};
  v.u.o = o;
  return v;
}
template <class T>
tw_value to_value(const std::optional<T>& o) {
  return o ? to_value(*o) : value_none();
}
using TensorList = Span<tw_tensor*>;

// A number from Python: bool, int, float or complex; it takes part in type promotion by kind only.
class Scalar {
 public:
  Scalar(tw_value v) : v_(v) {}
  Scalar(int i) : v_(to_value(static_cast<int64_t>(i))) {}
  Scalar(int64_t i) : v_(to_value(i)) {}
  Scalar(double f) : v_(to_value(f)) {}
  Scalar(bool b) : v_(to_value(b)) {}
  const tw_value& value() const { return v_; }
  bool is_float() const { return v_.tag == TW_FLOAT; }
  bool is_complex() const { return v_.tag == TW_COMPLEX; }
  bool is_bool() const { return v_.tag == TW_BOOL; }
  bool is_unsigned() const { return v_.tag == TW_UINT; }  // an integer beyond int64
  double real() const {
    if (v_.tag == TW_FLOAT) return v_.u.f;
    if (v_.tag == TW_COMPLEX) return static_cast<const double*>(v_.u.p)[0];
    if (v_.tag == TW_UINT) return static_cast<double>(static_cast<uint64_t>(v_.u.i));
    return static_cast<double>(v_.u.i);
  }
  double imag() const { return is_complex() ? static_cast<const double*>(v_.u.p)[1] : 0.0; }
  int64_t integer() const { return v_.tag == TW_FLOAT ? static_cast<int64_t>(v_.u.f) : v_.u.i; }
  bool equals(double x) const { return real() == x && imag() == 0.0; }

 private:
  tw_value v_;  // a complex scalar points at the caller's pair of doubles
};
inline tw_value to_value(const Scalar& s) { return s.value(); }

// An argument of type `Tensor|Scalar`.
class Operand {
 public:
  Operand(tw_value v) : v_(v) {}
  Operand(std::nullopt_t) : v_(value_none()) {}  // an optional operand that is absent
  Operand(TensorRef t) : v_(to_value(t)) {}
  Operand(const Scalar& s) : v_(s.value()) {}
  Operand(int i) : Operand(Scalar(i)) {}
  Operand(int64_t i) : Operand(Scalar(i)) {}
  Operand(double f) : Operand(Scalar(f)) {}
  bool is_tensor() const { return v_.tag == TW_TENSOR; }
  TensorRef tensor() const { return is_tensor() ? TensorRef(v_.u.t) : TensorRef(); }
  Scalar scalar() const { return Scalar(v_); }
  const tw_value& value() const { return v_; }

 private:
  tw_value v_;
};
inline tw_value to_value(const Operand& o) { return o.value(); }

// Reading arguments out of a call: the type declared in the schema says which.
template <class T>
struct From;
template <>
struct From<TensorRef> {
  static TensorRef get(const tw_value& v) { return v.tag == TW_TENSOR ? v.u.t : nullptr; }
};
template <>
struct From<Operand> {
  static Operand get(const tw_value& v) { return Operand(v); }
};
template <>
struct From<Scalar> {
  static Scalar get(const tw_value& v) { return Scalar(v); }
};
template <>
struct From<int64_t> {
  static int64_t get(const tw_value& v) { return v.u.i; }
};
template <>
struct From<bool> {
  static bool get(const tw_value& v) { return v.u.i != 0; }
};
template <>
struct From<double> {
  static double get(const tw_value& v) { return Scalar(v).real(); }
};
template <>
struct From<tw_dtype> {
  static tw_dtype get(const tw_value& v) { return v.u.dt; }
};
template <>
struct From<tw_device> {
  static tw_device get(const tw_value& v) { return v.u.dev; }
};
template <>
struct From<std::string_view> {
  static std::string_view get(const tw_value& v) { return {static_cast<const char*>(v.u.p), v.aux}; }
};
template <>
struct From<IntList> {
  static IntList get(const tw_value& v) { return {static_cast<const int64_t*>(v.u.p), v.aux}; }
};
template <>
struct From<FloatList> {
  static FloatList get(const tw_value& v) { return {static_cast<const double*>(v.u.p), v.aux}; }
};
template <>
struct From<TensorList> {
  static TensorList get(const tw_value& v) { return {static_cast<tw_tensor* const*>(v.u.p), v.aux}; }
};
template <>
struct From<tw_object*> {
  static tw_object* get(const tw_value& v) { return v.tag == TW_OBJECT ? v.u.o : nullptr; }
};
template <class T>
struct From<std::optional<T>> {
  static std::optional<T> get(const tw_value& v) {
    if (v.tag == TW_NONE) return std::nullopt;
    return From<T>::get(v);
  }
};

// Returning results (each owned) from a kernel, a composite or a plugin's op.
inline void give(tw_value* ret, Tensor t) { *ret = to_value(static_cast<TensorRef>(t)), t.release(); }
inline void give(tw_value* ret, int64_t i) { *ret = to_value(i); }
inline void give(tw_value* ret, bool b) { *ret = to_value(b); }
inline void give(tw_value* ret, double f) { *ret = to_value(f); }
inline void give(tw_value* ret, tw_dtype d) { *ret = to_value(d); }
inline void give(tw_value* ret, const std::string& s) {
  check(g_host->list_new(TW_STR, static_cast<uint32_t>(s.size()), ret));
  std::memcpy(ret->u.p, s.data(), s.size());
}
inline void give(tw_value* ret, IntList l) {
  check(g_host->list_new(TW_INTS, static_cast<uint32_t>(l.size()), ret));
  if (!l.empty()) std::memcpy(ret->u.p, l.data(), l.size() * sizeof(int64_t));
}
inline void give(tw_value* ret, std::vector<Tensor> list) {
  check(g_host->list_new(TW_TENSORS, static_cast<uint32_t>(list.size()), ret));
  for (size_t i = 0; i < list.size(); ++i) static_cast<tw_tensor**>(ret->u.p)[i] = list[i].release();
}
template <class T>
void give(tw_value* ret, std::optional<T> value) {
  if (value)
    give(ret, std::move(*value));
  else
    *ret = value_none();
}
inline std::vector<Tensor> take_tensors(tw_value* ret) {
  std::vector<Tensor> list;
  for (uint32_t i = 0; i < ret->aux; ++i)
    list.push_back(Tensor::steal(std::exchange(static_cast<tw_tensor**>(ret->u.p)[i], nullptr)));
  g_host->value_clear(ret);
  return list;
}

inline std::string take_string(tw_value* ret) {
  std::string text(From<std::string_view>::get(*ret));
  g_host->value_clear(ret);
  return text;
}
inline std::vector<int64_t> take_ints(tw_value* ret) {
  std::vector<int64_t> list = From<IntList>::get(*ret).vec();
  g_host->value_clear(ret);
  return list;
}

// An op, looked up by the first call (`static const OpHandle op("tw::add");`) and kept. Such a static is a constant
// that no code initialises: a child forked meanwhile has no guard to wait for.
class OpHandle {
 public:
  constexpr explicit OpHandle(const char* name, uint32_t min_revision = 0) : name_(name), min_revision_(min_revision) {}
  const tw_op* get() const {
    const tw_op* op = op_.load(std::memory_order_acquire);
    return op ? op : found();
  }
  template <size_t N>
  Tensor call(const tw_value (&args)[N]) const {
    tw_value ret = value_none();
    check(g_host->call(get(), args, N, &ret, 1));
    return Tensor::steal(ret.u.t);
  }
  // Writes into `out` (in place when it is the first argument).
  template <size_t N>
  void call_into(const tw_value (&args)[N], TensorRef out) const {
    tw_value ret = to_value(out);
    check(g_host->call(get(), args, N, &ret, 1));
    g_host->release(ret.u.t);
  }

 private:
  const tw_op* found() const {
    const tw_op* op = nullptr;
    check(g_host->op_find(name_, min_revision_, &op));
    op_.store(op, std::memory_order_release);
    return op;
  }

  const char* name_;
  uint32_t min_revision_;
  mutable std::atomic<const tw_op*> op_{nullptr};
};

// Dispatch layers switched on and off for the current scope and thread.
class LayerScope {
 public:
  LayerScope(uint64_t include, uint64_t exclude) : tls_(g_host->tls()) {
    check(g_host->tls_mask(tls_, include, exclude, saved_));
  }
  // The current masks, with `mask` excluded as well.
  static LayerScope without(uint64_t mask) {
    uint64_t now[2];
    check(g_host->tls_get_mask(g_host->tls(), now));
    return LayerScope(now[0], now[1] | mask);
  }
  LayerScope(const LayerScope&) = delete;
  ~LayerScope() { g_host->tls_mask(tls_, saved_[0], saved_[1], nullptr); }

 private:
  tw_tls* tls_;
  uint64_t saved_[2];
};

// What f throws on another thread is thrown here, once all chunks that had begun are done.
class ParallelFailure {
 public:
  void catch_current() noexcept {
    if (caught_.exchange(true)) return;
    try {
      throw;
    } catch (const PendingError&) {
      g_host->err_take(&pending_);
    } catch (...) {
    }
    exception_ = std::current_exception();
  }
  bool caught() const { return caught_.load(std::memory_order_relaxed); }
  void rethrow() {
    if (pending_) throw PendingError(g_host->err_restore(pending_));
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::atomic<bool> caught_{false};
  std::exception_ptr exception_;
  tw_error* pending_ = nullptr;
};

// f(begin, end) over [begin, end) in chunks of `grain`, on the core's threads. Chunks do not depend on the thread
// count.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, F&& f) {
  struct Context {
    std::remove_reference_t<F>* body;
    ParallelFailure failure;
  } context{&f, {}};
  auto chunk = [](void* raw, int64_t b, int64_t e) {
    Context& c = *static_cast<Context*>(raw);
    if (c.failure.caught()) return;
    try {
      (*c.body)(b, e);
    } catch (...) {
      c.failure.catch_current();
    }
  };
  const tw_status status = g_host->parallel_for(begin, end, grain, chunk, &context);
  context.failure.rethrow();
  check(status);
}

}  // namespace tw
#endif  // TENSORWRIGHT_TW_HPP_
