#include "python/dtype_object.h"

#include <cmath>

#include "python/lazy.h"

namespace tw::python {

namespace {

PyObject* g_dtypes[kDtypes];

tw_dtype self_dtype(PyObject* self) { return reinterpret_cast<DtypeObject*>(self)->dtype; }

PyObject* repr(PyObject* self) { return PyUnicode_FromFormat("tensorwright.%s", dtype_name(self_dtype(self))); }
PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(dtype_name(self_dtype(self))); }
PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("tensorwright"); }
PyObject* get_item_size(PyObject* self, void*) { return PyLong_FromLongLong(item_size(self_dtype(self))); }
PyObject* get_is_floating(PyObject* self, void*) { return PyBool_FromLong(is_floating(self_dtype(self))); }
PyObject* get_is_complex(PyObject* self, void*) { return PyBool_FromLong(is_complex(self_dtype(self))); }
PyObject* get_is_signed(PyObject* self, void*) {
  const tw_dtype d = self_dtype(self);
  return PyBool_FromLong(d.code != TW_DT_UINT && d.code != TW_DT_BOOL);
}
// pickle looks the name up in the module again
PyObject* reduce(PyObject* self, PyObject*) { return get_name(self, nullptr); }

PyGetSetDef attributes[] = {
    {"name", get_name, nullptr, "\"float32\"", nullptr},
    {"itemsize", get_item_size, nullptr, "Bytes of one element.", nullptr},
    {"is_floating_point", get_is_floating, nullptr, "Whether it is a real floating-point type.", nullptr},
    {"is_complex", get_is_complex, nullptr, "Whether it is a complex type.", nullptr},
    {"is_signed", get_is_signed, nullptr, "Whether it has negative values.", nullptr},
    {"__module__", get_module, nullptr, nullptr, nullptr},
    {},
};
PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};

struct Alias {
  const char* name;
  tw_dtype dtype;
};
constexpr Alias kAliases[] = {
    {"half", kFloat16}, {"float", kFloat32}, {"double", kFloat64},   {"short", kInt16},
    {"int", kInt32},    {"long", kInt64},    {"cfloat", kComplex64}, {"cdouble", kComplex128},
};

bool dtype_of_builtin(PyObject* o, tw_dtype* out) {
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return *out = default_dtype(), true;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return *out = kInt64, true;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return *out = kBool, true;
  if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return *out = default_complex_dtype(), true;
  return false;
}

// numpy.float32 (a class) and numpy.dtype("float32") both tell their name.
bool dtype_of_numpy(PyObject* o, tw_dtype* out) {
  PyTypeObject* scalar = numpy_scalar_type();
  if (!scalar) return false;
  const bool is_class = PyType_Check(o);
  const bool fits = is_class ? PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(o), scalar)
                             : std::string_view(type_name(o)).substr(0, 6) == "numpy.";
  if (!fits) return false;
  Ref name(PyObject_GetAttrString(o, is_class ? "__name__" : "name"));
  const char* text = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
  if (!text) return PyErr_Clear(), false;
  return dtype_by_name(std::string_view(text) == "bool_" ? "bool" : text, out);
}

// ---- finfo, iinfo -------------------------------------------------------------------------------------------

struct FloatLimits {
  int mantissa_bits;  // without the hidden one
  int max_exponent;   // of the largest power of two
  int min_exponent;   // of the smallest normal number
};
FloatLimits float_limits(tw_dtype d) {
  if (d == kFloat16) return {10, 15, -14};
  if (d == kBFloat16) return {7, 127, -126};
  if (d == kFloat8E4M3FN) return {3, 8, -6};
  if (d == kFloat8E5M2) return {2, 15, -14};
  return d.bits == 32 ? FloatLimits{23, 127, -126} : FloatLimits{52, 1023, -1022};
}

struct InfoObject {
  PyObject_HEAD tw_dtype dtype;
};
tw_dtype info_dtype(PyObject* self) { return reinterpret_cast<InfoObject*>(self)->dtype; }

PyObject* info_bits(PyObject* self, void*) { return PyLong_FromLong(info_dtype(self).bits); }
PyObject* info_name(PyObject* self, void*) { return PyUnicode_FromString(dtype_name(info_dtype(self))); }
double largest(tw_dtype d) {
  const FloatLimits f = float_limits(d);
  if (d == kFloat8E4M3FN) return 448.0;  // the pattern above is NaN
  return std::ldexp(2.0 - std::ldexp(1.0, -f.mantissa_bits), f.max_exponent);
}
PyObject* finfo_max(PyObject* self, void*) { return PyFloat_FromDouble(largest(info_dtype(self))); }
PyObject* finfo_min(PyObject* self, void*) { return PyFloat_FromDouble(-largest(info_dtype(self))); }
PyObject* finfo_eps(PyObject* self, void*) {
  return PyFloat_FromDouble(std::ldexp(1.0, -float_limits(info_dtype(self)).mantissa_bits));
}
PyObject* finfo_tiny(PyObject* self, void*) {
  return PyFloat_FromDouble(std::ldexp(1.0, float_limits(info_dtype(self)).min_exponent));
}
PyObject* finfo_subnormal(PyObject* self, void*) {
  const FloatLimits f = float_limits(info_dtype(self));
  return PyFloat_FromDouble(std::ldexp(1.0, f.min_exponent - f.mantissa_bits));
}
PyObject* finfo_resolution(PyObject* self, void*) {
  return PyFloat_FromDouble(
      std::pow(10.0, -std::floor(float_limits(info_dtype(self)).mantissa_bits * std::log10(2.0))));
}
PyObject* iinfo_max(PyObject* self, void*) {
  const tw_dtype d = info_dtype(self);
  const int bits = d.bits - (d.code == TW_DT_INT ? 1 : 0);
  return PyLong_FromUnsignedLongLong(~uint64_t{0} >> (64 - bits));
}
PyObject* iinfo_min(PyObject* self, void*) {
  const tw_dtype d = info_dtype(self);
  return PyLong_FromLongLong(d.code == TW_DT_INT ? -static_cast<int64_t>((uint64_t{1} << (d.bits - 1)) - 1) - 1 : 0);
}

PyGetSetDef finfo_attributes[] = {
    {"bits", info_bits, nullptr, "Bits of one real number.", nullptr},
    {"dtype", info_name, nullptr, "Name of the dtype.", nullptr},
    {"eps", finfo_eps, nullptr, "Distance from 1 to the next larger number.", nullptr},
    {"max", finfo_max, nullptr, "Largest finite number.", nullptr},
    {"min", finfo_min, nullptr, "Most negative finite number.", nullptr},
    {"tiny", finfo_tiny, nullptr, "Smallest positive normal number.", nullptr},
    {"smallest_normal", finfo_tiny, nullptr, "Smallest positive normal number.", nullptr},
    {"smallest_subnormal", finfo_subnormal, nullptr, "Smallest positive number.", nullptr},
    {"resolution", finfo_resolution, nullptr, "Decimal resolution, 10**-digits.", nullptr},
    {},
};
PyGetSetDef iinfo_attributes[] = {
    {"bits", info_bits, nullptr, "Bits of one number.", nullptr},
    {"dtype", info_name, nullptr, "Name of the dtype.", nullptr},
    {"max", iinfo_max, nullptr, "Largest number.", nullptr},
    {"min", iinfo_min, nullptr, "Smallest number.", nullptr},
    {},
};

PyObject* info_repr(PyObject* self) {
  Ref name(info_name(self, nullptr)), low(PyObject_GetAttrString(self, "min")),
      high(PyObject_GetAttrString(self, "max"));
  if (!name || !low || !high) return nullptr;
  const char* kind = std::string_view(type_name(self)) == "tensorwright.finfo" ? "finfo" : "iinfo";
  return PyUnicode_FromFormat("%s(min=%S, max=%S, dtype=%S)", kind, low.get(), high.get(), name.get());
}

// finfo(dtype) and iinfo(dtype); finfo() describes the default dtype.
template <bool kFloating>
PyObject* info_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"type", nullptr};
  PyObject* of = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, kFloating ? "|O:finfo" : "O:iinfo", const_cast<char**>(names), &of))
    return nullptr;
  tw_dtype d = default_dtype();
  if (of && !dtype_from_python(of, &d))
    return type_error(kFloating ? "finfo" : "iinfo", "(): expected a dtype such as tensorwright.",
                      kFloating ? "float32" : "int32", ", got ", type_name(of));
  if (is_complex(d)) d = d == kComplex64 ? kFloat32 : kFloat64;
  if (kFloating ? !is_floating(d) : !is_integral(d))
    return type_error(
        kFloating ? "finfo(): expected a floating-point dtype, got " : "iinfo(): expected an integer dtype, got ", d);
  auto* self = PyObject_New(InfoObject, type);
  if (self) self->dtype = d;
  return reinterpret_cast<PyObject*>(self);
}

PyTypeObject info_type(const char* name, const char* doc, newfunc make, PyGetSetDef* getset) {
  PyTypeObject type = static_type(name, doc, sizeof(InfoObject));
  type.tp_new = make;
  type.tp_repr = info_repr;
  type.tp_getset = getset;
  return type;
}
PyTypeObject FinfoType =
    info_type("tensorwright.finfo", "Limits of a floating-point dtype.", info_new<true>, finfo_attributes);
PyTypeObject IinfoType =
    info_type("tensorwright.iinfo", "Limits of an integer dtype.", info_new<false>, iinfo_attributes);

bool add_type(PyObject* module, const char* name, PyTypeObject* type) {
  return PyType_Ready(type) == 0 && PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)) == 0;
}

}  // namespace

PyTypeObject DtypeType = [] {
  PyTypeObject type =
      static_type("tensorwright.dtype", "The type of a tensor's elements: tensorwright.float32 and its siblings.",
                  sizeof(DtypeObject), Py_TPFLAGS_DISALLOW_INSTANTIATION);
  type.tp_repr = repr;
  type.tp_getset = attributes;
  type.tp_methods = methods;
  return type;
}();

PyObject* dtype_object(tw_dtype dtype) { return Py_NewRef(g_dtypes[dtype_index(dtype)]); }

bool dtype_from_python(PyObject* o, tw_dtype* out) {
  if (__builtin_expect(is_dtype(o), 1)) return *out = self_dtype(o), true;
  return dtype_of_builtin(o, out) || dtype_of_numpy(o, out);
}

bool add_dtypes(PyObject* module) {
  if (!add_type(module, "dtype", &DtypeType) || !add_type(module, "finfo", &FinfoType) ||
      !add_type(module, "iinfo", &IinfoType))
    return false;
  for (int i = 0; i < kDtypes; ++i) {
    auto* object = PyObject_New(DtypeObject, &DtypeType);
    if (!object) return false;
    object->dtype = dtype_of(static_cast<DtypeId>(i));
    g_dtypes[i] = reinterpret_cast<PyObject*>(object);
    if (PyModule_AddObjectRef(module, dtype_name(object->dtype), g_dtypes[i]) < 0) return false;
  }
  for (const Alias& alias : kAliases)
    if (PyModule_AddObjectRef(module, alias.name, g_dtypes[dtype_index(alias.dtype)]) < 0) return false;
  return true;
}

}  // namespace tw::python
