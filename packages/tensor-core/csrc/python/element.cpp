#include "python/element.h"

#include <cstring>

#include "cpu/half.h"
#include "python/errors.h"
#include "runtime/dtype.h"
#include "runtime/thread_state.h"

namespace tw::python {

namespace {

template <class T>
T load(const void* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}
template <class T>
bool store(void* data, T value) {
  std::memcpy(data, &value, sizeof value);
  return true;
}

float from_bfloat16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  return load<float>(&wide);
}
uint16_t to_bfloat16(float value) {
  const uint32_t bits = load<uint32_t>(&value);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);  // round half to even
}

// Rounded once, from double; overflow becomes an infinity, as in arithmetic.
bool store_half(double value, void* data) {
  constexpr double kOverflow = 65520.0;
  if (value == value && (value >= kOverflow || value <= -kOverflow)) value = value > 0 ? HUGE_VAL : -HUGE_VAL;
  return PyFloat_Pack2(value, static_cast<char*>(data), 1) == 0;
}

bool store_floating(double value, tw_dtype dtype, void* data) {
  switch (dtype_id(dtype)) {
    case DtypeId::kFloat8E4M3FN:
      return store(data, cpu::to_float8_e4m3(cpu::round_to_odd(value)));
    case DtypeId::kFloat8E5M2:
      return store(data, cpu::to_float8_e5m2(cpu::round_to_odd(value)));
    case DtypeId::kFloat16:
      return store_half(value, data);
    case DtypeId::kBFloat16:
      return store(data, to_bfloat16(static_cast<float>(value)));
    case DtypeId::kFloat32:
      return store(data, static_cast<float>(value));
    default:
      return store(data, value);
  }
}

bool store_complex(PyObject* number, tw_dtype dtype, void* data) {
  const Py_complex z = PyComplex_AsCComplex(number);
  if (z.real == -1.0 && PyErr_Occurred()) return false;
  const tw_dtype part = dtype == kComplex64 ? kFloat32 : kFloat64;
  return store_floating(z.real, part, data) && store_floating(z.imag, part, static_cast<char*>(data) + item_size(part));
}

bool out_of_range(PyObject* number, tw_dtype dtype) {
  PyErr_Format(PyExc_OverflowError, "%R does not fit into %s", number, dtype_name(dtype));
  return false;
}

bool store_integer(PyObject* number, tw_dtype dtype, void* data) {
  Ref truncated;
  if (!PyLong_Check(number)) number = (truncated = Ref(PyNumber_Long(number))).get();  // 2.7 becomes 2
  if (!number) return false;
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
  if (overflow > 0 && dtype == kUInt64) {
    value = static_cast<long long>(PyLong_AsUnsignedLongLong(number));
    if (PyErr_Occurred()) return PyErr_Clear(), out_of_range(number, dtype);
    return store(data, value);
  }
  if (value == -1 && PyErr_Occurred()) return false;
  const bool fits = dtype.code == TW_DT_UINT ? value >= 0 && (dtype.bits == 64 || value >> dtype.bits == 0)
                                             : value >> (dtype.bits - 1) == value >> 63;
  if (overflow || !fits) return out_of_range(number, dtype);
  std::memcpy(data, &value, static_cast<size_t>(item_size(dtype)));  // little-endian
  return true;
}

}  // namespace

PyObject* element_to_python(const void* data, tw_dtype dtype) {
  switch (dtype_id(dtype)) {
    case DtypeId::kBool:
      return PyBool_FromLong(load<uint8_t>(data) != 0);
    case DtypeId::kUInt8:
      return PyLong_FromLong(load<uint8_t>(data));
    case DtypeId::kUInt16:
      return PyLong_FromLong(load<uint16_t>(data));
    case DtypeId::kUInt32:
      return PyLong_FromLongLong(load<uint32_t>(data));
    case DtypeId::kUInt64:
      return PyLong_FromUnsignedLongLong(load<uint64_t>(data));
    case DtypeId::kInt8:
      return PyLong_FromLong(load<int8_t>(data));
    case DtypeId::kInt16:
      return PyLong_FromLong(load<int16_t>(data));
    case DtypeId::kInt32:
      return PyLong_FromLong(load<int32_t>(data));
    case DtypeId::kInt64:
      return PyLong_FromLongLong(load<int64_t>(data));
    case DtypeId::kFloat8E4M3FN:
      return PyFloat_FromDouble(cpu::to_float(load<cpu::Float8E4M3>(data)));
    case DtypeId::kFloat8E5M2:
      return PyFloat_FromDouble(cpu::to_float(load<cpu::Float8E5M2>(data)));
    case DtypeId::kFloat16:
      return PyFloat_FromDouble(PyFloat_Unpack2(static_cast<const char*>(data), 1));
    case DtypeId::kBFloat16:
      return PyFloat_FromDouble(from_bfloat16(load<uint16_t>(data)));
    case DtypeId::kFloat32:
      return PyFloat_FromDouble(load<float>(data));
    case DtypeId::kFloat64:
      return PyFloat_FromDouble(load<double>(data));
    case DtypeId::kComplex64: {
      const float* z = static_cast<const float*>(data);
      return PyComplex_FromDoubles(z[0], z[1]);
    }
    case DtypeId::kComplex128: {
      const double* z = static_cast<const double*>(data);
      return PyComplex_FromDoubles(z[0], z[1]);
    }
  }
  return nullptr;
}

bool element_from_python(PyObject* number, tw_dtype dtype, void* data) {
  if (is_complex(dtype)) return store_complex(number, dtype, data);
  if (PyComplex_Check(number)) {
    PyErr_Format(PyExc_TypeError, "complex number %R cannot be stored as %s", number, dtype_name(dtype));
    return false;
  }
  if (dtype == kBool) {
    const int truth = PyObject_IsTrue(number);
    return truth >= 0 && store(data, static_cast<uint8_t>(truth));
  }
  if (is_integral(dtype)) return store_integer(number, dtype, data);
  const double value = PyFloat_AsDouble(number);
  return (value != -1.0 || !PyErr_Occurred()) && store_floating(value, dtype, data);
}

Tensor host_copy(TensorRef t) {
  static const OpHandle op("tw::_to_copy");
  return op.call({to_value(t), value_none(), to_value(tw_device{TW_DEVICE_CPU, 0}), to_value(false)});
}

// Whether a transform or a trace wants to know that elements leave for Python.
static bool is_followed(const tw_tensor* t) {
  const tw_tls* tls = thread_state();
  constexpr uint64_t kFollowers = uint64_t{1} << TW_L_TRANSFORM | uint64_t{1} << TW_L_TRACE;
  return (t->layers | tls->include) & ~tls->exclude & kFollowers;
}

Tensor readable(TensorRef t) {
  if (!is_followed(t.get())) return Tensor::retain(t);
  static const OpHandle op("tw::contents");
  return op.call({to_value(t)});
}

static PyObject* item_here(tw_tensor* t, const char* who) {
  if (t->numel != 1)
    return value_error(who, ": the tensor must have exactly one element, it has shape ", TensorRef(t).shape());
  if (t->flags & TW_F_NODATA)
    return fail_with(PyExc_NotImplementedError, who, ": a tensor on device 'meta' has no data");
  if (t->dl.device.type == TW_DEVICE_CPU) return element_to_python(t->dl.data, t->dl.dtype);
  return translate([&]() -> PyObject* {
    const Tensor host = host_copy(t);
    return element_to_python(host.data<void>(), host.dtype());
  });
}

PyObject* tensor_item(tw_tensor* t, const char* who) {
  if (__builtin_expect(!is_followed(t), 1)) return item_here(t, who);
  return translate([&]() -> PyObject* { return item_here(readable(t).get(), who); });
}

}  // namespace tw::python
