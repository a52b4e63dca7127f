// Observers that are Python functions.
#include "python/observing.h"

#include <memory>

#include "dispatch/observe.h"
#include "dispatch/op.h"
#include "python/errors.h"
#include "python/object_bridge.h"

namespace tw::python {

namespace {

PyObject* tuple_of_values(const tw_value* values, uint32_t n) {
  Ref tuple(PyTuple_New(n));
  for (uint32_t i = 0; tuple && i < n; ++i) {
    PyObject* item = value_to_python(values[i]);
    if (!item) return nullptr;
    PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  return tuple.release();
}

class PythonObserver final : public OpObserver {
 public:
  explicit PythonObserver(PyObject* function) : function_(Py_NewRef(function)) {}

  tw_status ended(const tw_call& call, uint32_t depth) override {
    Gil gil;
    Ref args(tuple_of_values(call.args, call.nargs));
    Ref results(args ? tuple_of_values(call.rets, call.nrets) : nullptr);
    if (!results) return park_exception();
    Ref answer(PyObject_CallFunction(function_.get(), "sOOI", call.op->spec->name, args.get(), results.get(), depth));
    return answer ? TW_OK : park_exception();
  }

 private:
  Ref function_;
};

PyObject* set_observer(PyObject*, PyObject* function) {
  if (function != Py_None && observing())
    return fail_with(PyExc_RuntimeError, "observe: this thread is observed already; observers do not nest");
  auto next = function == Py_None ? nullptr : std::make_unique<PythonObserver>(function);
  const std::unique_ptr<OpObserver> before(exchange_observer(next.release()));
  Py_RETURN_NONE;
}

}  // namespace

PyMethodDef kObserverFunctions[] = {
    {"set_observer", set_observer, METH_O,
     "set_observer(function | None): call function(name, args, results, depth) after each op of this thread."},
    {},
};

}  // namespace tw::python
