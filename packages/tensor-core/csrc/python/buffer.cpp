#include "python/buffer.h"

#include <cstring>
#include <memory>

#include "python/construct.h"
#include "python/dtype_object.h"
#include "python/element.h"
#include "python/errors.h"
#include "python/lazy.h"
#include "python/tensor_object.h"

namespace tw::python {

namespace {

// ---- tensors as exporters -------------------------------------------------------------------------------------

// What a Py_buffer needs beside the wrapper: a handle of its own, which keeps the memory even if `data` of the
// tensor is replaced meanwhile, and the strides in bytes.
struct Exported {
  Tensor view;
  Py_ssize_t shape[TW_MAX_NDIM];
  Py_ssize_t strides[TW_MAX_NDIM];
};

int refuse_export(const char* reason) {
  PyErr_SetString(PyExc_BufferError, reason);
  return -1;
}

int get_buffer(PyObject* self, Py_buffer* buffer, int flags) {
  buffer->obj = nullptr;
  const TensorRef t = tensor_of(self);
  if (t.device().type != TW_DEVICE_CPU)
    return refuse_export("only tensors in host memory export a buffer; copy it with cpu()");
  if (t.get()->layers >> TW_L_TRANSFORM & 1)
    return refuse_export("a tensor inside of a transformed function exports no buffer");
  if (requires_grad(self)) return refuse_export("a tensor that requires grad does not export a buffer; use detach()");
  if (!buffer_format(t.dtype()))
    return refuse_export("bfloat16 and float8 have no buffer format; convert with float()");
  const bool readonly = t.get()->flags & TW_F_READONLY;
  if ((flags & PyBUF_WRITABLE) && readonly) return refuse_export("the tensor's memory is read-only");
  if (!(flags & PyBUF_STRIDES) && !t.is_contiguous())
    return refuse_export("the tensor is not contiguous; use contiguous()");
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && t.ndim() > 1)
    return refuse_export("the tensor is row-major, not column-major");
  auto* exported = new (std::nothrow) Exported;
  if (!exported) return PyErr_NoMemory(), -1;
  if (!translate([&] { return exported->view = alias(t), true; })) return delete exported, -1;
  const int64_t item = item_size(t.dtype());
  for (int i = 0; i < t.ndim(); ++i) exported->shape[i] = t.size(i), exported->strides[i] = t.stride(i) * item;
  buffer->buf = t.data<void>();
  buffer->obj = Py_NewRef(self);
  buffer->len = t.numel() * item;
  buffer->itemsize = item;
  buffer->readonly = readonly;
  buffer->ndim = t.ndim();
  buffer->format = flags & PyBUF_FORMAT ? const_cast<char*>(buffer_format(t.dtype())) : nullptr;
  buffer->shape = flags & PyBUF_ND ? exported->shape : nullptr;
  buffer->strides = flags & PyBUF_STRIDES ? exported->strides : nullptr;
  buffer->suboffsets = nullptr;
  buffer->internal = exported;
  return 0;
}

void release_buffer(PyObject*, Py_buffer* buffer) { delete static_cast<Exported*>(buffer->internal); }

// ---- tensors over other exporters -----------------------------------------------------------------------------

void drop_buffer(void* context) {
  auto* buffer = static_cast<Py_buffer*>(context);
  if (Py_IsInitialized()) {
    Gil gil;
    PyBuffer_Release(buffer);
  }
  delete buffer;
}

struct DropBuffer {
  void operator()(Py_buffer* buffer) const { drop_buffer(buffer); }
};
using OwnedBuffer = std::unique_ptr<Py_buffer, DropBuffer>;

OwnedBuffer acquire(PyObject* exporter) {
  auto* buffer = new Py_buffer;
  if (PyObject_GetBuffer(exporter, buffer, PyBUF_RECORDS) == 0) return OwnedBuffer(buffer);
  PyErr_Clear();
  if (PyObject_GetBuffer(exporter, buffer, PyBUF_RECORDS_RO) == 0) return OwnedBuffer(buffer);
  delete buffer;
  return nullptr;
}

[[noreturn]] void refuse_format(const char* who, const Py_buffer& buffer) {
  const std::string_view format = buffer.format ? buffer.format : "B";
  if (!format.empty() && (format[0] == '>' || format[0] == '!'))
    throw fail(
        TW_E_TYPE, who,
        "(): the array is not in native byte order; convert it with array.astype(array.dtype.newbyteorder('='))");
  throw fail(TW_E_TYPE, who, "(): elements with the buffer format '", format,
             "' have no dtype here; there are bool, uint8, int8, "
             "int16, int32, int64, uint16, uint32, uint64, float16, float32, float64, complex64 and complex128");
}

Tensor over_buffer(OwnedBuffer buffer, const char* who) {
  tw_dl dl = {};
  if (!dtype_of_format(buffer->format, buffer->itemsize, &dl.dtype)) refuse_format(who, *buffer);
  int64_t shape[TW_MAX_NDIM], strides[TW_MAX_NDIM];
  for (int i = 0; i < buffer->ndim; ++i) {
    const Py_ssize_t step = buffer->strides[i];
    if (buffer->shape[i] > 1 && step < 0)
      throw fail(TW_E_VALUE, who, "(): the array has negative strides; pass array.copy()");
    if (buffer->shape[i] > 1 && step % buffer->itemsize)
      throw fail(TW_E_VALUE, who, "(): the array's strides are no multiples of its item size; pass array.copy()");
    shape[i] = buffer->shape[i];
    strides[i] = buffer->shape[i] > 1 ? step / buffer->itemsize : 1;
  }
  dl.data = buffer->buf;
  dl.device = {TW_DEVICE_CPU, 0};
  dl.ndim = buffer->ndim;
  dl.shape = shape;
  dl.strides = strides;
  tw_tensor* out = nullptr;
  check(g_host->from_blob(&dl, buffer->readonly ? TW_F_READONLY : 0, drop_buffer, buffer.get(), &out));
  buffer.release();
  return Tensor::steal(out);
}

// A NumPy array of ml_dtypes' bfloat16 or float8, which have no buffer format: its bits as integers. With the error
// set that came before for any other array.
Tensor over_extension_array(PyObject* array, const char* who) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  tw_dtype dtype;
  Ref described(PyObject_GetAttrString(array, "dtype"));
  if (!described || !dtype_from_python(described.get(), &dtype) || buffer_format(dtype))
    return PyErr_Restore(type, value, traceback), Tensor();
  for (PyObject* part : {type, value, traceback}) Py_XDECREF(part);
  Ref bits(PyObject_CallMethod(array, "view", "s", item_size(dtype) == 1 ? "u1" : "u2"));
  OwnedBuffer buffer = bits ? acquire(bits.get()) : nullptr;
  if (!buffer) return Tensor();
  static const OpHandle view("tw::view.dtype");
  return view.call({to_value(over_buffer(std::move(buffer), who)), to_value(dtype)});
}

// frombuffer(buffer, dtype, count, offset): the bytes of any exporter as a vector.
struct Window {
  Py_ssize_t count;
  Py_ssize_t offset;
};

Tensor window_of(OwnedBuffer buffer, tw_dtype dtype, Window w) {
  const Py_ssize_t item = item_size(dtype);
  if (!PyBuffer_IsContiguous(buffer.get(), 'C')) throw fail(TW_E_VALUE, "frombuffer(): the buffer is not contiguous");
  if (w.offset < 0 || w.offset > buffer->len)
    throw fail(TW_E_VALUE, "frombuffer(): offset ", int64_t{w.offset}, " lies outside the buffer of ",
               int64_t{buffer->len}, " bytes");
  const Py_ssize_t room = buffer->len - w.offset;
  if (w.count < 0 && room % item)
    throw fail(TW_E_VALUE, "frombuffer(): ", int64_t{room}, " bytes are no multiple of the item size of ", dtype, ", ",
               int64_t{item});
  if (w.count > room / item)
    throw fail(TW_E_VALUE, "frombuffer(): ", int64_t{w.count}, " elements of ", dtype, " at offset ", int64_t{w.offset},
               " need more than the buffer's ", int64_t{buffer->len}, " bytes");
  int64_t size = w.count < 0 ? room / item : w.count, stride = 1;
  tw_dl dl = {static_cast<char*>(buffer->buf) + w.offset, {TW_DEVICE_CPU, 0}, 1, dtype, &size, &stride, 0};
  tw_tensor* out = nullptr;
  check(g_host->from_blob(&dl, buffer->readonly ? TW_F_READONLY : 0, drop_buffer, buffer.get(), &out));
  buffer.release();
  return Tensor::steal(out);
}

PyObject* window_function(PyObject*, PyObject* args) {
  PyObject *exporter, *dtype_argument;
  Window window;
  if (!PyArg_ParseTuple(args, "OOnn:frombuffer", &exporter, &dtype_argument, &window.count, &window.offset))
    return nullptr;
  tw_dtype dtype;
  if (!dtype_from_python(dtype_argument, &dtype))
    return type_error("frombuffer(): argument 'dtype' must be a dtype, got ", type_name(dtype_argument));
  if (!PyObject_CheckBuffer(exporter))
    return type_error("frombuffer(): argument 'buffer' must export a buffer (bytes, memoryview, mmap), got ",
                      type_name(exporter));
  return translate([&]() -> PyObject* {
    OwnedBuffer buffer = acquire(exporter);
    return buffer ? wrap(window_of(std::move(buffer), dtype, window)) : nullptr;
  });
}

}  // namespace

const char* buffer_format(tw_dtype dtype) {
  switch (dtype_id(dtype)) {
    case DtypeId::kBool:
      return "?";
    case DtypeId::kUInt8:
      return "B";
    case DtypeId::kUInt16:
      return "H";
    case DtypeId::kUInt32:
      return "I";
    case DtypeId::kUInt64:
      return sizeof(long) == 8 ? "L" : "Q";
    case DtypeId::kInt8:
      return "b";
    case DtypeId::kInt16:
      return "h";
    case DtypeId::kInt32:
      return "i";
    case DtypeId::kInt64:
      return sizeof(long) == 8 ? "l" : "q";  // NumPy tells the two apart
    case DtypeId::kFloat16:
      return "e";
    case DtypeId::kFloat8E4M3FN:
    case DtypeId::kFloat8E5M2:
    case DtypeId::kBFloat16:
      return nullptr;
    case DtypeId::kFloat32:
      return "f";
    case DtypeId::kFloat64:
      return "d";
    case DtypeId::kComplex64:
      return "Zf";
    case DtypeId::kComplex128:
      return "Zd";
  }
  return nullptr;
}

bool dtype_of_format(const char* format, Py_ssize_t itemsize, tw_dtype* out) {
  std::string_view f = format ? format : "B";
  if (!f.empty() && std::strchr("@=<", f[0])) f.remove_prefix(1);
  for (int i = 0; i < kDtypes; ++i) {
    const tw_dtype d = dtype_of(static_cast<DtypeId>(i));
    const char* own = buffer_format(d);
    if (own && f == own) return *out = d, item_size(d) == itemsize;
  }
  // integers have several letters, whose size depends on the platform
  if (f.size() != 1 || !std::strchr("hilqnHILQN", f[0])) return false;
  *out = {static_cast<uint8_t>(f[0] >= 'a' ? TW_DT_INT : TW_DT_UINT), static_cast<uint8_t>(itemsize * 8), 1};
  return true;
}

Tensor tensor_from_buffer(PyObject* exporter, const char* who) {
  return translate([&]() -> Tensor {
    if (OwnedBuffer buffer = acquire(exporter)) return over_buffer(std::move(buffer), who);
    return is_numpy_array(exporter) ? over_extension_array(exporter, who) : Tensor();
  });
}

PyBufferProcs kBufferSlots = {get_buffer, release_buffer};

PyMethodDef kBufferFunctions[] = {
    {"frombuffer", window_function, METH_VARARGS, "frombuffer(buffer, dtype, count, offset): shares memory."},
    {},
};

}  // namespace tw::python
