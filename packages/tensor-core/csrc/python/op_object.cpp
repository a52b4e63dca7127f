#include "python/op_object.h"

#include <cstring>

#include "dispatch/registry.h"
#include "python/invoke.h"
#include "python/override.h"

namespace tw::python {

namespace {

// ---- Op: any registered op as a callable -------------------------------------------------------------------------

struct OpObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const OpTraits* traits;
};
const OpTraits& traits_of_object(PyObject* o) { return *reinterpret_cast<OpObject*>(o)->traits; }

bool returns_tensors(const OpSpec& spec) {
  for (uint32_t i = 0; i < spec.nrets; ++i)
    if (spec.rets[i].type != RetType::kTensor) return false;
  return spec.nrets > 0;
}

PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  const OpTraits& traits = traits_of_object(self);
  const Signature signature{display_name(*traits.spec), &traits, -1, returns_tensors(*traits.spec)};
  ParsedCall call;
  const Arguments given{nullptr, args, PyVectorcall_NARGS(nargsf), kwnames};
  if (!parse(signature, given, &call)) return overridden(self, signature.name, given);
  return invoke(signature, &call);
}

// On a class an op is a method: its first argument is the instance.
PyObject* bind(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyObject* repr(PyObject* self) { return PyUnicode_FromFormat("<op %s>", traits_of_object(self).spec->schema); }
PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(traits_of_object(self).spec->name); }
PyObject* get_short_name(PyObject* self, void*) {
  return PyUnicode_FromString(display_name(*traits_of_object(self).spec));
}
PyObject* get_schema(PyObject* self, void*) { return PyUnicode_FromString(traits_of_object(self).spec->schema); }
PyObject* get_revision(PyObject* self, void*) { return PyLong_FromUnsignedLong(traits_of_object(self).spec->revision); }
PyObject* get_tags(PyObject* self, void*) {
  Ref text(PyUnicode_FromString(traits_of_object(self).spec->tags ? traits_of_object(self).spec->tags : ""));
  if (!text || PyUnicode_GET_LENGTH(text.get()) == 0) return text ? PyTuple_New(0) : nullptr;
  Ref list(PyObject_CallMethod(text.get(), "split", "s", ","));
  return list ? PyList_AsTuple(list.get()) : nullptr;
}

PyGetSetDef attributes[] = {
    {"name", get_name, nullptr, "\"namespace::name\"", nullptr},
    {"__name__", get_short_name, nullptr, nullptr, nullptr},
    {"schema", get_schema, nullptr, "The op's typed signature.", nullptr},
    {"tags", get_tags, nullptr, "What is known of the op: (\"pointwise\",) and the like.", nullptr},
    {"revision", get_revision, nullptr, "Revision of the schema.", nullptr},
    {},
};

PyTypeObject OpType = [] {
  PyTypeObject type =
      static_type("tensorwright.Op", "A registered op; call it with the arguments of its schema.", sizeof(OpObject),
                  Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR);
  type.tp_vectorcall_offset = offsetof(OpObject, vectorcall);
  type.tp_call = PyVectorcall_Call;
  type.tp_descr_get = bind;
  type.tp_repr = repr;
  type.tp_getset = attributes;
  return type;
}();

PyObject* op_object(const tw_op* op) {
  const OpTraits* traits = traits_of(op);
  auto* self = traits ? PyObject_New(OpObject, &OpType) : nullptr;
  if (self) self->vectorcall = vectorcall, self->traits = traits;
  return reinterpret_cast<PyObject*>(self);
}

// ---- OpProperty: an attribute of Tensor that reads through one op and writes through another -----------------------

struct PropertyObject {
  PyObject_HEAD const OpTraits* getter;
  const OpTraits* setter;  // or null
  PyObject* name;
  PyObject* doc;
};
PropertyObject* property_of(PyObject* o) { return reinterpret_cast<PropertyObject*>(o); }

void property_dealloc(PyObject* self) {
  Py_XDECREF(property_of(self)->name);
  Py_XDECREF(property_of(self)->doc);
  PyObject_Free(self);
}

PyObject* property_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(self);
  const OpTraits& op = *property_of(self)->getter;
  ParsedCall call;
  const Signature signature{display_name(*op.spec), &op, -1, false};
  return parse(signature, {instance, nullptr, 0, nullptr}, &call) ? invoke(signature, &call) : nullptr;
}

int property_set(PyObject* self, PyObject* instance, PyObject* value) {
  const PropertyObject* property = property_of(self);
  if (!property->setter)
    return PyErr_Format(PyExc_AttributeError, "attribute '%U' of a Tensor cannot be set", property->name), -1;
  PyObject* given = value ? value : Py_None;  // deleting is setting to None
  const char* name = PyUnicode_AsUTF8(property->name);
  if (!name) return -1;
  ParsedCall call;
  const Signature signature{name, property->setter, -1, false};
  if (!parse(signature, {instance, &given, 1, nullptr}, &call)) return -1;
  Ref result(invoke(signature, &call));
  if (!result) return -1;
  if (is_tensor(instance)) track(instance);  // x.requires_grad = True
  return 0;
}

PyObject* property_doc(PyObject* self, void*) { return Py_NewRef(property_of(self)->doc); }
PyGetSetDef property_attributes[] = {{"__doc__", property_doc, nullptr, nullptr, nullptr}, {}};

PyTypeObject PropertyType = [] {
  PyTypeObject type =
      static_type("tensorwright._C.OpProperty", nullptr, sizeof(PropertyObject), Py_TPFLAGS_DISALLOW_INSTANTIATION);
  type.tp_dealloc = property_dealloc;
  type.tp_descr_get = property_get;
  type.tp_descr_set = property_set;
  type.tp_getset = property_attributes;
  return type;
}();

// ---- functions ------------------------------------------------------------------------------------------------------

const tw_op* op_named(PyObject* name) {
  Py_ssize_t size;
  const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, &size) : nullptr;
  if (!text) {
    if (!PyErr_Occurred()) type_error("an op is named by a str, got ", type_name(name));
    return nullptr;
  }
  const tw_op* op = find_op({text, static_cast<size_t>(size)});
  if (!op) fail_with(PyExc_LookupError, "there is no op '", text, "'");
  return op;
}

PyObject* find_op_function(PyObject*, PyObject* name) {
  const tw_op* op = op_named(name);
  return op ? op_object(op) : nullptr;
}

PyObject* op_names(PyObject*, PyObject*) {
  Ref list(PyList_New(0));
  for (uint32_t id = 0; list && id < op_count(); ++id) {
    Ref name(PyUnicode_FromString(op_by_id(id)->spec->name));
    if (!name || PyList_Append(list.get(), name.get()) < 0) return nullptr;
  }
  return list.release();
}

PyObject* overload_rows(const BoundOp& op) {
  Ref rows(PyTuple_New(op.count));
  for (uint8_t i = 0; rows && i < op.count; ++i) {
    const BoundOverload& overload = op.overloads[i];
    PyObject* row = Py_BuildValue("(si)", builtin_op(overload.op)->spec->name, static_cast<int>(overload.varargs));
    if (!row) return nullptr;
    PyTuple_SET_ITEM(rows.get(), i, row);
  }
  return rows.release();
}

PyObject* overloads(PyObject*, PyObject* args) {
  const char* name;
  int method;
  if (!PyArg_ParseTuple(args, "sp:overloads", &name, &method)) return nullptr;
  for (const BoundName* bound = kBoundNames; bound->name; ++bound) {
    if (std::strcmp(bound->name, name) != 0 || bound->method != (method != 0)) continue;
    PyObject* rows = overload_rows(*bound->op);
    return rows ? Py_BuildValue("(NN)", PyBool_FromLong(bound->op->inplace), rows) : nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* op_property(PyObject*, PyObject* args) {
  PyObject *name, *getter, *setter, *doc;
  if (!PyArg_ParseTuple(args, "UOOO:op_property", &name, &getter, &setter, &doc)) return nullptr;
  const tw_op* get = op_named(getter);
  const tw_op* set = get && setter != Py_None ? op_named(setter) : nullptr;
  if (!get || (setter != Py_None && !set)) return nullptr;
  const OpTraits* get_traits = traits_of(get);
  const OpTraits* set_traits = set ? traits_of(set) : nullptr;
  if (!get_traits || (set && !set_traits)) return nullptr;
  auto* self = PyObject_New(PropertyObject, &PropertyType);
  if (!self) return nullptr;
  self->getter = get_traits;
  self->setter = set_traits;
  self->name = Py_NewRef(name);
  self->doc = Py_NewRef(doc);
  return reinterpret_cast<PyObject*>(self);
}

// Puts a descriptor, a function or any other object on Tensor, a static type that Python code cannot change itself.
PyObject* extend_tensor(PyObject*, PyObject* args) {
  PyObject *name, *attribute;
  if (!PyArg_ParseTuple(args, "UO:extend_tensor", &name, &attribute)) return nullptr;
  Py_INCREF(name);
  PyUnicode_InternInPlace(&name);
  const Ref interned(name);
  if (PyDict_SetItem(TensorType.tp_dict, name, attribute) < 0) return nullptr;
  PyType_Modified(&TensorType);
  Py_RETURN_NONE;
}

}  // namespace

PyMethodDef kOpObjectFunctions[] = {
    {"find_op", find_op_function, METH_O, "find_op(name): the op \"namespace::name\" as a callable."},
    {"op_names", op_names, METH_NOARGS, "The names of all registered ops."},
    {"overloads", overloads, METH_VARARGS,
     "overloads(name, method): what a function or method of that name calls, as (in place, ((op, index of the list "
     "that may come as separate arguments or -1), ...)), or None."},
    {"op_property", op_property, METH_VARARGS, "op_property(name, getter, setter, doc): a descriptor over two ops."},
    {"extend_tensor", extend_tensor, METH_VARARGS,
     "extend_tensor(name, attribute): sets an attribute of the Tensor type."},
    {},
};

bool add_op_types(PyObject* module) {
  return PyType_Ready(&OpType) == 0 && PyType_Ready(&PropertyType) == 0 &&
         PyModule_AddObjectRef(module, "Op", reinterpret_cast<PyObject*>(&OpType)) == 0;
}

}  // namespace tw::python
