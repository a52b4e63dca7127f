// Cold functions: threads, dtypes, the random generator, plugins, what this build is.
#include "python/config.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cpu/isa.h"
#include "cpu/matmul/blas.h"
#include "dispatch/autocast.h"
#include "dispatch/plugin.h"
#include "python/dtype_object.h"
#include "python/errors.h"
#include "python/lazy.h"
#include "python/tensor_object.h"
#include "runtime/allocator.h"
#include "runtime/generator.h"
#include "runtime/live_tensors.h"
#include "threads/pool.h"

namespace py = pybind11;

namespace pybind11::detail {

template <>
struct type_caster<tw_dtype> {
  PYBIND11_TYPE_CASTER(tw_dtype, const_name("dtype"));
  bool load(handle source, bool) { return tw::python::dtype_from_python(source.ptr(), &value); }
  static handle cast(tw_dtype dtype, return_value_policy, handle) { return tw::python::dtype_object(dtype); }
};

}  // namespace pybind11::detail

namespace tw::python {

namespace {

// Our errors, raised as themselves.
template <class F>
auto checked(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const PendingError& e) {
    raise(e.code());
  } catch (const Error& e) {
    raise(g_host->err_set(e.code(), e.what()));
  }
  throw py::error_already_set();
}

void set_num_threads(int n) {
  checked([&] { return threads::set_num_threads(n), true; });
}

void set_default(tw_dtype dtype) {
  checked([&] {
    if (!is_floating(dtype)) throw fail(TW_E_TYPE, "set_default_dtype(): expected a floating-point dtype, got ", dtype);
    return set_default_dtype(dtype), true;
  });
}

// Tensors and dtypes take part fully, numbers by their kind.
tw_dtype result_type(const py::args& operands) {
  Promotion promotion;
  if (operands.empty()) throw py::type_error("result_type(): expected at least one tensor, dtype or number");
  for (const py::handle operand : operands) {
    PyObject* o = operand.ptr();
    if (is_tensor(o))
      promotion.add(tensor_of(o)->dl.dtype);
    else if (is_dtype(o))
      promotion.add(reinterpret_cast<DtypeObject*>(o)->dtype);
    else if (PyBool_Check(o))
      promotion.add_scalar(to_value(true));
    else if (PyLong_Check(o))
      promotion.add_scalar(to_value(int64_t{0}));
    else if (PyFloat_Check(o))
      promotion.add_scalar(to_value(0.0));
    else if (PyComplex_Check(o))
      promotion.add_scalar({TW_COMPLEX, 1, {0}});
    else
      throw py::type_error(text("result_type(): expected tensors, dtypes or numbers, got ", type_name(o)));
  }
  return promotion.result();
}

void load(const std::string& path) {
  const tw_status status = load_plugin(path.c_str());
  if (status == TW_OK) return;
  raise(status);
  throw py::error_already_set();
}

// Whether Ctrl-C was pressed. Signal handlers run on the main thread and with the lock, so this asks only now and then.
bool was_interrupted() {
  constexpr auto kPause = std::chrono::milliseconds(20);
  thread_local auto last = std::chrono::steady_clock::time_point{};
  const auto now = std::chrono::steady_clock::now();
  if (now - last < kPause) return false;
  last = now;
  Gil gil;
  return PyErr_CheckSignals() != 0;
}

// The line of the user's program that runs, for the list of large tensors.
std::string python_line() {
  Gil gil;
  PyObject* function = lazy_attribute("tensorwright._memory", "running_line");
  Ref line(function ? PyObject_CallNoArgs(function) : nullptr);
  const char* text = line ? PyUnicode_AsUTF8(line.get()) : nullptr;
  if (text) return text;
  PyErr_Clear();  // a tensor is made all the same
  return "";
}

py::list largest(size_t count) {
  py::list result;
  for (const LiveTensor& t : largest_tensors(count)) {
    py::dict entry;
    entry["bytes"] = t.bytes;
    entry["dtype"] = t.dtype;
    entry["shape"] = py::tuple(py::cast(t.shape));
    entry["line"] = t.origin.empty() ? py::object(py::none()) : py::str(t.origin);
    result.append(entry);
  }
  return result;
}

// Memory of tensors; tensorwright/_memory.py speaks of it to users.
void add_memory(py::module_& m) {
  m.def("memory_peak", &memory_peak);
  m.def("reset_memory_peak", &reset_memory_peak);
  m.def("cached_memory", &cached_memory);
  m.def("release_cached_memory", &release_cached_memory);
  m.def("cache_limit", &cache_limit);
  m.def("set_cache_limit", &set_cache_limit, py::arg("limit"));
  m.def("largest_tensors", &largest, py::arg("count"));
  m.def("record_memory", [](bool on) { set_origin_hook(on ? python_line : nullptr); }, py::arg("enabled"));
}

std::string locate_blas() {
  Gil gil;
  PyObject* function = lazy_attribute("tensorwright._config", "blas_library");
  Ref path(function ? PyObject_CallNoArgs(function) : nullptr);
  const char* text = path ? PyUnicode_AsUTF8(path.get()) : nullptr;
  if (!text) throw PendingError(park_exception());
  return text;
}

}  // namespace

bool add_config(PyObject* module) {
  threads::set_poll_hook(was_interrupted);
  cpu::set_blas_locator(locate_blas);
  try {
    auto m = py::reinterpret_borrow<py::module_>(module);
    m.def("get_num_threads", &threads::num_threads);
    m.def("set_num_threads", &set_num_threads, py::arg("n"));
    m.def("available_cpus", &threads::available_cpus);
    m.def("cgroup_cpus", &threads::cgroup_cpus, py::arg("root"));
    m.def("get_default_dtype", &default_dtype);
    m.def("set_default_dtype", &set_default, py::arg("dtype"));
    m.def("promote_types", &promote_types, py::arg("a"), py::arg("b"));
    m.def("can_store", &can_store, py::arg("source"), py::arg("target"));
    m.def("result_type", &result_type);
    m.def("get_autocast_dtype", &autocast_dtype);
    m.def("set_autocast_dtype", &set_autocast_dtype, py::arg("dtype"));
    m.attr("AUTOCAST_LAYER") = TW_L_AUTOCAST;
    m.def("generator_state", [] {
      const GeneratorState s = generator_state();
      return py::make_tuple(s.seed, s.counter);
    });
    m.def("set_generator_state", [](uint64_t seed, uint64_t counter) { set_generator_state({seed, counter}); });
    m.def("load_plugin", &load, py::arg("path"));
    m.def("isa_name", &cpu::isa_name);
    add_memory(m);
    m.def("blas_description", &cpu::blas_description);
    py::module_::import("atexit").attr("register")(py::cpp_function(&run_exit_hooks));  // while Python still works
    m.attr("ABI_VERSION") = py::make_tuple(TW_ABI_MAJOR, TW_ABI_MINOR);
    m.attr("COMPILER") = __VERSION__;
    return true;
  } catch (py::error_already_set& e) {
    e.restore();
    return false;
  }
}

}  // namespace tw::python
