// Arithmetic and comparisons.
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

#include "table.h"

namespace tw::jit {

void raise_named(const char* exception, const std::string& message) {
  throw Error(TW_E_UNKNOWN, std::string(exception) + ": " + message);
}

bool is_integer(const tw_value& value) { return value.tag == TW_INT || value.tag == TW_BOOL; }
bool is_number(const tw_value& value) { return is_integer(value) || value.tag == TW_FLOAT || value.tag == TW_COMPLEX; }
int64_t integer_of(const Shared& value) {
  if (!is_integer(value->get())) throw Error(TW_E_TYPE, "expected an int");
  return (*value)->u.i;
}
double real_of(const Shared& value) {
  if (!is_number(value->get()) || (*value)->tag == TW_COMPLEX) throw Error(TW_E_TYPE, "expected a float");
  return Scalar(value->get()).real();
}
Shared make_int(int64_t value) { return make(to_value(value)); }
Shared make_float(double value) { return make(to_value(value)); }
Shared make_bool(bool value) { return make(to_value(value)); }
Shared make_complex(double real, double imag) {
  Shared value = make_none();
  check(g_host->list_new(TW_COMPLEX, 1, &*value));
  const double parts[] = {real, imag};
  std::memcpy((*value)->u.p, parts, sizeof parts);
  return value;
}

Tensor contents(TensorRef t) {
  static const OpHandle op("tw::contents");
  return op.call({to_value(t)});
}

bool truth(const tw_value& value) {
  if (value.tag == TW_TENSOR) {
    if (TensorRef(value.u.t).numel() != 1)
      throw Error(TW_E_VALUE, "a condition of the graph is a tensor of more than one element");
    static const OpHandle any("tw::any");
    return *contents(any.call({value})).data<bool>();
  }
  if (const ListObject* list = list_in(value)) return !list->items.empty();
  if (const DictObject* dict = dict_in(value)) return !dict->items.empty();
  switch (value.tag) {
    case TW_NONE:
      return false;
    case TW_FLOAT:
      return value.u.f != 0;
    case TW_COMPLEX:
      return !Scalar(value).equals(0);
    case TW_STR:
    case TW_INTS:
    case TW_FLOATS:
    case TW_TENSORS:
    case TW_VALUES:
      return value.aux != 0;
    default:
      return value.u.i != 0;
  }
}

namespace {

using Complex = std::complex<double>;

[[noreturn]] void overflow(const char* op) {
  raise_named("OverflowError", std::string("an int of more than 64 bits (") + op + ")");
}
[[noreturn]] void no_operand(const char* op) { throw Error(TW_E_TYPE, std::string("unsupported operands for ") + op); }

bool both_integers(const Arguments& a) { return is_integer(a[0]->get()) && is_integer(a[1]->get()); }
bool any_complex(const Arguments& a) { return (*a[0])->tag == TW_COMPLEX || (*a[1])->tag == TW_COMPLEX; }
Complex complex_of(const Shared& value) {
  if (!is_number(value->get())) throw Error(TW_E_TYPE, "expected a number");
  const Scalar number(value->get());
  return {number.real(), number.imag()};
}
Shared give_complex(Complex z) { return make_complex(z.real(), z.imag()); }

bool is_sequence(const tw_value& v) {
  return list_in(v) || v.tag == TW_VALUES || v.tag == TW_INTS || v.tag == TW_FLOATS || v.tag == TW_TENSORS;
}

Shared joined(const Arguments& a) {
  std::vector<Shared> items = items_of(a[0]);
  for (Shared& item : items_of(a[1])) items.push_back(std::move(item));
  return list_in(a[0]->get()) ? make_list(std::move(items)) : make_values(items);
}

Shared add(const Arguments& a) {
  if (both_integers(a)) {
    int64_t sum;
    if (__builtin_add_overflow(integer_of(a[0]), integer_of(a[1]), &sum)) overflow("+");
    return make_int(sum);
  }
  if ((*a[0])->tag == TW_STR && (*a[1])->tag == TW_STR) return make_string(text_of(a[0]->get()) + text_of(a[1]->get()));
  if (is_sequence(a[0]->get()) && is_sequence(a[1]->get())) return joined(a);
  if (any_complex(a)) return give_complex(complex_of(a[0]) + complex_of(a[1]));
  return make_float(real_of(a[0]) + real_of(a[1]));
}

Shared sub(const Arguments& a) {
  if (both_integers(a)) {
    int64_t difference;
    if (__builtin_sub_overflow(integer_of(a[0]), integer_of(a[1]), &difference)) overflow("-");
    return make_int(difference);
  }
  if (any_complex(a)) return give_complex(complex_of(a[0]) - complex_of(a[1]));
  return make_float(real_of(a[0]) - real_of(a[1]));
}

Shared repeated(const Shared& value, int64_t times) {
  if ((*value)->tag == TW_STR) {
    std::string text;
    for (int64_t i = 0; i < times; ++i) text += text_of(value->get());
    return make_string(text);
  }
  const std::vector<Shared> once = items_of(value);
  std::vector<Shared> items;
  for (int64_t i = 0; i < times; ++i) items.insert(items.end(), once.begin(), once.end());
  return list_in(value->get()) ? make_list(std::move(items)) : make_values(items);
}

Shared mul(const Arguments& a) {
  if (both_integers(a)) {
    int64_t product;
    if (__builtin_mul_overflow(integer_of(a[0]), integer_of(a[1]), &product)) overflow("*");
    return make_int(product);
  }
  if (!is_number(a[0]->get())) return repeated(a[0], integer_of(a[1]));
  if (!is_number(a[1]->get())) return repeated(a[1], integer_of(a[0]));
  if (any_complex(a)) {  // by parts, as Python does: no recovery of infinities
    const Complex x = complex_of(a[0]), y = complex_of(a[1]);
    return make_complex(x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real());
  }
  return make_float(real_of(a[0]) * real_of(a[1]));
}

// Smith's method, as Python divides.
Shared complex_div(Complex x, Complex y) {
  const double c = y.real(), d = y.imag();
  if (c == 0 && d == 0) raise_named("ZeroDivisionError", "complex division by zero");
  if (std::abs(c) >= std::abs(d)) {
    const double ratio = d / c, denominator = c + d * ratio;
    return make_complex((x.real() + x.imag() * ratio) / denominator, (x.imag() - x.real() * ratio) / denominator);
  }
  const double ratio = c / d, denominator = c * ratio + d;
  return make_complex((x.real() * ratio + x.imag()) / denominator, (x.imag() * ratio - x.real()) / denominator);
}

Shared div(const Arguments& a) {
  if (any_complex(a)) return complex_div(complex_of(a[0]), complex_of(a[1]));
  if (real_of(a[1]) == 0)
    raise_named("ZeroDivisionError", both_integers(a) ? "division by zero" : "float division by zero");
  if (both_integers(a))
    return make_float(
        static_cast<double>(static_cast<long double>(integer_of(a[0])) / static_cast<long double>(integer_of(a[1]))));
  return make_float(real_of(a[0]) / real_of(a[1]));
}

struct FloatDivision {
  double quotient, remainder;
};

FloatDivision divide_floats(double x, double y) {
  if (y == 0) raise_named("ZeroDivisionError", "float floor division by zero");
  double remainder = std::fmod(x, y);
  double quotient = (x - remainder) / y;
  if (remainder != 0) {
    if ((y < 0) != (remainder < 0)) remainder += y, quotient -= 1;
  } else {
    remainder = std::copysign(0.0, y);
  }
  if (quotient == 0) return {std::copysign(0.0, x / y), remainder};
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1;
  return {floored, remainder};
}

Shared floordiv(const Arguments& a) {
  if (!both_integers(a)) return make_float(divide_floats(real_of(a[0]), real_of(a[1])).quotient);
  const int64_t x = integer_of(a[0]), y = integer_of(a[1]);
  if (y == 0) raise_named("ZeroDivisionError", "integer division or modulo by zero");
  if (y == -1) {
    if (x == std::numeric_limits<int64_t>::min()) overflow("//");
    return make_int(-x);
  }
  const int64_t quotient = x / y;
  return make_int(x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient);
}

Shared mod(const Arguments& a) {
  if (!both_integers(a)) {
    if (real_of(a[1]) == 0) raise_named("ZeroDivisionError", "float modulo");
    return make_float(divide_floats(real_of(a[0]), real_of(a[1])).remainder);
  }
  const int64_t x = integer_of(a[0]), y = integer_of(a[1]);
  if (y == 0) raise_named("ZeroDivisionError", "integer modulo by zero");
  if (y == -1) return make_int(0);
  const int64_t remainder = x % y;
  return make_int(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder);
}

Shared integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) throw Error(TW_E_VALUE, "a negative power of an int is a float: write float(base) ** exponent");
  int64_t result = 1;
  while (true) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) overflow("**");
    if (!(exponent >>= 1)) return make_int(result);
    if (__builtin_mul_overflow(base, base, &base)) overflow("**");
  }
}

Shared power(const Arguments& a) {
  if (both_integers(a)) return integer_power(integer_of(a[0]), integer_of(a[1]));
  if (any_complex(a)) return give_complex(std::pow(complex_of(a[0]), complex_of(a[1])));
  const double x = real_of(a[0]), y = real_of(a[1]);
  if (x == 0 && y < 0) raise_named("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (x < 0 && std::isfinite(x) && std::isfinite(y) && y != std::floor(y))
    throw Error(TW_E_VALUE, "a fractional power of a negative float is complex: write complex(base) ** exponent");
  const double result = std::pow(x, y);
  if (std::isinf(result) && std::isfinite(x) && std::isfinite(y))
    raise_named("OverflowError", "Numerical result out of range");
  return make_float(result);
}

Shared negative(const Arguments& a) {
  const tw_value& v = a[0]->get();
  if (v.tag == TW_FLOAT) return make_float(-v.u.f);
  if (v.tag == TW_COMPLEX) return give_complex(-complex_of(a[0]));
  if (integer_of(a[0]) == std::numeric_limits<int64_t>::min()) overflow("-");
  return make_int(-v.u.i);
}

Shared positive(const Arguments& a) { return (*a[0])->tag == TW_BOOL ? make_int((*a[0])->u.i) : a[0]; }
Shared invert(const Arguments& a) { return make_int(~integer_of(a[0])); }

Shared absolute(const Arguments& a) {
  const tw_value& v = a[0]->get();
  if (v.tag == TW_FLOAT) return make_float(std::fabs(v.u.f));
  if (v.tag == TW_COMPLEX) return make_float(std::abs(complex_of(a[0])));
  return integer_of(a[0]) < 0 ? negative(a) : make_int(v.u.i);
}

Shared shift_left(const Arguments& a) {
  const int64_t x = integer_of(a[0]), by = integer_of(a[1]);
  if (by < 0) throw Error(TW_E_VALUE, "negative shift count");
  if (x == 0) return make_int(0);
  if (by > 63) overflow("<<");
  const auto shifted = static_cast<int64_t>(static_cast<uint64_t>(x) << by);
  if (shifted >> by != x) overflow("<<");
  return make_int(shifted);
}

Shared shift_right(const Arguments& a) {
  const int64_t x = integer_of(a[0]), by = integer_of(a[1]);
  if (by < 0) throw Error(TW_E_VALUE, "negative shift count");
  return make_int(by > 63 ? (x < 0 ? -1 : 0) : x >> by);
}

template <class F>
Shared bits(const Arguments& a, F f) {
  if ((*a[0])->tag == TW_BOOL && (*a[1])->tag == TW_BOOL) return make_bool(f(integer_of(a[0]), integer_of(a[1])) != 0);
  return make_int(f(integer_of(a[0]), integer_of(a[1])));
}
Shared bit_and(const Arguments& a) {
  return bits(a, [](int64_t x, int64_t y) { return x & y; });
}
Shared bit_or(const Arguments& a) {
  return bits(a, [](int64_t x, int64_t y) { return x | y; });
}
Shared bit_xor(const Arguments& a) {
  return bits(a, [](int64_t x, int64_t y) { return x ^ y; });
}

// ---- comparisons ------------------------------------------------------------------------------------------------

long double wide(const tw_value& v) { return v.tag == TW_FLOAT ? v.u.f : static_cast<long double>(v.u.i); }

bool equal_dicts(const DictObject& a, const DictObject& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [text, place] : a.places) {
    const auto other = b.places.find(text);
    if (other == b.places.end() || !equal(a.items[place].second, b.items[other->second].second)) return false;
  }
  return true;
}

Shared eq(const Arguments& a) { return make_bool(equal(a[0], a[1])); }
Shared ne(const Arguments& a) { return make_bool(!equal(a[0], a[1])); }
bool unordered(const Arguments& a) {
  const auto nan = [](const tw_value& v) { return v.tag == TW_FLOAT && std::isnan(v.u.f); };
  return nan(a[0]->get()) || nan(a[1]->get());
}
Shared lt(const Arguments& a) { return make_bool(less(a[0], a[1])); }
Shared gt(const Arguments& a) { return make_bool(less(a[1], a[0])); }
Shared le(const Arguments& a) { return make_bool(!unordered(a) && !less(a[1], a[0])); }
Shared ge(const Arguments& a) { return make_bool(!unordered(a) && !less(a[0], a[1])); }
Shared logical_not(const Arguments& a) { return make_bool(!truth(a[0]->get())); }
Shared is_none(const Arguments& a) { return make_bool(a[0]->is_none()); }
Shared to_bool(const Arguments& a) { return make_bool(truth(a[0]->get())); }
Shared to_complex(const Arguments& a) {
  const Complex imaginary = a.size() > 1 ? complex_of(a[1]) * Complex(0, 1) : Complex();
  return give_complex(complex_of(a[0]) + imaginary);
}
Shared real_part(const Arguments& a) {
  return is_integer(a[0]->get()) ? positive(a) : make_float(complex_of(a[0]).real());
}
Shared imaginary_part(const Arguments& a) {
  return is_integer(a[0]->get()) ? make_int(0) : make_float(complex_of(a[0]).imag());
}
Shared conjugate(const Arguments& a) {
  return (*a[0])->tag == TW_COMPLEX ? give_complex(std::conj(complex_of(a[0]))) : a[0];
}

}  // namespace

bool equal(const Shared& a, const Shared& b) {
  const tw_value &x = a->get(), &y = b->get();
  if (a == b && x.tag != TW_FLOAT) return true;
  if (is_number(x) && is_number(y)) {
    if (x.tag == TW_COMPLEX || y.tag == TW_COMPLEX) return complex_of(a) == complex_of(b);
    return wide(x) == wide(y);
  }
  if (x.tag == TW_STR && y.tag == TW_STR) return text_of(x) == text_of(y);
  if (x.tag == TW_DTYPE && y.tag == TW_DTYPE) return x.u.dt == y.u.dt;
  if (x.tag == TW_DEVICE && y.tag == TW_DEVICE) return x.u.dev == y.u.dev;
  if (x.tag == TW_NONE || y.tag == TW_NONE) return x.tag == y.tag;
  if (dict_in(x) && dict_in(y)) return equal_dicts(*dict_in(x), *dict_in(y));
  if (!is_sequence(x) || !is_sequence(y)) return x.tag == TW_OBJECT && y.tag == TW_OBJECT && x.u.o == y.u.o;
  const std::vector<Shared> left = items_of(a), right = items_of(b);
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i)
    if (!equal(left[i], right[i])) return false;
  return true;
}

bool less(const Shared& a, const Shared& b) {
  const tw_value &x = a->get(), &y = b->get();
  if (is_number(x) && is_number(y) && x.tag != TW_COMPLEX && y.tag != TW_COMPLEX) return wide(x) < wide(y);
  if (x.tag == TW_STR && y.tag == TW_STR) return text_of(x) < text_of(y);  // UTF-8 sorts as its code points do
  if (!is_sequence(x) || !is_sequence(y)) no_operand("<");
  const std::vector<Shared> left = items_of(a), right = items_of(b);
  for (size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (!equal(left[i], right[i])) return less(left[i], right[i]);
  return left.size() < right.size();
}

const Builtin kNumberBuiltins[] = {
    {"add", 2, 2, false, add},
    {"sub", 2, 2, false, sub},
    {"mul", 2, 2, false, mul},
    {"div", 2, 2, false, div},
    {"floordiv", 2, 2, false, floordiv},
    {"mod", 2, 2, false, mod},
    {"pow", 2, 2, false, power},
    {"neg", 1, 1, false, negative},
    {"pos", 1, 1, false, positive},
    {"invert", 1, 1, false, invert},
    {"abs", 1, 1, false, absolute},
    {"lshift", 2, 2, false, shift_left},
    {"rshift", 2, 2, false, shift_right},
    {"and", 2, 2, false, bit_and},
    {"or", 2, 2, false, bit_or},
    {"xor", 2, 2, false, bit_xor},
    {"eq", 2, 2, false, eq},
    {"ne", 2, 2, false, ne},
    {"lt", 2, 2, false, lt},
    {"le", 2, 2, false, le},
    {"gt", 2, 2, false, gt},
    {"ge", 2, 2, false, ge},
    {"not", 1, 1, false, logical_not},
    {"is_none", 1, 1, false, is_none},
    {"bool", 1, 1, false, to_bool},
    {"complex", 1, 2, false, to_complex},
    {"real", 1, 1, false, real_part},
    {"imag", 1, 1, false, imaginary_part},
    {"conjugate", 1, 1, false, conjugate},
    {},
};

}  // namespace tw::jit
