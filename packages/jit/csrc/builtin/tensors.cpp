// What Python reads out of tensors, and tensors from Python's numbers.
#include <cstring>

#include "table.h"

namespace tw::jit {
namespace {

TensorRef tensor_in(const Shared& value) {
  if ((*value)->tag != TW_TENSOR) throw Error(TW_E_TYPE, "expected a tensor");
  return TensorRef((*value)->u.t);
}

int checked_dim(const Shared& dim, TensorRef t) {
  const int64_t d = integer_of(dim), n = t.ndim();
  if (d < -n || d >= n)
    throw Error(TW_E_INDEX, "dimension " + std::to_string(d) + " of a tensor of " + std::to_string(n) + " dimensions");
  return static_cast<int>(d < 0 ? d + n : d);
}

Shared size(const Arguments& a) {
  const TensorRef t = tensor_in(a[0]);
  if (a.size() > 1) return make_int(t.size(checked_dim(a[1], t)));
  std::vector<Shared> sizes;
  for (const int64_t n : t.shape()) sizes.push_back(make_int(n));
  return make_values(sizes);
}
Shared ndim(const Arguments& a) { return make_int(tensor_in(a[0]).ndim()); }
Shared numel(const Arguments& a) { return make_int(tensor_in(a[0]).numel()); }
Shared dtype(const Arguments& a) { return make(to_value(tensor_in(a[0]).dtype())); }
Shared device(const Arguments& a) { return make(to_value(tensor_in(a[0]).device())); }

Tensor converted(TensorRef t, tw_dtype dtype) {
  static const OpHandle to("tw::to.dtype");
  return to.call({to_value(t), to_value(dtype), to_value(false), to_value(false), value_none()});
}

Shared item(const Arguments& a) {
  if (tensor_in(a[0]).numel() != 1)
    throw Error(TW_E_VALUE, "item(): only tensors of one element are numbers, got " +
                                std::to_string(tensor_in(a[0]).numel()) + " elements");
  const Tensor t = contents(tensor_in(a[0]));
  const tw_dtype dtype = t.dtype();
  if (dtype == kBool) return make_bool(*converted(t, kBool).data<bool>());
  if (is_integral(dtype)) return make_int(*converted(t, kInt64).data<int64_t>());
  if (!tw::is_complex(dtype)) return make_float(*converted(t, kFloat64).data<double>());
  const Tensor z = converted(t, kComplex128);
  return make_complex(z.data<double>()[0], z.data<double>()[1]);
}

// ---- from numbers -----------------------------------------------------------------------------------------------

struct Numbers {
  std::vector<int64_t> shape;
  std::vector<Shared> flat;
};

void collect(const Shared& value, size_t depth, Numbers& numbers) {
  if (is_number(value->get())) {
    if (depth != numbers.shape.size()) throw Error(TW_E_VALUE, "tensor(): the lists are nested unevenly");
    numbers.flat.push_back(value);
    return;
  }
  const std::vector<Shared> items = items_of(value);
  if (depth == numbers.shape.size() && numbers.flat.empty())
    numbers.shape.push_back(static_cast<int64_t>(items.size()));
  if (depth >= numbers.shape.size() || numbers.shape[depth] != static_cast<int64_t>(items.size()))
    throw Error(TW_E_VALUE, "tensor(): lists of different lengths");
  for (const Shared& inner : items) collect(inner, depth + 1, numbers);
}

tw_dtype default_float() {
  static const OpHandle full("tw::full");
  return full.call({to_value(IntList()), to_value(0.0), value_none(), value_none()}).dtype();
}

tw_dtype dtype_for(const Numbers& numbers) {
  bool any_float = numbers.flat.empty(), any_int = false, any_complex = false;
  for (const Shared& number : numbers.flat) {
    any_float |= (*number)->tag == TW_FLOAT;
    any_int |= (*number)->tag == TW_INT;
    any_complex |= (*number)->tag == TW_COMPLEX;
  }
  if (any_complex) return default_float() == kFloat64 ? kComplex128 : kComplex64;
  return any_float ? default_float() : any_int ? kInt64 : kBool;
}

// Nested lists of numbers as a tensor; a tensor among them is read as its number.
Shared tensor(const Arguments& a) {
  Numbers numbers;
  collect(a[0], 0, numbers);
  const tw_dtype dtype = a.size() > 1 && !a[1]->is_none() ? (*a[1])->u.dt : dtype_for(numbers);
  const bool integral = is_integral(dtype) || dtype == kBool;
  const Tensor wide = empty(IntList(numbers.shape), integral ? kInt64 : tw::is_complex(dtype) ? kComplex128 : kFloat64);
  for (size_t i = 0; i < numbers.flat.size(); ++i) {
    const Scalar number(numbers.flat[i]->get());
    if (integral)
      wide.data<int64_t>()[i] = dtype == kBool ? number.real() != 0 : number.integer();
    else if (tw::is_complex(dtype))
      wide.data<double>()[2 * i] = number.real(), wide.data<double>()[2 * i + 1] = number.imag();
    else
      wide.data<double>()[i] = number.real();
  }
  Shared result = make_none();
  give(&*result, converted(wide, dtype));
  return result;
}

Shared tolist_of(TensorRef t) {
  static const OpHandle select("tw::select");
  Shared whole = make_none();
  give(&*whole, Tensor::retain(t.get()));
  if (t.ndim() == 0) return item({whole});
  std::vector<Shared> items;
  for (int64_t i = 0; i < t.size(0); ++i)
    items.push_back(tolist_of(select.call({to_value(t), to_value(int64_t{0}), to_value(i)})));
  return make_list(std::move(items));
}
Shared tolist(const Arguments& a) { return tolist_of(tensor_in(a[0])); }

tw_dtype dtype_in(const Shared& value) { return (*value)->tag == TW_DTYPE ? (*value)->u.dt : tensor_in(value).dtype(); }
Shared is_floating_point(const Arguments& a) { return make_bool(is_floating(dtype_in(a[0]))); }
// Whether two names are of one tensor; of none, for optional ones, too.
Shared is(const Arguments& a) {
  const tw_value &x = a[0]->get(), &y = a[1]->get();
  return make_bool(x.tag == y.tag && (x.tag != TW_TENSOR || x.u.t == y.u.t));
}
Shared is_complex(const Arguments& a) { return make_bool(tw::is_complex(dtype_in(a[0]))); }

}  // namespace

const Builtin kTensorBuiltins[] = {
    {"size", 1, 2, false, size},
    {"ndim", 1, 1, false, ndim},
    {"numel", 1, 1, false, numel},
    {"dtype", 1, 1, false, dtype},
    {"device", 1, 1, false, device},
    {"item", 1, 1, false, item},
    {"tolist", 1, 1, false, tolist},
    {"tensor", 1, 2, false, tensor},
    {"is_floating_point", 1, 1, false, is_floating_point},
    {"is_complex", 1, 1, false, is_complex},
    {"is", 2, 2, false, is},
    {},
};

}  // namespace tw::jit
