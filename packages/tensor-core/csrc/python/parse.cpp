#include "python/parse.h"

#include "dispatch/registry.h"
#include "python/device_object.h"
#include "python/parse_errors.h"

namespace tw::python {

namespace {

bool is_formality(PyObject* keyword) {
  return PyUnicode_CompareWithASCIIString(keyword, "layout") == 0 ||
         PyUnicode_CompareWithASCIIString(keyword, "pin_memory") == 0;
}

bool is_sequence(PyObject* o) { return PyTuple_Check(o) || PyList_Check(o); }

// x.view(2, 3): the positionals from here on are one list.
bool starts_varargs(const Signature& s, Py_ssize_t index, PyObject* o) {
  return index == s.varargs && !is_sequence(o) && o != Py_None;
}

class Parser {
 public:
  Parser(const Signature& signature, const Arguments& given, ParsedCall* call)
      : s_(signature), spec_(*signature.traits->spec), given_(given), call_(call) {}

  bool run() {
    if (!take_positional() || !take_keywords() || !fill_defaults()) return false;
    if (__builtin_expect(s_.traits->makes_tensors, 0)) settle_factory();
    return true;
  }

 private:
  bool take_positional() {
    const Py_ssize_t n = given_.positional();
    const auto limit = static_cast<Py_ssize_t>(spec_.npositional);
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (i >= limit) return raise_too_many(s_, given_), false;
      if (starts_varargs(s_, i, given_.at(i))) return take_varargs(i);
      if (!take(static_cast<uint32_t>(i), given_.at(i))) return false;
    }
    return true;
  }

  bool take_varargs(Py_ssize_t first) {
    const auto index = static_cast<uint32_t>(first);
    const Py_ssize_t skipped = first - (given_.self ? 1 : 0);
    const Where where{s_.name, spec_.args[index].name};
    const Conversion done = convert_items(spec_.args[index], given_.values + skipped, given_.nvalues - skipped, where,
                                          call_->scratch, &call_->args[index]);
    if (done == Conversion::kWrongType) raise_wrong_item(s_, index, given_, first);
    seen_ |= uint64_t{1} << index;
    return done == Conversion::kDone;
  }

  bool take_keywords() {
    for (Py_ssize_t i = 0; i < given_.keywords(); ++i)
      if (!take_keyword(given_.keyword(i), given_.keyword_value(i))) return false;
    return true;
  }

  bool take_keyword(PyObject* name, PyObject* value) {
    const int index = find_argument(*s_.traits, name);
    if (index >= 0) {
      if (seen_ >> index & 1) return raise_given_twice(s_, static_cast<uint32_t>(index)), false;
      return take(static_cast<uint32_t>(index), value);
    }
    if (s_.out && PyUnicode_Compare(name, g_name_out) == 0)
      return call_->out = value == Py_None ? nullptr : value, true;
    if (s_.traits->makes_tensors && PyUnicode_Compare(name, g_name_requires_grad) == 0)
      return take_requires_grad(value);
    if (s_.traits->makes_tensors && is_formality(name)) return take_formality(name, value);
    return raise_unexpected(s_, name), false;
  }

  // There is one layout, and host memory needs no pinning.
  bool take_formality(PyObject* name, PyObject* value) {
    if (PyUnicode_CompareWithASCIIString(name, "pin_memory") == 0) {
      if (value == Py_None || PyBool_Check(value)) return true;
      return type_error(s_.name, "(): argument 'pin_memory' must be bool or None, got ", type_name(value)), false;
    }
    if (value == Py_None || (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, "strided") == 0))
      return true;
    return type_error(s_.name, "(): argument 'layout' must be tensorwright.strided or None, got ", type_name(value)),
           false;
  }

  bool take_requires_grad(PyObject* value) {
    if (!PyBool_Check(value))
      return type_error(s_.name, "(): argument 'requires_grad' must be bool, got ", type_name(value)), false;
    call_->requires_grad = value == Py_True;
    return true;
  }

  bool take(uint32_t index, PyObject* value) {
    const ArgSpec& arg = spec_.args[index];
    const bool lone = static_cast<int>(index) == s_.varargs;
    const Conversion done =
        convert_argument(arg, value, lone, {s_.name, arg.name}, call_->scratch, &call_->args[index]);
    if (__builtin_expect(done == Conversion::kWrongType, 0)) raise_wrong_type(s_, index, value);
    seen_ |= uint64_t{1} << index;
    return done == Conversion::kDone;
  }

  bool fill_defaults() {
    for (uint32_t i = 0; i < spec_.nargs; ++i) {
      if (seen_ >> i & 1) continue;
      const ArgSpec& arg = spec_.args[i];
      if (arg.has_default)
        call_->args[i] = arg.default_value;
      else if (static_cast<int>(i) == s_.varargs)
        call_->args[i] = to_value(IntList());  // zeros(): no dimensions
      else
        return raise_missing(s_, i, given_), false;
    }
    return true;
  }

  // What a factory was not told it takes from `out`, or from the default device.
  void settle_factory() {
    const OpTraits& traits = *s_.traits;
    const bool has_out = call_->out && is_tensor(call_->out);
    const auto absent = [&](int argument) { return argument >= 0 && call_->args[argument].tag == TW_NONE; };
    if (has_out && absent(traits.dtype_argument))
      call_->args[traits.dtype_argument] = to_value(tensor_of(call_->out)->dl.dtype);
    if (!absent(traits.device_argument)) return;
    const std::optional<tw_device> device = has_out ? tensor_of(call_->out)->dl.device : default_device();
    if (device) call_->args[traits.device_argument] = to_value(*device);
  }

  const Signature& s_;
  const OpSpec& spec_;
  const Arguments& given_;
  ParsedCall* call_;
  uint64_t seen_ = 0;
};

}  // namespace

bool parse(const Signature& signature, const Arguments& given, ParsedCall* call) {
  return Parser(signature, given, call).run();
}

bool accepts(const Signature& s, const Arguments& given) {
  const OpSpec& spec = *s.traits->spec;
  uint64_t seen = 0;
  Py_ssize_t i = 0;
  for (const Py_ssize_t n = given.positional(); i < n; ++i) {
    if (i >= static_cast<Py_ssize_t>(spec.npositional)) return false;
    if (!fits(spec.args[i], given.at(i), static_cast<int>(i) == s.varargs)) return false;
    seen |= uint64_t{1} << i;
    if (starts_varargs(s, i, given.at(i))) break;
  }
  for (i = 0; i < given.keywords(); ++i) {
    const int index = find_argument(*s.traits, given.keyword(i));
    if (index < 0) {
      if (s.out && PyUnicode_Compare(given.keyword(i), g_name_out) == 0) continue;
      if (s.traits->makes_tensors && PyUnicode_Compare(given.keyword(i), g_name_requires_grad) == 0) continue;
      if (s.traits->makes_tensors && is_formality(given.keyword(i))) continue;
      return false;
    }
    if (seen >> index & 1 || !fits(spec.args[index], given.keyword_value(i), index == s.varargs)) return false;
    seen |= uint64_t{1} << index;
  }
  for (uint32_t k = 0; k < spec.nargs; ++k)
    if (!(seen >> k & 1) && !spec.args[k].has_default && static_cast<int>(k) != s.varargs) return false;
  return true;
}

}  // namespace tw::python
