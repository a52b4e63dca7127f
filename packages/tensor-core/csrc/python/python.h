// CPython, and the two small owners that every file of the bindings uses.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string_view>
#include <utility>

namespace tw::python {

// One owned reference.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  static Ref borrow(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& o) noexcept : object_(std::exchange(o.object_, nullptr)) {}
  Ref& operator=(Ref&& o) noexcept {
    std::swap(object_, o.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }
  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

// The interpreter lock, taken where native code calls back into Python from any thread.
class Gil {
 public:
  Gil() : held_(PyGILState_Check()) {
    if (!held_) state_ = PyGILState_Ensure();
  }
  ~Gil() {
    if (!held_) PyGILState_Release(state_);
  }
  Gil(const Gil&) = delete;

 private:
  bool held_;
  PyGILState_STATE state_ = PyGILState_UNLOCKED;
};

// The interpreter lock, given up while native code works on its own.
class NoGil {
 public:
  explicit NoGil(bool release) : saved_(release ? PyEval_SaveThread() : nullptr) {}
  ~NoGil() {
    if (saved_) PyEval_RestoreThread(saved_);
  }
  NoGil(const NoGil&) = delete;

 private:
  PyThreadState* saved_;
};

// What became of an attempt to read a Python object: kWrongType leaves no exception, so that the caller can word it.
enum class Conversion { kDone, kWrongType, kRaised };

inline const char* type_name(PyObject* o) { return Py_TYPE(o)->tp_name; }
inline PyObject* str(std::string_view s) {
  return PyUnicode_FromStringAndSize(s.data(), static_cast<Py_ssize_t>(s.size()));
}

// The beginning of a static type; the caller fills in the slots.
inline PyTypeObject static_type(const char* name, const char* doc, size_t size, unsigned long flags = 0) {
  PyTypeObject type{};
  type.ob_base = {PyObject_HEAD_INIT(nullptr) 0};
  type.tp_name = name;
  type.tp_doc = doc;
  type.tp_basicsize = static_cast<Py_ssize_t>(size);
  type.tp_flags = Py_TPFLAGS_DEFAULT | flags;
  return type;
}

template <class F>
PyCFunction as_method(F* f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

}  // namespace tw::python
