// The profiler as Python sees it.
#include "python/profiling.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "dispatch/profile.h"
#include "python/errors.h"
#include "runtime/text.h"
#include "runtime/thread_state.h"

namespace py = pybind11;

namespace tw::python {

namespace {

constexpr int kMostFrames = 64;

std::string line_of(PyFrameObject* frame) {
  PyCodeObject* code = PyFrame_GetCode(frame);
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  const char* function = PyUnicode_AsUTF8(code->co_name);
  std::string line = text(file ? file : "?", "(", PyFrame_GetLineNumber(frame), "): ", function ? function : "?");
  Py_DECREF(code);
  return line;
}

// Innermost call first.
std::string python_stack() {
  Gil gil;
  std::string lines;
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  for (int i = 0; frame && i < kMostFrames; ++i) {
    lines += (lines.empty() ? "" : "\n") + line_of(frame);
    PyFrameObject* outer = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = outer;
  }
  Py_XDECREF(frame);
  PyErr_Clear();
  return lines;
}

void start(bool shapes, bool stack, bool all_threads) {
  try {
    start_profile({shapes, stack, all_threads});
  } catch (const Error& e) {
    raise(g_host->err_set(e.code(), e.what()));
    throw py::error_already_set();
  }
}

py::list rows_of(const std::vector<ProfileEvent>& events) {
  py::list rows;
  for (const ProfileEvent& e : events)
    rows.append(py::make_tuple(e.name, e.kind, e.depth, e.begin, e.wall, e.cpu, e.allocated, e.freed, e.in_use,
                               e.shapes, e.dtypes, e.stack));
  return rows;
}

py::list stop() {
  std::vector<ThreadProfile> threads;
  try {
    threads = stop_profile();
  } catch (const Error& e) {
    raise(g_host->err_set(e.code(), e.what()));
    throw py::error_already_set();
  }
  py::list found;
  for (const ThreadProfile& thread : threads) found.append(py::make_tuple(thread.thread, rows_of(thread.events)));
  return found;
}

}  // namespace

bool add_profiler(PyObject* module) {
  set_stack_source(python_stack);
  try {
    auto m = py::reinterpret_borrow<py::module_>(module);
    m.def("profile_start", &start, py::arg("shapes"), py::arg("stack"), py::arg("all_threads"));
    m.def("profile_stop", &stop);
    m.def("profiling", &profiling);
    m.def("begin_span", [](const char* name) { begin_span(name, TW_PROFILE_USER); }, py::arg("name"));
    m.def("end_span", &end_span);
    m.def("memory_in_use", &memory_in_use);
    return true;
  } catch (py::error_already_set& e) {
    e.restore();
    return false;
  }
}

}  // namespace tw::python
