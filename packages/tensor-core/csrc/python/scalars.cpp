// Tensors as Python numbers and lists: item(), tolist(), bool(), int(), float(), operator.index(), +x.
#include "python/element.h"
#include "python/errors.h"
#include "python/signals.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

PyObject* item(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  if (nargs == 0) return tensor_item(tensor_of(self), "item()");
  Ref index(nargs == 1 ? Py_NewRef(args[0]) : PyTuple_New(nargs));
  for (Py_ssize_t i = 0; nargs > 1 && index && i < nargs; ++i) PyTuple_SET_ITEM(index.get(), i, Py_NewRef(args[i]));
  Ref element(index ? PyObject_GetItem(self, index.get()) : nullptr);
  return element ? tensor_item(tensor_of(element.get()), "item()") : nullptr;
}

// Nested lists of a tensor's elements. Ctrl-C is answered in between: they may take long.
class Nested {
 public:
  explicit Nested(const TensorRef t) : t_(t) {}

  // From dimension `dim` on.
  PyObject* list(int dim, const char* data) {
    if (dim == t_.ndim()) return element_to_python(data, t_.dtype());
    const int64_t n = t_.size(dim), step = t_.stride(dim) * item_size(t_.dtype());
    Ref list(PyList_New(n));
    for (int64_t i = 0; list && i < n; ++i) {
      PyObject* inner = this->list(dim + 1, data + i * step);
      if (!inner) return nullptr;
      PyList_SET_ITEM(list.get(), i, inner);
      if (!signals_.answered()) return nullptr;
    }
    return list.release();
  }

 private:
  const TensorRef t_;
  SignalPaces signals_;
};

// The tensor itself, or a copy of it in host memory.
Tensor on_host(tw_tensor* given) {
  const Tensor held = readable(given);
  tw_tensor* t = held.get();
  if (t->flags & TW_F_NODATA) throw fail(TW_E_UNSUPPORTED, "tolist(): a tensor on device 'meta' has no data");
  if (t->dl.device.type == TW_DEVICE_CPU) return Tensor::retain(t);
  return host_copy(t);
}

PyObject* tolist(PyObject* self, PyObject*) {
  return translate([&] {
    const Tensor host = on_host(tensor_of(self));
    return Nested(host).list(0, host.data<char>());
  });
}

int truth(PyObject* self) {
  const tw_tensor* t = tensor_of(self);
  if (t->numel != 1) {
    value_error("bool(): the truth of a tensor of shape ", TensorRef(tensor_of(self)).shape(),
                " is ambiguous; use any() or all()");
    return -1;
  }
  Ref value(tensor_item(tensor_of(self), "bool()"));
  return value ? PyObject_IsTrue(value.get()) : -1;
}

PyObject* to_int(PyObject* self) {
  Ref value(tensor_item(tensor_of(self), "int()"));
  return value ? PyNumber_Long(value.get()) : nullptr;
}
PyObject* to_float(PyObject* self) {
  Ref value(tensor_item(tensor_of(self), "float()"));
  return value ? PyNumber_Float(value.get()) : nullptr;
}
PyObject* to_complex(PyObject* self, PyObject*) {
  Ref value(tensor_item(tensor_of(self), "complex()"));
  return value ? PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyComplex_Type), value.get()) : nullptr;
}
PyObject* to_index(PyObject* self) {
  const tw_tensor* t = tensor_of(self);
  if (t->numel != 1 || !(is_integral(t->dl.dtype) || t->dl.dtype == kBool))
    return type_error("only an integer tensor of one element can be used as an index, got ", t->dl.dtype, " of shape ",
                      TensorRef(tensor_of(self)).shape());
  return to_int(self);
}

}  // namespace

void fill_scalar_slots(PyNumberMethods* slots) {
  slots->nb_positive = [](PyObject* self) { return Py_NewRef(self); };
  slots->nb_bool = truth;
  slots->nb_int = to_int;
  slots->nb_float = to_float;
  slots->nb_index = to_index;
}

PyMethodDef kScalarMethods[] = {
    {"item", as_method(item), METH_FASTCALL,
     "item(*index)\n--\n\nThe only element, or the one at an index, as a Python number."},
    {"tolist", tolist, METH_NOARGS, "tolist()\n--\n\nThe elements as nested lists of Python numbers."},
    {"__complex__", to_complex, METH_NOARGS, nullptr},
    {},
};

}  // namespace tw::python
