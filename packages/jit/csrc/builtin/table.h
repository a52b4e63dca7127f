// What the ops `builtin` and `effect` call: functions of Python's own values, as Python defines them. Integers have 64
// bits; what does not fit is an error.
#pragma once

#include <string_view>

#include "containers.h"

namespace tw::jit {

using Arguments = std::vector<Shared>;

struct Builtin {
  std::string_view name;
  int least_args, most_args;  // -1: any number
  bool effect;                // changes an argument, or is seen outside
  Shared (*run)(const Arguments& args);
};

// The function of that name, or null.
const Builtin* builtin(std::string_view name);

// One table per file; each ends with an empty name.
extern const Builtin kNumberBuiltins[], kMathBuiltins[], kContainerBuiltins[], kTextBuiltins[], kTensorBuiltins[],
    kModeBuiltins[];

// ---- shared between them ----------------------------------------------------------------------------------------

// An exception that has no code of its own: Python finds its class by the name in front.
[[noreturn]] void raise_named(const char* exception, const std::string& message);

// The tensor for its elements to be read: a trace and a transform hear that they leave the graph.
Tensor contents(TensorRef t);
bool truth(const tw_value& value);
bool is_integer(const tw_value& value);  // int or bool
bool is_number(const tw_value& value);
int64_t integer_of(const Shared& value);
double real_of(const Shared& value);
Shared make_int(int64_t value);
Shared make_float(double value);
Shared make_bool(bool value);
Shared make_complex(double real, double imag);

bool equal(const Shared& a, const Shared& b);
bool less(const Shared& a, const Shared& b);
int64_t checked_index(int64_t index, size_t size, const char* what);  // IndexError if it is outside

std::string str_of(const Shared& value);
std::string repr_of(const Shared& value);

// What Python sets so that text and output are its own; without it tensors show their type, and text goes to stdout.
void set_host_text(ObjectRef show_tensor, ObjectRef print);

}  // namespace tw::jit
