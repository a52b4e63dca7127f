#include "python/op_traits.h"

#include <memory>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "python/errors.h"

namespace tw::python {

const OpTraits** g_traits = nullptr;
uint32_t g_traits_size = 0;
PyObject* g_name_out = nullptr;
PyObject* g_name_requires_grad = nullptr;

namespace {

// The field's other spellings of an argument, tried when the op has no argument of the name that was given.
struct NameAlias {
  const char* given;
  const char* meant;
  PyObject* given_object;
  PyObject* meant_object;
};
NameAlias g_aliases[] = {
    {"axis", "dim", nullptr, nullptr},
    {"axis", "dims", nullptr, nullptr},
    {"axes", "dims", nullptr, nullptr},
    {"keepdims", "keepdim", nullptr, nullptr},
    {"input", "self", nullptr, nullptr},
    {"x", "self", nullptr, nullptr},
    {"size", "shape", nullptr, nullptr},
    {"shape", "size", nullptr, nullptr},
    {"input", "tensors", nullptr, nullptr},
    {"axis0", "dim0", nullptr, nullptr},
    {"axis1", "dim1", nullptr, nullptr},
    {"split_size_or_sections", "split_size", nullptr, nullptr},
    {"split_size_or_sections", "split_sizes", nullptr, nullptr},
    {"indices_or_sections", "sections", nullptr, nullptr},
    {"indices_or_sections", "indices", nullptr, nullptr},
};

bool has_tag(const OpSpec& spec, std::string_view tag) {
  const std::string tags = std::string(",") + (spec.tags ? spec.tags : "") + ",";
  std::string wanted = ",";
  wanted += tag;
  return tags.find(wanted + ",") != std::string::npos;
}

bool makes_tensors(const OpSpec& spec) {
  bool dtype = false, device = false;
  for (uint32_t i = 0; i < spec.nargs; ++i) {
    dtype |= spec.args[i].keyword_only && spec.args[i].type == ArgType::kDtype;
    device |= spec.args[i].keyword_only && spec.args[i].type == ArgType::kDevice;
  }
  const std::string_view name = spec.name;
  const bool is_like = name.size() > 5 && name.substr(name.size() - 5) == "_like";
  return dtype && (device || is_like);
}

int keyword_of_type(const OpSpec& spec, ArgType type) {
  for (uint32_t i = 0; i < spec.nargs; ++i)
    if (spec.args[i].keyword_only && spec.args[i].type == type) return static_cast<int>(i);
  return -1;
}

// What is made after a tensor (zeros_like, new_zeros) goes where that one is.
bool follows_default_device(const OpSpec& spec) {
  for (uint32_t i = 0; i < spec.nargs; ++i)
    if (spec.args[i].type <= ArgType::kOperand || spec.args[i].type == ArgType::kTensors) return false;
  return true;
}

// A struct sequence: a tuple whose items also have the names of the schema.
PyTypeObject* named_results(const OpSpec& spec) {
  auto* fields = new std::vector<PyStructSequence_Field>;
  for (uint32_t i = 0; i < spec.nrets; ++i) fields->push_back({spec.rets[i].name, nullptr});
  fields->push_back({nullptr, nullptr});
  const std::string_view full = display_name(spec);  // "max.dim": the class is named after the part that users write
  auto* name = new std::string(text("tensorwright.return_types.", full.substr(0, full.find('.'))));
  PyStructSequence_Desc description{name->c_str(), nullptr, fields->data(), static_cast<int>(spec.nrets)};
  return PyStructSequence_NewType(&description);
}

bool has_named_results(const OpSpec& spec) {
  if (spec.nrets < 2) return false;
  for (uint32_t i = 0; i < spec.nrets; ++i)
    if (!spec.rets[i].name) return false;
  return true;
}

void grow_traits(uint32_t id) {
  const uint32_t size = std::max(op_count(), id + 1) + 64;
  auto** grown = new const OpTraits*[size]();
  for (uint32_t i = 0; i < g_traits_size; ++i) grown[i] = g_traits[i];
  delete[] g_traits;
  g_traits = grown;
  g_traits_size = size;
}

}  // namespace

const OpTraits* make_traits(const tw_op* op) {
  const OpSpec& spec = *op->spec;
  if (spec.nargs > kMaxArguments)
    return fail_with(PyExc_NotImplementedError, spec.name, ": ops of more than ", kMaxArguments,
                     " arguments cannot be called from Python");
  if (op->id >= g_traits_size) grow_traits(op->id);
  auto traits = std::make_unique<OpTraits>();
  traits->op = op;
  traits->spec = &spec;
  for (uint32_t i = 0; i < spec.nargs; ++i)
    if (!(traits->names[i] = PyUnicode_InternFromString(spec.args[i].name))) return nullptr;
  traits->blocking = has_tag(spec, "blocking");
  traits->makes_tensors = makes_tensors(spec);
  traits->dtype_argument = traits->makes_tensors ? keyword_of_type(spec, ArgType::kDtype) : -1;
  traits->device_argument =
      traits->makes_tensors && follows_default_device(spec) ? keyword_of_type(spec, ArgType::kDevice) : -1;
  if (has_named_results(spec) && !(traits->result_type = named_results(spec))) return nullptr;
  return g_traits[op->id] = traits.release();
}

int find_argument(const OpTraits& traits, PyObject* keyword) {
  const uint32_t n = traits.spec->nargs;
  for (uint32_t i = 0; i < n; ++i)
    if (traits.names[i] == keyword) return static_cast<int>(i);
  for (uint32_t i = 0; i < n; ++i)  // a name that was put together at run time is not interned
    if (PyUnicode_Compare(traits.names[i], keyword) == 0) return static_cast<int>(i);
  for (const NameAlias& alias : g_aliases) {
    if (PyUnicode_Compare(alias.given_object, keyword) != 0) continue;
    for (uint32_t i = 0; i < n; ++i)
      if (traits.names[i] == alias.meant_object) return static_cast<int>(i);
  }
  return -1;
}

bool intern_common_names() {
  for (NameAlias& alias : g_aliases) {
    alias.given_object = PyUnicode_InternFromString(alias.given);
    alias.meant_object = PyUnicode_InternFromString(alias.meant);
    if (!alias.given_object || !alias.meant_object) return false;
  }
  g_name_out = PyUnicode_InternFromString("out");
  g_name_requires_grad = PyUnicode_InternFromString("requires_grad");
  return g_name_out && g_name_requires_grad;
}

}  // namespace tw::python
