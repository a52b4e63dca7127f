// Recorded runs of a function, found by all that has to hold for one of them to stand for a call: arguments of one
// kind, and whatever else the function reads.
#include "python/replays.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "python/collect.h"
#include "python/device_object.h"
#include "python/dtype_object.h"
#include "python/invoke.h"
#include "python/object_bridge.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

constexpr size_t kMostTensors = 64;
constexpr size_t kMostOfOneOwner = 4;

// Arguments or results, nested as they are.
struct Tree {
  enum Kind : uint8_t { kLeaf, kConstant, kTuple, kList, kDict } kind;
  PyObject* object = nullptr;  // the constant; the keys of a dict, as a tuple
  std::vector<Tree> children = {};
};

struct TensorKind {
  tw_dtype dtype;
  tw_device device;
  uint64_t layers;
  bool requires_grad;
  size_t same_as;                  // the first of the tensors that is this one
  std::vector<int64_t> extents{};  // sizes, then strides

  TensorKind(PyObject* o, size_t same_as)
      : dtype(tensor_of(o)->dl.dtype),
        device(tensor_of(o)->dl.device),
        layers(tensor_of(o)->layers),
        requires_grad(python::requires_grad(o)),
        same_as(same_as) {
    const TensorRef t = tensor_of(o);
    extents.assign(t.shape().begin(), t.shape().end());
    extents.insert(extents.end(), t.strides().begin(), t.strides().end());
  }
  bool fits(PyObject* o) const {
    const tw_tensor* t = tensor_of(o);
    const auto ndim = static_cast<size_t>(t->dl.ndim);
    return t->dl.dtype == dtype && t->dl.device.type == device.type && t->dl.device.index == device.index &&
           t->layers == layers && ndim * 2 == extents.size() &&
           std::equal(t->dl.shape, t->dl.shape + ndim, extents.begin()) &&
           std::equal(t->dl.strides, t->dl.strides + ndim, extents.begin() + t->dl.ndim) &&
           (!(layers >> TW_L_AUTOGRAD & 1) || python::requires_grad(o) == requires_grad);
  }
};

// What a dict, a class, a list or a cell held, object by object.
struct Watched {
  PyObject* container;
  bool whole;  // of a dict: these entries in this order and no others
  std::vector<PyObject*> keys, values;
  std::vector<std::pair<PyObject*, TensorKind>> tensors = {};  // among the values: their data may be exchanged

  // One that Python code has defined; those of the interpreter itself keep their dicts elsewhere.
  bool is_class() const {
    return PyType_Check(container) &&
           PyType_HasFeature(reinterpret_cast<PyTypeObject*>(container), Py_TPFLAGS_HEAPTYPE);
  }
  bool holds() const {
    const auto fits = [](const auto& each) { return each.second.fits(each.first); };
    return holds_objects() && std::all_of(tensors.begin(), tensors.end(), fits);
  }

 private:
  bool holds_objects() const {
    if (PyCell_Check(container)) return PyCell_GET(container) == values[0];
    if (PyList_Check(container)) {
      if (PyList_GET_SIZE(container) != static_cast<Py_ssize_t>(values.size())) return false;
      return std::equal(values.begin(), values.end(), PySequence_Fast_ITEMS(container));
    }
    return whole ? holds_whole() : holds_entries();
  }
  bool holds_whole() const {
    if (PyDict_GET_SIZE(container) != static_cast<Py_ssize_t>(values.size())) return false;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    for (size_t i = 0; PyDict_Next(container, &at, &key, &value); ++i)
      if (i == values.size() || key != keys[i] || value != values[i]) return false;
    return true;
  }
  bool holds_entries() const {
    PyObject* dict = is_class() ? reinterpret_cast<PyTypeObject*>(container)->tp_dict : container;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (PyDict_GetItemWithError(dict, keys[i]) == values[i]) continue;
      PyErr_Clear();
      return false;
    }
    return true;
  }
};

// One recorded run. Made and dropped with the interpreter lock.
struct Replay {
  std::vector<PyObject*> kept;  // all objects that are referred to below, one reference each
  PyObject* owner = nullptr;
  uint64_t mask[2] = {};
  Tree args{Tree::kLeaf}, kwargs{Tree::kLeaf}, result{Tree::kLeaf};
  std::vector<TensorKind> tensors;
  std::vector<Watched> environment;
  PyObject* run = nullptr;
  tw_object* program = nullptr;  // what `run` is, where it is native

  ~Replay() {
    if (program) g_host->object_release(program);
    for (PyObject* object : kept) Py_DECREF(object);
  }
  PyObject* keep(PyObject* o) { return kept.push_back(o), Py_NewRef(o); }
};

// ---- a call's arguments -------------------------------------------------------------------------------------------

// Values of one type by value, where no code of others has a say in it. Zeros differ by their signs.
bool same_constant(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {
    const double numbers[] = {PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b)};
    uint64_t bits[2];
    std::memcpy(bits, numbers, sizeof bits);
    return bits[0] == bits[1];
  }
  if (!PyLong_CheckExact(a) && !PyUnicode_CheckExact(a) && !PyBytes_CheckExact(a) && !is_device(a)) return false;
  const int same = PyObject_RichCompareBool(a, b, Py_EQ);
  if (same < 0) PyErr_Clear();
  return same == 1;
}

struct Found {
  PyObject* tensors[kMostTensors];
  size_t count = 0;
};

// Keeps the tensors while they are computed with: other threads may change the list that they came in.
class Held {
 public:
  explicit Held(const Found& found) : found_(found) {
    for (size_t k = 0; k < found_.count; ++k) Py_INCREF(found_.tensors[k]);
  }
  ~Held() {
    for (size_t k = 0; k < found_.count; ++k) Py_DECREF(found_.tensors[k]);
  }
  Held(const Held&) = delete;

 private:
  const Found& found_;
};

bool matches(const Tree& tree, PyObject* o, const Replay& replay, Found& found);

bool match_dict(const Tree& tree, PyObject* o, const Replay& replay, Found& found) {
  if (!PyDict_CheckExact(o) || PyDict_GET_SIZE(o) != static_cast<Py_ssize_t>(tree.children.size())) return false;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  for (size_t i = 0; PyDict_Next(o, &at, &key, &value); ++i)
    if (!same_constant(key, PyTuple_GET_ITEM(tree.object, i)) || !matches(tree.children[i], value, replay, found))
      return false;
  return true;
}

bool matches(const Tree& tree, PyObject* o, const Replay& replay, Found& found) {
  switch (tree.kind) {
    case Tree::kLeaf: {
      if (!is_tensor(o) || found.count == replay.tensors.size()) return false;
      const TensorKind& kind = replay.tensors[found.count];
      const auto end = found.tensors + found.count;
      const size_t first = static_cast<size_t>(std::find(found.tensors, end, o) - found.tensors);
      found.tensors[found.count++] = o;
      return first == kind.same_as && kind.fits(o);
    }
    case Tree::kConstant:
      return same_constant(o, tree.object);
    case Tree::kDict:
      return match_dict(tree, o, replay, found);
    default: {
      if (tree.kind == Tree::kTuple ? !PyTuple_CheckExact(o) : !PyList_CheckExact(o)) return false;
      const size_t n = tree.children.size();
      if (PySequence_Fast_GET_SIZE(o) != static_cast<Py_ssize_t>(n)) return false;
      for (size_t i = 0; i < n; ++i)
        if (!matches(tree.children[i], PySequence_Fast_GET_ITEM(o, i), replay, found)) return false;
      return true;
    }
  }
}

// ---- results ------------------------------------------------------------------------------------------------------

class Results {
 public:
  Results(PyObject* list) : items_(PySequence_Fast_ITEMS(list)), end_(items_ + PySequence_Fast_GET_SIZE(list)) {}

  PyObject* build(const Tree& tree) {
    if (tree.kind == Tree::kLeaf) {
      if (items_ == end_) return value_error("a recorded run gave fewer results than it was to");
      return Py_NewRef(*items_++);
    }
    if (tree.kind == Tree::kDict) return build_dict(tree);
    const auto n = static_cast<Py_ssize_t>(tree.children.size());
    Ref sequence(tree.kind == Tree::kTuple ? PyTuple_New(n) : PyList_New(n));
    for (Py_ssize_t i = 0; sequence && i < n; ++i) {
      PyObject* item = build(tree.children[static_cast<size_t>(i)]);
      if (!item) return nullptr;
      if (tree.kind == Tree::kTuple)
        PyTuple_SET_ITEM(sequence.get(), i, item);
      else
        PyList_SET_ITEM(sequence.get(), i, item);
    }
    return sequence.release();
  }

 private:
  PyObject* build_dict(const Tree& tree) {
    Ref dict(PyDict_New());
    for (size_t i = 0; dict && i < tree.children.size(); ++i) {
      const Ref item(build(tree.children[i]));
      if (!item || PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(tree.object, i), item.get()) < 0) return nullptr;
    }
    return dict.release();
  }

  PyObject** items_;
  PyObject** end_;
};

PyObject* run_program(tw_object* program, const Found& found) {
  tw_value tensors[kMostTensors];
  bool large = false;
  for (size_t k = 0; k < found.count; ++k) {
    tensors[k] = to_value(TensorRef(tensor_of(found.tensors[k])));
    large |= tensors[k].u.t->numel >= kElementsWorthTheLock;
  }
  const auto count = static_cast<uint32_t>(found.count);
  tw_value args[] = {to_value(std::string_view("run")), to_value(std::string_view("forward")), {TW_VALUES, count, {0}}};
  args[2].u.p = tensors;
  tw_value result = value_none();
  tw_status status;
  {
    const HeldTensors held(large, tensors, count);
    const NoGil unlocked(large);
    status = program->type->call(program->payload, args, 3, &result);
  }
  if (status) return raise(status);
  PyObject* list = value_to_python(result);
  g_host->value_clear(&result);
  return list;
}

PyObject* run(const Replay& replay, const Found& found) {
  const Held held(found);
  const Ref list(replay.program ? run_program(replay.program, found)
                                : PyObject_Vectorcall(replay.run, found.tensors, found.count, nullptr));
  if (!list) return nullptr;
  if (!PyTuple_Check(list.get()) && !PyList_Check(list.get()))
    return type_error("a recorded run gives a list of results, got ", type_name(list.get()));
  return Results(list.get()).build(replay.result);
}

// ---- adding -------------------------------------------------------------------------------------------------------

// Reads what a replay needs; `false` without an exception for what is left to the caller of `add`.
class Reader {
 public:
  explicit Reader(Replay& replay) : replay_(replay) {}

  bool arguments(PyObject* o, Tree& tree) {
    if (is_tensor(o)) return tensor(o);
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o)) {
      tree.kind = PyTuple_CheckExact(o) ? Tree::kTuple : Tree::kList;
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
        if (!arguments(PySequence_Fast_GET_ITEM(o, i), tree.children.emplace_back(Tree{Tree::kLeaf}))) return false;
      return true;
    }
    if (PyDict_CheckExact(o)) return dict(o, tree);
    if (PyTuple_Check(o) || PyList_Check(o) || PyDict_Check(o)) return false;
    tree.kind = Tree::kConstant, tree.object = replay_.keep(o);
    return true;
  }

  // A Structure: kind, keys, children.
  bool structure(PyObject* o, Tree& tree) {
    const Ref kind(PyObject_GetAttrString(o, "kind")), keys(PyObject_GetAttrString(o, "keys")),
        children(PyObject_GetAttrString(o, "children"));
    if (!kind || !keys || !children || !PyTuple_Check(keys.get()) || !PyTuple_Check(children.get())) return false;
    if (kind.get() == Py_None) return true;
    tree.kind = kind.get() == reinterpret_cast<PyObject*>(&PyTuple_Type)  ? Tree::kTuple
                : kind.get() == reinterpret_cast<PyObject*>(&PyList_Type) ? Tree::kList
                : kind.get() == reinterpret_cast<PyObject*>(&PyDict_Type) ? Tree::kDict
                                                                          : Tree::kConstant;
    if (tree.kind == Tree::kConstant) return false;
    tree.object = replay_.keep(keys.get());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(children.get()); ++i)
      if (!structure(PyTuple_GET_ITEM(children.get(), i), tree.children.emplace_back(Tree{Tree::kLeaf}))) return false;
    return true;
  }

  // (container, whole, keys, values)
  bool watched(PyObject* o) {
    PyObject *container, *keys, *values;
    int whole;
    if (!PyArg_ParseTuple(o, "OpO!O!", &container, &whole, &PyTuple_Type, &keys, &PyTuple_Type, &values)) return false;
    Watched& watched = replay_.environment.emplace_back(Watched{replay_.keep(container), whole != 0, {}, {}});
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); ++i)
      watched.keys.push_back(replay_.keep(PyTuple_GET_ITEM(keys, i)));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values); ++i) {
      PyObject* value = watched.values.emplace_back(replay_.keep(PyTuple_GET_ITEM(values, i)));
      if (is_tensor(value)) watched.tensors.emplace_back(value, TensorKind(value, 0));
    }
    const bool named = PyDict_Check(container) || (watched.is_class() && !whole);
    return (named || PyList_Check(container) || (PyCell_Check(container) && watched.values.size() == 1)) &&
           watched.keys.size() == (named ? watched.values.size() : 0);
  }

 private:
  bool tensor(PyObject* o) {
    if (tensors_.size() == kMostTensors) return false;
    const auto first = std::find(tensors_.begin(), tensors_.end(), o);
    replay_.tensors.emplace_back(o, static_cast<size_t>(first - tensors_.begin()));
    tensors_.push_back(o);
    return true;
  }
  bool dict(PyObject* o, Tree& tree) {
    tree.kind = Tree::kDict;
    const Ref list(PyDict_Keys(o)), keys(list ? PyList_AsTuple(list.get()) : nullptr);
    if (!keys) return false;
    tree.object = replay_.keep(keys.get());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys.get()); ++i) {
      PyObject* value = PyDict_GetItemWithError(o, PyTuple_GET_ITEM(keys.get(), i));
      if (!value || !arguments(value, tree.children.emplace_back(Tree{Tree::kLeaf}))) return false;
    }
    return true;
  }

  Replay& replay_;
  std::vector<PyObject*> tensors_;
};

// ---- the type -----------------------------------------------------------------------------------------------------

using List = std::vector<std::shared_ptr<const Replay>>;
struct ReplaysObject {
  PyObject_HEAD List* list;
};
List& list_of(PyObject* o) { return *reinterpret_cast<ReplaysObject*>(o)->list; }

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs))) return type_error("Replays() takes no arguments");
  PyObject* self = type->tp_alloc(type, 0);
  if (self) reinterpret_cast<ReplaysObject*>(self)->list = new List;
  return self;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  for (const auto& replay : list_of(self))
    for (PyObject* object : replay->kept) Py_VISIT(object);
  return 0;
}
int clear(PyObject* self) {
  const List dropped = std::move(list_of(self));  // what dropping runs sees an empty list
  list_of(self).clear();
  return 0;
}
void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear(self);
  delete &list_of(self);
  Py_TYPE(self)->tp_free(self);
}

PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  if (nargs != 2) return type_error("replay(args, kwargs)");
  uint64_t mask[2];
  g_host->tls_get_mask(g_host->tls(), mask);
  const List& list = list_of(self);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::shared_ptr<const Replay> replay = list[i];  // whatever becomes of the list
    Found found;
    if (replay->mask[0] != mask[0] || replay->mask[1] != mask[1] || !matches(replay->args, args[0], *replay, found) ||
        !matches(replay->kwargs, args[1], *replay, found))
      continue;
    const auto holds = [](const Watched& watched) { return watched.holds(); };
    if (!std::all_of(replay->environment.begin(), replay->environment.end(), holds)) continue;
    return translate([&] { return run(*replay, found); });
  }
  Py_RETURN_NOTIMPLEMENTED;
}

PyObject* add(PyObject* self, PyObject* given) {
  PyObject *owner, *args, *kwargs, *run, *output, *environment;
  if (!PyArg_ParseTuple(given, "OO!O!OOO!:add", &owner, &PyTuple_Type, &args, &PyDict_Type, &kwargs, &run, &output,
                        &PyList_Type, &environment))
    return nullptr;
  return translate([&]() -> PyObject* {
    auto replay = std::make_shared<Replay>();
    Reader reader(*replay);
    replay->owner = replay->keep(owner), replay->run = replay->keep(run);
    if (is_native_object(run)) replay->program = object_from_python(run);
    g_host->tls_get_mask(g_host->tls(), replay->mask);
    bool good = reader.arguments(args, replay->args) && reader.arguments(kwargs, replay->kwargs) &&
                reader.structure(output, replay->result);
    for (Py_ssize_t i = 0; good && i < PyList_GET_SIZE(environment); ++i)
      good = reader.watched(PyList_GET_ITEM(environment, i));
    if (PyErr_Occurred()) return nullptr;
    if (!good) Py_RETURN_FALSE;
    List& list = list_of(self);
    const auto same = [&](const auto& other) { return other->owner == owner; };
    std::shared_ptr<const Replay> dropped;  // after the list is whole again
    if (static_cast<size_t>(std::count_if(list.begin(), list.end(), same)) >= kMostOfOneOwner) {
      const auto oldest = std::find_if(list.begin(), list.end(), same);
      dropped = *oldest;
      list.erase(oldest);
    }
    list.push_back(std::move(replay));
    Py_RETURN_TRUE;
  });
}

PyMethodDef methods[] = {
    {"replay", as_method(call), METH_FASTCALL,
     "replay(args, kwargs)\n--\n\nThe result of the run that stands for a call, or NotImplemented."},
    {"add", add, METH_VARARGS,
     "add(owner, args, kwargs, run, output, environment)\n--\n\nLet a run stand for calls like this one, as long as "
     "the "
     "(container, whole, keys, values) of the environment hold. False: for no call."},
    {},
};

PyTypeObject ReplaysType = [] {
  PyTypeObject type = static_type("tensorwright._C.Replays", "Recorded runs of a function, found by their arguments.",
                                  sizeof(ReplaysObject), Py_TPFLAGS_HAVE_GC);
  type.tp_new = make;
  type.tp_dealloc = dealloc;
  type.tp_traverse = traverse;
  type.tp_clear = clear;
  type.tp_methods = methods;
  return type;
}();

}  // namespace

bool add_replays_type(PyObject* module) {
  return PyType_Ready(&ReplaysType) == 0 &&
         PyModule_AddObjectRef(module, "Replays", reinterpret_cast<PyObject*>(&ReplaysType)) == 0;
}

}  // namespace tw::python
