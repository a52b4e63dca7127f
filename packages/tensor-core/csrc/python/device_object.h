// tensorwright.device: a device type by name and an index.
#pragma once

#include <optional>

#include "python/errors.h"
#include "python/python.h"
#include "runtime/device.h"

namespace tw::python {

struct DeviceObject {
  PyObject_HEAD tw_device device;
};
extern PyTypeObject DeviceType;

PyObject* device_object(tw_device device);  // new reference
inline bool is_device(PyObject* o) { return Py_TYPE(o) == &DeviceType; }
// A device or a string such as "cpu", "npu:1". Plugins are looked up for a name that nobody has registered yet.
Conversion device_from_python(PyObject* o, tw_device* out);
// The same for what is only named: programs compare with devices that are not here, and make them without using them.
Conversion named_device_from_python(PyObject* o, tw_device* out);

// Where factories put new tensors that are given no device, on this thread; none stands for the host.
std::optional<tw_device> default_device();

bool add_device_type(PyObject* module);

}  // namespace tw::python
