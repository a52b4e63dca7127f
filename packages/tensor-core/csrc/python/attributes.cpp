// What a tensor says about itself: shape, dtype, strides, storage.
#include <cstring>

#include "python/device_object.h"
#include "python/dtype_object.h"
#include "python/errors.h"
#include "python/size_object.h"
#include "python/tensor_object.h"
#include "runtime/layout.h"

namespace tw::python {

namespace {

TensorRef ref(PyObject* self) { return tensor_of(self); }

// ---- attributes -----------------------------------------------------------------------------------------------

PyObject* get_shape(PyObject* self, void*) { return size_object(ref(self).shape()); }
PyObject* get_dtype(PyObject* self, void*) { return dtype_object(ref(self).dtype()); }
PyObject* get_device(PyObject* self, void*) { return device_object(ref(self).device()); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(ref(self).ndim()); }
PyObject* get_item_size(PyObject* self, void*) { return PyLong_FromLongLong(item_size(ref(self).dtype())); }
PyObject* get_nbytes(PyObject* self, void*) {
  return PyLong_FromLongLong(ref(self).numel() * item_size(ref(self).dtype()));
}
PyObject* get_version(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(storage_version(tensor_of(self))); }
PyObject* get_is_cpu(PyObject* self, void*) { return PyBool_FromLong(ref(self).device().type == TW_DEVICE_CPU); }
PyObject* get_is_meta(PyObject* self, void*) { return PyBool_FromLong(ref(self).device().type == TW_DEVICE_META); }

PyObject* permuted(PyObject* self, const std::vector<int64_t>& dims) {
  return translate([&] {
    static const OpHandle permute("tw::permute");
    return wrap(permute.call({to_value(ref(self)), to_value(IntList(dims))}));
  });
}

PyObject* get_transposed(PyObject* self, void*) {
  std::vector<int64_t> dims;
  for (int64_t d = ref(self).ndim(); d-- > 0;) dims.push_back(d);
  return permuted(self, dims);
}

// `what` is the name.
PyObject* get_matrix_transposed(PyObject* self, void* what) {
  const int n = ref(self).ndim();
  if (n < 2)
    return value_error(static_cast<const char*>(what), ": the tensor must have at least 2 dimensions, it has ", n);
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < n; ++d) dims.push_back(d);
  std::swap(dims[static_cast<size_t>(n) - 1], dims[static_cast<size_t>(n) - 2]);
  return permuted(self, dims);
}

// The real or the imaginary parts, sharing memory; `what` is the name.
PyObject* get_part(PyObject* self, void* what) {
  const bool wants_real = !std::strcmp(static_cast<const char*>(what), "real");
  if (wants_real && !is_complex(ref(self).dtype())) return Py_NewRef(self);
  return translate([&] {
    static const OpHandle real("tw::real"), imag("tw::imag");
    return wrap((wants_real ? real : imag).call({to_value(ref(self))}));
  });
}
int set_part(PyObject* self, PyObject* value, void* what) {
  if (!value) return type_error(static_cast<const char*>(what), ": the attribute cannot be deleted"), -1;
  Ref part(get_part(self, what));
  return part ? PyObject_SetItem(part.get(), Py_Ellipsis, value) : -1;
}

PyObject* get_batch_adjoint(PyObject* self, void* what) {
  if (ref(self).ndim() < 2 || !is_complex(ref(self).dtype())) return get_matrix_transposed(self, what);
  return translate([&] {
    static const OpHandle adjoint("tw::adjoint");
    return wrap(adjoint.call({to_value(ref(self))}));
  });
}

PyObject* get_adjoint(PyObject* self, void* what) {
  if (ref(self).ndim() > 2)
    return value_error("H: the tensor must be a matrix, it has ", ref(self).ndim(), " dimensions");
  return get_batch_adjoint(self, what);
}

PyObject* get_data(PyObject* self, void*) {
  return translate([&] { return wrap(alias(tensor_of(self))); });
}
int set_data(PyObject* self, PyObject* value, void*) {
  if (!value) return type_error("data: the attribute cannot be deleted"), -1;
  if (!is_tensor(value)) return type_error("data: must be set to a Tensor, got ", type_name(value)), -1;
  if (tw_status status = g_host->set_data(tensor_of(self), tensor_of(value))) return raise(status), -1;
  return 0;
}

// ---- methods --------------------------------------------------------------------------------------------------

PyObject* dim(PyObject* self, PyObject*) { return get_ndim(self, nullptr); }
PyObject* numel(PyObject* self, PyObject*) { return PyLong_FromLongLong(ref(self).numel()); }
PyObject* element_size(PyObject* self, PyObject*) { return get_item_size(self, nullptr); }

// The value of the one argument of a method, None if it is absent; null with an exception.
PyObject* lone_argument(const char* method, const char* name, PyObject* const* args, Py_ssize_t nargs,
                        PyObject* kwnames) {
  const Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  const bool named = nkw == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), name) == 0;
  if (nargs + nkw > 1 || !named) return type_error(method, "(): takes at most one argument, '", name, "'");
  return nargs + nkw == 1 ? args[0] : Py_None;
}

PyObject* is_contiguous_(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (nargs == 0 && !kwnames) return PyBool_FromLong(ref(self).is_contiguous());
  PyObject* name = lone_argument("is_contiguous", "memory_format", args, nargs, kwnames);
  if (!name) return nullptr;
  if (name == Py_None) return PyBool_FromLong(ref(self).is_contiguous());
  const char* word = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  if (!word)
    return type_error("is_contiguous(): argument 'memory_format' must be a memory_format or None, got ",
                      type_name(name));
  return translate([&] {
    const MemoryFormat format = memory_format("is_contiguous", std::string_view(word), MemoryFormat::kContiguous);
    return PyBool_FromLong(format == MemoryFormat::kPreserve ? is_dense(tensor_of(self))
                                                             : has_format(tensor_of(self), format));
  });
}
PyObject* is_floating_(PyObject* self, PyObject*) { return PyBool_FromLong(is_floating(ref(self).dtype())); }
PyObject* is_complex_(PyObject* self, PyObject*) { return PyBool_FromLong(is_complex(ref(self).dtype())); }
PyObject* data_ptr(PyObject* self, PyObject*) {
  return PyLong_FromVoidPtr(tensor_of(self)->flags & TW_F_NODATA ? nullptr : ref(self).data<void>());
}
PyObject* storage_offset(PyObject* self, PyObject*) {
  if (!storage_of(tensor_of(self))->allocation && !(tensor_of(self)->flags & TW_F_NODATA)) return PyLong_FromLong(0);
  return PyLong_FromLongLong(byte_offset(tensor_of(self)) / item_size(ref(self).dtype()));
}

// size() and stride(): all of them, or one.
PyObject* one_of(PyObject* self, IntList list, const char* name, PyObject* const* args, Py_ssize_t nargs,
                 PyObject* kwnames) {
  const Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  const bool named = nkw == 1 && (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "dim") == 0 ||
                                  PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "axis") == 0);
  if (nargs + nkw > 1 || (nkw && !named)) return type_error(name, "(): takes at most one argument, 'dim'");
  if (nargs + nkw == 0 || args[0] == Py_None) return name[1] == 'i' ? size_object(list) : int_tuple(list);
  Ref number(PyNumber_Index(args[0]));
  if (!number)
    return PyErr_Clear(), type_error(name, "(): argument 'dim' must be int or None, got ", type_name(args[0]));
  const Py_ssize_t given = PyNumber_AsSsize_t(number.get(), nullptr);  // clips
  const int64_t n = ref(self).ndim(), d = given < 0 ? given + n : given;
  if (d < 0 || d >= n)
    return fail_with(PyExc_IndexError, name, "(): dim ", static_cast<int64_t>(given),
                     " is out of range for a tensor of ", n, n == 1 ? " dimension" : " dimensions");
  return PyLong_FromLongLong(list[static_cast<size_t>(d)]);
}
PyObject* size(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return one_of(self, ref(self).shape(), "size", args, nargs, kwnames);
}
PyObject* stride(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return one_of(self, ref(self).strides(), "stride", args, nargs, kwnames);
}

PyObject* as_subclass(PyObject* self, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), &TensorType))
    return type_error("as_subclass(): argument 'cls' must be a subclass of Tensor, got ",
                      PyType_Check(cls) ? reinterpret_cast<PyTypeObject*>(cls)->tp_name : type_name(cls));
  return translate([&] { return wrap_as(reinterpret_cast<PyTypeObject*>(cls), alias(tensor_of(self)).release()); });
}

// The bytes of the whole storage, as a vector that shares them.
PyObject* storage_bytes(PyObject* self, PyObject*) {
  tw_tensor* t = tensor_of(self);
  const TensorBlock* owner = storage_of(t);
  const int64_t size = static_cast<int64_t>(owner->nbytes), stride = 1;
  return translate([&] {
    tw_tensor* out = nullptr;
    check(tensor_view(t, &size, &stride, 1, owner->allocation, kUInt8, &out));
    return wrap(out);
  });
}

// How many tensors lie in the storage.
PyObject* storage_users(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLong(__atomic_load_n(&storage_of(tensor_of(self))->storage_users, __ATOMIC_RELAXED));
}

PyObject* is_readonly(PyObject* self, void*) { return PyBool_FromLong(tensor_of(self)->flags & TW_F_READONLY); }

// Whether two tensors share storage, for copies that keep sharing and for tests.
PyObject* shares_storage(PyObject* self, PyObject* other) {
  if (!is_tensor(other)) return type_error("shares_storage(): argument 'other' must be Tensor, got ", type_name(other));
  return PyBool_FromLong(storage_of(tensor_of(self)) == storage_of(tensor_of(other)));
}

}  // namespace

PyGetSetDef kAttributes[] = {
    {"shape", get_shape, nullptr, "Sizes of the dimensions, as a Size.", nullptr},
    {"dtype", get_dtype, nullptr, "Type of the elements.", nullptr},
    {"device", get_device, nullptr, "Where the data lies.", nullptr},
    {"ndim", get_ndim, nullptr, "Number of dimensions.", nullptr},
    {"itemsize", get_item_size, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"T", get_transposed, nullptr, "A view with the dimensions in reverse order.", nullptr},
    {"mT", get_matrix_transposed, nullptr, "A view with the last two dimensions swapped.", const_cast<char*>("mT")},
    {"H", get_adjoint, nullptr, "A matrix transposed, complex numbers conjugated.", const_cast<char*>("H")},
    {"mH", get_batch_adjoint, nullptr, "The last two dimensions swapped, complex numbers conjugated.",
     const_cast<char*>("mH")},
    {"real", get_part, set_part, "The real parts, sharing memory; assigning writes them.", const_cast<char*>("real")},
    {"imag", get_part, set_part, "The imaginary parts, sharing memory; assigning writes them.",
     const_cast<char*>("imag")},
    {"data", get_data, set_data,
     "The same storage without gradient history; assigning makes the tensor use other storage.", nullptr},
    {"is_cpu", get_is_cpu, nullptr, "Whether the data lies in host memory.", nullptr},
    {"is_meta", get_is_meta, nullptr, "Whether the tensor has a shape but no data.", nullptr},
    {"_is_readonly", is_readonly, nullptr, "Whether the memory must not be written.", nullptr},
    {"_version", get_version, nullptr, "How often the storage has been written in place.", nullptr},
    {},
};

PyMethodDef kAttributeMethods[] = {
    {"dim", dim, METH_NOARGS, "dim()\n--\n\nNumber of dimensions."},
    {"numel", numel, METH_NOARGS, "numel()\n--\n\nNumber of elements."},
    {"nelement", numel, METH_NOARGS, "nelement()\n--\n\nNumber of elements."},
    {"element_size", element_size, METH_NOARGS, "element_size()\n--\n\nBytes of one element."},
    {"is_contiguous", as_method(is_contiguous_), METH_FASTCALL | METH_KEYWORDS,
     "is_contiguous(memory_format=None)\n--\n\nWhether the elements lie without gaps, in row-major order or that of a "
     "memory format."},
    {"is_floating_point", is_floating_, METH_NOARGS,
     "is_floating_point()\n--\n\nWhether the dtype is a real floating-point type."},
    {"is_complex", is_complex_, METH_NOARGS, "is_complex()\n--\n\nWhether the dtype is complex."},
    {"data_ptr", data_ptr, METH_NOARGS, "data_ptr()\n--\n\nAddress of the first element."},
    {"storage_offset", storage_offset, METH_NOARGS,
     "storage_offset()\n--\n\nElements between the start of the storage and the first element."},
    {"size", as_method(size), METH_FASTCALL | METH_KEYWORDS,
     "size(dim=None)\n--\n\nThe shape, or the size of one dimension."},
    {"stride", as_method(stride), METH_FASTCALL | METH_KEYWORDS,
     "stride(dim=None)\n--\n\nSteps between elements along each dimension, or along one."},
    {"as_subclass", as_subclass, METH_O,
     "as_subclass(cls)\n--\n\nThe same storage as an instance of a subclass of Tensor."},
    {"_storage_bytes", storage_bytes, METH_NOARGS,
     "_storage_bytes()\n--\n\nThe bytes of the whole storage, as a uint8 tensor that shares them."},
    {"_storage_users", storage_users, METH_NOARGS,
     "_storage_users()\n--\n\nHow many tensors lie in the storage, this one included."},
    {"shares_storage", shares_storage, METH_O,
     "shares_storage(other)\n--\n\nWhether both tensors lie in the same storage."},
    {},
};

}  // namespace tw::python
