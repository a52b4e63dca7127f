// x[...] and x[...] = value. Integers, slices, None and ... become view ops, one after the other; masks, integer
// tensors and lists are collected and given to one `index` or `index_put`.
#include <algorithm>

#include "python/collect.h"
#include "python/construct.h"
#include "python/convert.h"
#include "python/errors.h"
#include "python/invoke.h"
#include "python/lazy.h"
#include "python/override.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

// Thrown when a Python exception is already set.
struct PythonError {};

template <class... Parts>
Error index_error(const Parts&... parts) {
  return fail(TW_E_INDEX, parts...);
}

template <size_t N>
Tensor run(const OpHandle& op, const tw_value (&args)[N]) {
  const bool unlock = args[0].u.t->numel >= kElementsWorthTheLock;
  const HeldTensors held(unlock, args, N);
  const NoGil unlocked(unlock);
  return op.call(args);
}
template <size_t N>
void run_into(const OpHandle& op, const tw_value (&args)[N], TensorRef out) {
  const bool unlock = out.numel() >= kElementsWorthTheLock;
  const HeldTensors held(unlock, args, N);
  const Tensor held_out = unlock ? Tensor::retain(out) : Tensor();
  const NoGil unlocked(unlock);
  op.call_into(args, out);
}

Tensor select(TensorRef t, int64_t dim, int64_t index) {
  static const OpHandle op("tw::select");
  if (t.ndim() == 0)
    throw index_error("too many indices: a tensor of 0 dimensions cannot be indexed with an integer; use item()");
  const int64_t n = t.size(static_cast<int>(dim));
  if (index < -n || index >= n)
    throw index_error("index ", index, " is out of range for dimension ", dim, " of size ", n);
  return op.call({to_value(t), to_value(dim), to_value(index)});
}

Tensor slice(TensorRef t, int64_t dim, PyObject* s) {
  static const OpHandle op("tw::slice");
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(s, &start, &stop, &step) < 0) throw PythonError();
  if (step > 0) {  // bounds as they are given, so that a graph holds for any size
    const auto bound = [](PyObject* given, Py_ssize_t value) {
      return given == Py_None ? value_none() : to_value(static_cast<int64_t>(value));
    };
    const auto* given = reinterpret_cast<PySliceObject*>(s);
    return op.call({to_value(t), to_value(dim), bound(given->start, start), bound(given->stop, stop),
                    to_value(static_cast<int64_t>(step))});
  }
  // Backwards: the same elements forwards, from the smallest index on.
  const Py_ssize_t size = t.size(static_cast<int>(dim));
  step = std::max(step, -std::max<Py_ssize_t>(size, 1));  // a longer one leads out as well
  const Py_ssize_t count = PySlice_AdjustIndices(size, &start, &stop, step);
  const int64_t least = count == 0 ? 0 : start + (count - 1) * step, end = count == 0 ? 0 : start + 1;
  return op.call({to_value(t), to_value(dim), to_value(least), to_value(end), to_value(static_cast<int64_t>(-step))});
}

// Strides are not negative, so a slice with a negative step is a copy.
bool is_reversed(PyObject* slice) {
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(slice, &start, &stop, &step) < 0) throw PythonError();
  return step < 0;
}
Tensor flip(TensorRef t, int64_t dim) {
  static const OpHandle op("tw::flip");
  return op.call({to_value(t), to_value(IntList(&dim, 1))});
}

bool is_whole(PyObject* s) {
  auto* slice = reinterpret_cast<PySliceObject*>(s);
  return slice->start == Py_None && slice->stop == Py_None && slice->step == Py_None;
}

Tensor unsqueeze(TensorRef t, int64_t dim) {
  static const OpHandle op("tw::unsqueeze");
  return op.call({to_value(t), to_value(dim)});
}

Tensor same_view(TensorRef t) {
  static const OpHandle op("tw::alias");
  return op.call({to_value(t)});
}

// Bytes are masks, as they were before there were bools.
bool is_byte(TensorRef t) { return t.dtype() == kUInt8; }

Tensor mask_of_bytes(TensorRef bytes) {
  static const OpHandle op("tw::ne");
  if (PyErr_WarnEx(PyExc_DeprecationWarning,
                   "a uint8 tensor used as an index is a mask; convert masks with bool(), positions with long()",
                   1) < 0)
    throw PythonError();
  return op.call({to_value(bytes), to_value(int64_t{0})});
}

bool is_int(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o);
  if (is_tensor(o)) return tensor_of(o)->dl.ndim == 0 && is_integral(tensor_of(o)->dl.dtype) && !is_byte(tensor_of(o));
  return is_numpy_scalar(o) && PyIndex_Check(o);
}

Tensor bool_index(bool value) {
  Tensor mask = empty({1}, kBool);
  *mask.data<uint8_t>() = value;
  return mask;
}

// A list, a range, an array or a tensor as a tensor of integers or a mask.
Tensor index_tensor(PyObject* o) {
  if (PyRange_Check(o)) {
    const Ref list(PySequence_List(o));
    if (!list) throw PythonError();
    return index_tensor(list.get());
  }
  Tensor t = is_tensor(o) ? Tensor::retain(tensor_of(o)) : tensor_from_data(o, nullptr, "index");
  if (!t) throw PythonError();
  if (is_byte(t)) return mask_of_bytes(t);
  if (t.dtype() != kBool && !is_integral(t.dtype())) {
    if (t.numel() == 0 && !is_tensor(o)) return empty({0}, kInt64);  // x[[]]
    throw index_error("tensors used as indices must be of an integer type or bool, got ", t.dtype());
  }
  return t;
}

// What x[key] means, worked out item by item from the left.
class Index {
 public:
  Index(TensorRef t, PyObject* key) : view_(Tensor::retain(t)) {
    const bool is_tuple = PyTuple_Check(key);
    const Py_ssize_t n = is_tuple ? PyTuple_GET_SIZE(key) : 1;
    PyObject* const* items = is_tuple ? &PyTuple_GET_ITEM(key, 0) : &key;
    count_dimensions(items, n);
    for (Py_ssize_t i = 0; i < n; ++i) apply(items[i]);
  }

  // The part that views reach; the tensor itself if the key was only `...` or the like.
  TensorRef view() const { return view_; }
  bool is_new_view() const { return changed_; }
  // Whether elements are still to be picked from the view.
  bool picks() const { return picks_; }
  bool reverses() const { return reverses_; }
  const std::vector<Tensor>& picked() const { return picked_; }

 private:
  void count_dimensions(PyObject* const* items, Py_ssize_t n) {
    int used = 0, ellipses = 0;
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* o = items[i];
      if (o == Py_Ellipsis)
        ++ellipses;
      else if (o == Py_None || PyBool_Check(o))
        continue;
      else if (is_int(o) || PySlice_Check(o))
        ++used;
      else
        used += pick_dimensions(o);
    }
    if (ellipses > 1) throw index_error("an index can have only one ellipsis ('...')");
    if (used > view_.ndim())
      throw index_error("too many indices: ", used, " for a tensor of ", view_.ndim(),
                        view_.ndim() == 1 ? " dimension" : " dimensions");
    skipped_ = view_.ndim() - used;
  }

  // Dimensions that a mask or an integer tensor takes the place of.
  int pick_dimensions(PyObject* o) {
    if (!is_tensor(o) && !PyList_Check(o) && !PyTuple_Check(o) && !PyRange_Check(o) && !PyObject_CheckBuffer(o))
      throw fail(TW_E_TYPE,
                 "only integers, slices, None, ..., masks, integer tensors, ranges and lists are valid indices, got ",
                 type_name(o));
    if (PyUnicode_Check(o) || PyBytes_Check(o)) throw fail(TW_E_TYPE, "a tensor cannot be indexed with ", type_name(o));
    indices_.push_back(index_tensor(o));
    return indices_.back().dtype() == kBool ? indices_.back().ndim() : 1;
  }

  void apply(PyObject* o) {
    if (is_int(o)) return apply_int(o);
    if (PySlice_Check(o)) return apply_slice(o);
    if (o == Py_None) return apply_none();
    if (o == Py_Ellipsis) return keep(skipped_);
    if (PyBool_Check(o)) return apply_bool(o == Py_True);
    apply_tensor(std::move(indices_[next_index_++]));
  }

  void apply_int(PyObject* o) {
    int64_t index;
    if (index_from_python(o, {"index", "index"}, &index) != Conversion::kDone) throw PythonError();
    set_view(select(view_, dim_, index));
  }
  void apply_slice(PyObject* o) {
    if (!is_whole(o)) set_view(slice(view_, dim_, o));
    if (is_reversed(o)) {
      set_view(flip(view_, dim_));
      reverses_ = true;
    }
    keep(1);
  }
  void apply_none() {
    set_view(unsqueeze(view_, dim_));
    keep(1);
  }
  void apply_bool(bool value) {
    set_view(unsqueeze(view_, dim_));
    pick(bool_index(value), 1);
  }
  void apply_tensor(Tensor index) {
    if (index.dtype() == kBool && index.ndim() == 0) {
      set_view(unsqueeze(view_, dim_));
      return pick(same_mask(index), 1);
    }
    if (index.dtype() != kBool) return pick(std::move(index), 1);
    check_mask(index);
    const int covered = index.ndim();
    pick(std::move(index), covered);
  }

  Tensor same_mask(TensorRef mask) { return unsqueeze(mask, 0); }

  void check_mask(TensorRef mask) const {
    for (int d = 0; d < mask.ndim(); ++d)
      if (mask.size(d) != 0 && mask.size(d) != view_.size(static_cast<int>(dim_) + d))
        throw index_error("the mask has shape ", mask.shape(), ", but the indexed dimensions, from ", dim_,
                          " on, have sizes ", IntList(view_.shape().data() + dim_, static_cast<size_t>(mask.ndim())));
  }

  void keep(int64_t dims) {
    dim_ += dims;
    picked_.resize(picked_.size() + static_cast<size_t>(dims));
  }
  void pick(Tensor index, int dims) {
    picked_.push_back(std::move(index));
    dim_ += dims;
    picks_ = true;
  }
  void set_view(Tensor view) {
    view_ = std::move(view);
    changed_ = true;
  }

  Tensor view_;
  int64_t dim_ = 0;              // of the view; the next item applies to it
  int64_t skipped_ = 0;          // dimensions that ... stands for
  std::vector<Tensor> indices_;  // the tensors of the key, converted
  size_t next_index_ = 0;
  std::vector<Tensor> picked_;  // null for dimensions that are kept whole
  bool picks_ = false;
  bool reverses_ = false;
  bool changed_ = false;
};

// The picked tensors as an argument; whole dimensions at the end need not be named.
class PickedList {
 public:
  explicit PickedList(const std::vector<Tensor>& picked) {
    for (const Tensor& t : picked) list_.push_back(t.get());
    while (!list_.empty() && !list_.back()) list_.pop_back();
  }
  tw_value value() const { return to_value(TensorList(list_)); }

 private:
  std::vector<tw_tensor*> list_;
};

Tensor get(TensorRef t, PyObject* key) {
  const Index index(t, key);
  if (!index.picks()) return index.is_new_view() ? Tensor::retain(index.view()) : same_view(t);
  static const OpHandle op("tw::index");
  const PickedList picked(index.picked());
  return run(op, {to_value(index.view()), picked.value()});
}

// ---- assignment -----------------------------------------------------------------------------------------------

// Values may have more dimensions than the place they go to, as long as those are of size 1 (as in NumPy).
Tensor without_leading_ones(Tensor value, int ndim) {
  while (value.ndim() > ndim && value.ndim() > 0 && value.size(0) == 1) value = select(value, 0, 0);
  return value;
}

bool is_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) || is_numpy_scalar(o); }

// A number as a tensor of the place's dtype; OverflowError for an integer that the dtype cannot hold.
Tensor value_tensor(PyObject* value, tw_dtype dtype) {
  if (is_tensor(value)) return Tensor::retain(tensor_of(value));
  Tensor t = tensor_from_data(value, &dtype, "item assignment");
  if (!t) throw PythonError();
  return t;
}

Tensor converted(Tensor value, tw_dtype dtype) {
  if (value.dtype() == dtype) return value;
  static const OpHandle op("tw::_to_copy");
  return run(op, {to_value(static_cast<TensorRef>(value)), to_value(dtype), value_none(), to_value(false)});
}

void fill(TensorRef place, PyObject* value) {
  static const OpHandle op("tw::fill");
  const Tensor checked = value_tensor(value, place.dtype());
  Scratch scratch;
  tw_value number;
  if (number_from_python(value, {"item assignment", "value"}, scratch, &number) != Conversion::kDone)
    throw PythonError();
  run_into(op, {to_value(place), number}, place);
}

// How many dimensions the picked elements have: those of the index tensors together, and the ones that are kept.
int picked_ndim(const Index& index) {
  int kept = index.view().ndim(), together = 0;
  for (const Tensor& t : index.picked()) {
    if (!t) continue;
    const bool mask = t.dtype() == kBool || is_byte(t);
    kept -= mask ? t.ndim() : 1;
    together = std::max(together, mask ? 1 : t.ndim());
  }
  return kept + together;
}

void set_picked(const Index& index, PyObject* given) {
  static const OpHandle op("tw::index_put");
  const TensorRef place = index.view();
  const PickedList picked(index.picked());
  const Tensor source = without_leading_ones(value_tensor(given, place.dtype()), picked_ndim(index));
  const Tensor value = converted(source, place.dtype());
  run_into(op, {to_value(place), picked.value(), to_value(static_cast<TensorRef>(value)), to_value(false)}, place);
}

// Elements that a view cannot reach: `key` picks their positions, and they are put one by one.
void set_reversed(TensorRef t, PyObject* key, PyObject* given) {
  static const OpHandle arange("tw::arange"), reshape("tw::reshape"), divide("tw::floor_divide");
  static const OpHandle remainder("tw::remainder"), put("tw::index_put");
  const Tensor all =
      arange.call({to_value(t.numel()), value_none(), to_value(int64_t{1}), to_value(kInt64), to_value(t.device())});
  const Tensor places = get(reshape.call({to_value(TensorRef(all)), to_value(t.shape())}), key);
  std::vector<Tensor> indices;
  int64_t step = 1;
  for (int d = t.ndim() - 1; d >= 0; step *= t.size(d--)) {
    const Tensor rest = divide.call({to_value(TensorRef(places)), to_value(step)});
    indices.insert(indices.begin(), remainder.call({to_value(TensorRef(rest)), to_value(t.size(d))}));
  }
  const Tensor value = converted(without_leading_ones(value_tensor(given, t.dtype()), places.ndim()), t.dtype());
  run_into(put, {to_value(t), PickedList(indices).value(), to_value(TensorRef(value)), to_value(false)}, t);
}

void set(TensorRef t, PyObject* key, PyObject* value) {
  const Index index(t, key);
  if (index.reverses()) return set_reversed(t, key, value);
  if (index.picks()) return set_picked(index, value);
  if (is_number(value)) return fill(index.view(), value);
  static const OpHandle copy("tw::copy");
  const TensorRef place = index.view();
  const Tensor source = without_leading_ones(value_tensor(value, place.dtype()), place.ndim());
  run_into(copy, {to_value(place), to_value(static_cast<TensorRef>(source)), to_value(false)}, place);
}

// ---- slots ----------------------------------------------------------------------------------------------------

template <class F>
auto with_python_errors(F&& f) -> decltype(f()) {
  return translate([&]() -> decltype(f()) {
    try {
      return f();
    } catch (const PythonError&) {
      return decltype(f()){};
    }
  });
}

PyObject* subscript(PyObject* self, PyObject* key) {
  PyObject* found = with_python_errors([&] {
    const TensorRef t = tensor_of(self);
    if (PyLong_CheckExact(key)) {
      int64_t index;
      if (index_from_python(key, {"index", "index"}, &index) != Conversion::kDone) throw PythonError();
      return wrap(select(t, 0, index));
    }
    return wrap(get(t, key));
  });
  return found ? found : overridden(nullptr, "__getitem__", {self, &key, 1, nullptr});
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  if (!value) return type_error("elements of a tensor cannot be deleted"), -1;
  const bool done = with_python_errors([&] { return set(tensor_of(self), key, value), true; });
  return done ? 0 : -1;
}

Py_ssize_t length(PyObject* self) {
  const TensorRef t = tensor_of(self);
  if (t.ndim() == 0) return type_error("len(): a tensor of 0 dimensions has no length"), -1;
  return static_cast<Py_ssize_t>(t.size(0));
}

PyObject* item_at(PyObject* self, Py_ssize_t i) {
  return with_python_errors([&] { return wrap(select(tensor_of(self), 0, i)); });
}

int contains(PyObject* self, PyObject* element) {
  Ref equal(PyObject_RichCompare(self, element, Py_EQ));
  if (!equal) return -1;
  if (!is_tensor(equal.get())) return 0;
  Ref any(PyObject_CallMethod(equal.get(), "any", nullptr));
  return any ? PyObject_IsTrue(any.get()) : -1;
}

}  // namespace

PyObject* iterate(PyObject* self) {
  if (tensor_of(self)->dl.ndim == 0) return type_error("a tensor of 0 dimensions cannot be iterated over");
  return PySeqIter_New(self);
}

PyMappingMethods kMappingSlots = {length, subscript, assign_subscript};
PySequenceMethods kSequenceSlots = {length,  nullptr, nullptr,  item_at, nullptr,
                                    nullptr, nullptr, contains, nullptr, nullptr};

}  // namespace tw::python
