#include "python/parse_errors.h"

#include <algorithm>
#include <cstring>

namespace tw::python {

namespace {

// "(Tensor self, int dim) -> Tensor" of "tw::add(Tensor self, int dim) -> Tensor"
const char* parameters(const OpSpec& spec) {
  const char* open = std::strchr(spec.schema, '(');
  return open ? open : spec.schema;
}

// Edits between two short words; the suggestion for a misspelt keyword.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string suggestion(const Signature& s, std::string_view keyword) {
  const OpSpec& spec = *s.traits->spec;
  std::string accepted;
  for (uint32_t i = 0; i < spec.nargs; ++i) {
    const std::string_view name = spec.args[i].name;
    if (distance(keyword, name) <= 1 + keyword.size() / 4) return text("; did you mean '", name, "'?");
    if (i) accepted += ", ";
    accepted += name;
  }
  if (s.out) accepted += ", out";
  return text("; it takes ", accepted);
}

std::string types_given(const Arguments& given) {
  std::string list;
  const auto add = [&](const char* keyword, PyObject* o) {
    if (!list.empty()) list += ", ";
    if (keyword) list += text(keyword, "=");
    list += o == Py_None ? "None" : is_tensor(o) ? "Tensor" : type_name(o);
  };
  for (Py_ssize_t i = 0; i < given.positional(); ++i) add(nullptr, given.at(i));
  for (Py_ssize_t i = 0; i < given.keywords(); ++i) add(PyUnicode_AsUTF8(given.keyword(i)), given.keyword_value(i));
  return list;
}

}  // namespace

void raise_wrong_type(const Signature& s, uint32_t argument, PyObject* value) {
  const ArgSpec& arg = s.traits->spec->args[argument];
  const bool lone = static_cast<int>(argument) == s.varargs;
  type_error(s.name, "(): argument '", arg.name, "' must be ", expected_type(arg, lone), ", got ",
             described(value, arg));
}

void raise_wrong_item(const Signature& s, uint32_t argument, const Arguments& given, Py_ssize_t first) {
  const ArgSpec& arg = s.traits->spec->args[argument];
  const char* expected = arg.type == ArgType::kTensors ? "Tensors" : "ints";
  for (Py_ssize_t i = first; i < given.positional(); ++i) {
    if (item_fits(arg, given.at(i))) continue;
    type_error(s.name, "(): argument '", arg.name, "' must be ", expected, ", got ", described(given.at(i), arg),
               " at position ", static_cast<int64_t>(i - first));
    return;
  }
}

void raise_too_many(const Signature& s, const Arguments& given) {
  const int self = given.self ? 1 : 0;
  const int64_t limit = static_cast<int64_t>(s.traits->spec->npositional) - self;
  type_error(s.name, "(): takes ", limit, limit == 1 ? " positional argument, got " : " positional arguments, got ",
             static_cast<int64_t>(given.nvalues), "; its signature is ", s.name, parameters(*s.traits->spec));
}

void raise_missing(const Signature& s, uint32_t argument, const Arguments&) {
  type_error(s.name, "(): missing argument '", s.traits->spec->args[argument].name, "'; its signature is ", s.name,
             parameters(*s.traits->spec));
}

void raise_given_twice(const Signature& s, uint32_t argument) {
  type_error(s.name, "(): argument '", s.traits->spec->args[argument].name, "' is given twice");
}

void raise_unexpected(const Signature& s, PyObject* keyword) {
  const char* word = PyUnicode_AsUTF8(keyword);
  if (word) type_error(s.name, "(): unexpected keyword argument '", word, "'", suggestion(s, word));
}

void raise_no_overload(const BoundOp& op, const Arguments& given) {
  std::string message = text(op.name, "(): no signature takes (", types_given(given), "); the signatures are");
  for (uint8_t i = 0; i < op.count; ++i) message += text("\n  ", op.name, parameters(kBuiltinOps[op.overloads[i].op]));
  PyErr_SetString(PyExc_TypeError, message.c_str());
}

}  // namespace tw::python
