// tensorwright.dtype: twelve objects that live as long as the process, compared by identity.
#pragma once

#include "python/errors.h"
#include "python/python.h"
#include "runtime/dtype.h"

namespace tw::python {

struct DtypeObject {
  PyObject_HEAD tw_dtype dtype;
};
extern PyTypeObject DtypeType;

PyObject* dtype_object(tw_dtype dtype);  // new reference
inline bool is_dtype(PyObject* o) { return Py_TYPE(o) == &DtypeType; }
// A dtype, one of bool/int/float/complex, or a NumPy dtype or scalar type. False without an exception for
// anything else.
bool dtype_from_python(PyObject* o, tw_dtype* out);

// Adds the type, the dtypes by name (float32, ...), finfo and iinfo.
bool add_dtypes(PyObject* module);

}  // namespace tw::python
