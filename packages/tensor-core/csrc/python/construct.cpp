#include "python/construct.h"

#include <algorithm>

#include "python/buffer.h"
#include "python/dtype_object.h"
#include "python/element.h"
#include "python/errors.h"
#include "python/lazy.h"
#include "python/signals.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

// Thrown when a Python exception is already set.
struct PythonError {};

constexpr int kMaxDepth = TW_MAX_NDIM;

bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }
bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o) || PyByteArray_Check(o); }
bool is_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o); }

// Values are found in one walk over the nested lists (shape and dtype) and written in another.
class Nested {
 public:
  explicit Nested(const char* who) : who_(who) {}

  Tensor make(PyObject* data, const tw_dtype* dtype) {
    find_shape(data);
    if (!dtype) find_dtype(data, 0);
    const tw_dtype result = dtype ? *dtype : has_values_ ? found_.result() : default_dtype();
    Tensor out = empty(shape_, result);
    if (out.numel())
      write(data, out, 0, out.data<char>());
    else
      check_lengths(data, 0);
    return out;
  }

 private:
  [[noreturn]] void refuse(PyObject* o) {
    const char* hint =
        PyBytes_Check(o) || PyByteArray_Check(o) ? "; read raw bytes with tensorwright.frombuffer()" : "";
    throw fail(TW_E_TYPE, who_, "(): cannot make a tensor of ", type_name(o), hint);
  }

  // A tensor or an array among the items, as a tensor; null if it is neither.
  Tensor as_block(PyObject* o) {
    if (is_tensor(o)) {
      const TensorRef t = tensor_of(o);
      return t.device().type == TW_DEVICE_CPU ? alias(t) : host_copy(t);
    }
    if (is_number(o) || is_text(o) || is_numpy_scalar(o) || !PyObject_CheckBuffer(o)) return Tensor();
    Tensor block = tensor_from_buffer(o, who_);
    if (!block) throw PythonError();
    return block;
  }

  // Calls f(i, item) for the items of a list, which what runs in between may change. Ctrl-C is answered there.
  template <class F>
  void for_items(PyObject* list, F&& f) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); ++i) {
      const Ref item(Py_NewRef(PySequence_Fast_GET_ITEM(list, i)));
      f(i, item.get());
      if (!signals_.answered()) throw PythonError();
    }
  }

  void find_shape(PyObject* o) {
    while (is_list(o)) {
      if (shape_.size() == kMaxDepth)
        throw fail(TW_E_VALUE, who_, "(): the lists are nested deeper than ", kMaxDepth, " levels");
      shape_.push_back(PySequence_Fast_GET_SIZE(o));
      if (shape_.back() == 0) return;
      o = PySequence_Fast_GET_ITEM(o, 0);
    }
    if (const Tensor block = as_block(o)) shape_.insert(shape_.end(), block.shape().begin(), block.shape().end());
  }

  void find_dtype(PyObject* o, size_t depth) {
    if (is_list(o)) {
      if (depth >= shape_.size())
        throw fail(TW_E_VALUE, who_, "(): expected a number at depth ", depth, ", got ", type_name(o));
      for_items(o, [&](int64_t, PyObject* item) { find_dtype(item, depth + 1); });
      return;
    }
    has_values_ = true;
    if (is_numpy_scalar(o)) return add_numpy_scalar(o);
    if (PyBool_Check(o)) return found_.add_scalar(to_value(true));
    if (PyLong_Check(o)) return found_.add_scalar(to_value(int64_t{0}));
    if (PyFloat_Check(o)) return found_.add_scalar(to_value(0.0));
    if (PyComplex_Check(o)) return found_.add_scalar({TW_COMPLEX, 1, {0}});
    const Tensor block = as_block(o);
    if (!block) refuse(o);
    found_.add(block.dtype());
  }

  void add_numpy_scalar(PyObject* o) {
    tw_dtype dtype;
    if (!dtype_from_python(reinterpret_cast<PyObject*>(Py_TYPE(o)), &dtype)) refuse(o);
    found_.add(dtype);
  }

  void check_length(PyObject* list, size_t depth) {
    const auto n = static_cast<int64_t>(PySequence_Fast_GET_SIZE(list));
    if (depth >= shape_.size())
      throw fail(TW_E_VALUE, who_, "(): expected a number at depth ", depth, ", got ", type_name(list));
    if (n != shape_[depth])
      throw fail(TW_E_VALUE, who_, "(): expected a list of length ", shape_[depth], " at dimension ", depth, ", got ",
                 n);
  }

  // Of lists that hold no element at all: [[], [[]]] is as wrong as any ragged list.
  void check_lengths(PyObject* o, size_t depth) {
    if (!is_list(o)) return;
    check_length(o, depth);
    for_items(o, [&](int64_t, PyObject* item) {
      if (!is_list(item) && depth + 1 < shape_.size() && !as_block(item))
        throw fail(TW_E_VALUE, who_, "(): expected a list at dimension ", depth + 1, ", got ", type_name(item));
      check_lengths(item, depth + 1);
    });
  }

  void write(PyObject* o, TensorRef out, size_t depth, char* place) {
    if (is_list(o)) {
      check_length(o, depth);
      const int64_t step = out.stride(static_cast<int>(depth)) * item_size(out.dtype());
      for_items(o, [&](int64_t i, PyObject* item) {
        if (i == shape_[depth]) check_length(o, depth);  // it has grown
        write(item, out, depth + 1, place + i * step);
      });
      return check_length(o, depth);
    }
    if (depth == shape_.size() && !is_tensor(o)) return write_number(o, out.dtype(), place);
    write_block(o, out, depth, place);
  }

  void write_number(PyObject* o, tw_dtype dtype, char* place) {
    Ref plain;
    if (is_numpy_scalar(o)) o = (plain = Ref(PyObject_CallMethod(o, "item", nullptr))).get();
    if (!o) throw PythonError();
    if (!is_number(o)) {
      if (const Tensor block = as_block(o); block && block.ndim() == 0) return write_tensor(block, dtype, place);
      refuse(o);
    }
    if (!element_from_python(o, dtype, place)) throw PythonError();
  }

  void write_tensor(TensorRef block, tw_dtype dtype, char* place) {
    const Tensor value = empty({}, dtype);
    copy_converted(value, block);
    std::memcpy(place, value.data<void>(), static_cast<size_t>(item_size(dtype)));
  }

  void write_block(PyObject* o, TensorRef out, size_t depth, char* place) {
    const Tensor block = as_block(o);
    if (!block) {
      if (is_number(o) || is_numpy_scalar(o))
        throw fail(TW_E_VALUE, who_, "(): expected a list of length ", shape_[depth], " at dimension ", depth, ", got ",
                   type_name(o));
      refuse(o);
    }
    const IntList rest(shape_.data() + depth, shape_.size() - depth);
    if (block.shape().vec() != rest.vec())
      throw fail(TW_E_SHAPE, who_, "(): an item of shape ", block.shape(), " stands where shape ", rest,
                 " was expected");
    const IntList strides(out.strides().data() + depth, rest.size());
    const Tensor part = as_strided(out, rest, strides, place - out.data<char>());
    copy_converted(part, block);
  }

  const char* who_;
  std::vector<int64_t> shape_;
  Promotion found_;
  SignalPaces signals_;
  bool has_values_ = false;
};

// range(5), a deque: sequences that are no lists become lists first.
Ref as_list(PyObject* data, const char* who) {
  if (is_text(data) || PyDict_Check(data) || !PySequence_Check(data)) return Ref();
  return Ref(PySequence_Fast(data, who));
}

PyObject* tensor_from_data_function(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  if (nargs != 3) return type_error("tensor_from_data() takes (data, dtype, who)");
  tw_dtype dtype;
  const bool has_dtype = args[1] != Py_None;
  const char* who = PyUnicode_AsUTF8(args[2]);
  if (!who) return nullptr;
  if (has_dtype && !dtype_from_python(args[1], &dtype))
    return type_error(who, "(): argument 'dtype' must be a dtype such as tensorwright.float32, got ",
                      type_name(args[1]));
  Tensor t = tensor_from_data(args[0], has_dtype ? &dtype : nullptr, who);
  return t ? wrap(std::move(t)) : nullptr;
}

PyObject* tensor_from_buffer_function(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  const char* who = nargs == 2 ? PyUnicode_AsUTF8(args[1]) : nullptr;
  if (!who) return type_error("tensor_from_buffer() takes (exporter, who)");
  Tensor t = tensor_from_buffer(args[0], who);
  return t ? wrap(std::move(t)) : nullptr;
}

}  // namespace

void copy_converted(TensorRef dst, TensorRef src) {
  static const OpHandle copy("tw::copy");
  const LayerScope below_all_layers(0, ~uint64_t{0});
  copy.call_into({to_value(dst), to_value(src), to_value(false)}, dst);
}

Tensor tensor_from_data(PyObject* data, const tw_dtype* dtype, const char* who) {
  return translate([&]() -> Tensor {
    try {
      Ref list;
      if (!is_list(data) && !is_tensor(data) && !is_number(data) && !is_numpy_scalar(data) &&
          !PyObject_CheckBuffer(data)) {
        list = as_list(data, who);
        if (!list && !PyErr_Occurred()) throw fail(TW_E_TYPE, who, "(): cannot make a tensor of ", type_name(data));
        if (!list) throw PythonError();
      }
      return Nested(who).make(list ? list.get() : data, dtype);
    } catch (const PythonError&) {
      return Tensor();
    }
  });
}

PyMethodDef kConstructFunctions[] = {
    {"tensor_from_data", as_method(tensor_from_data_function), METH_FASTCALL,
     "tensor_from_data(data, dtype, who): a copy."},
    {"tensor_from_buffer", as_method(tensor_from_buffer_function), METH_FASTCALL,
     "tensor_from_buffer(exporter, who): shares memory."},
    {},
};

}  // namespace tw::python
