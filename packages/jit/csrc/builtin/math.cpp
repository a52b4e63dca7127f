// Conversions and the functions of Python's module math.
#include <cfenv>
#include <charconv>
#include <cmath>

#include "table.h"

namespace tw::jit {
namespace {

[[noreturn]] void domain() { throw Error(TW_E_VALUE, "math domain error"); }

// As math does: NaN out of no NaN is outside of the domain, infinity out of finite numbers outside of the range.
Shared checked(double result, std::initializer_list<double> arguments) {
  bool any_nan = false, all_finite = true;
  for (const double x : arguments) any_nan |= std::isnan(x), all_finite &= std::isfinite(x);
  if (std::isnan(result) && !any_nan) domain();
  if (std::isinf(result) && all_finite) raise_named("OverflowError", "math range error");
  return make_float(result);
}

template <double (*f)(double)>
Shared unary(const Arguments& a) {
  return checked(f(real_of(a[0])), {real_of(a[0])});
}
template <double (*f)(double, double)>
Shared binary(const Arguments& a) {
  return checked(f(real_of(a[0]), real_of(a[1])), {real_of(a[0]), real_of(a[1])});
}
template <double (*f)(double)>
double logarithm(double x) {
  if (x == 0 || (x < 0 && !std::isnan(x))) domain();
  return f(x);
}
Shared log(const Arguments& a) {
  const double top = logarithm<std::log>(real_of(a[0]));
  if (a.size() == 1) return make_float(top);
  const double bottom = logarithm<std::log>(real_of(a[1]));
  if (bottom == 0) raise_named("ZeroDivisionError", "float division by zero");
  return make_float(top / bottom);
}
Shared log2(const Arguments& a) { return make_float(logarithm<std::log2>(real_of(a[0]))); }
Shared log10(const Arguments& a) { return make_float(logarithm<std::log10>(real_of(a[0]))); }
Shared log1p(const Arguments& a) {
  if (real_of(a[0]) <= -1) domain();
  return make_float(std::log1p(real_of(a[0])));
}
Shared math_pow(const Arguments& a) {
  if (real_of(a[0]) == 0 && real_of(a[1]) < 0) domain();
  return binary<std::pow>(a);
}
Shared atanh(const Arguments& a) {
  if (std::fabs(real_of(a[0])) == 1) domain();
  return unary<std::atanh>(a);
}
Shared degrees(const Arguments& a) { return make_float(real_of(a[0]) * (180.0 / M_PI)); }
Shared radians(const Arguments& a) { return make_float(real_of(a[0]) * (M_PI / 180.0)); }
Shared isnan(const Arguments& a) { return make_bool(std::isnan(real_of(a[0]))); }
Shared isinf(const Arguments& a) { return make_bool(std::isinf(real_of(a[0]))); }
Shared isfinite(const Arguments& a) { return make_bool(std::isfinite(real_of(a[0]))); }

Shared as_int(double value) {
  if (std::isnan(value)) throw Error(TW_E_VALUE, "cannot convert float NaN to integer");
  if (std::isinf(value)) raise_named("OverflowError", "cannot convert float infinity to integer");
  if (value >= 0x1p63 || value < -0x1p63) raise_named("OverflowError", "an int of more than 64 bits (int)");
  return make_int(static_cast<int64_t>(value));
}
template <double (*f)(double)>
Shared rounded(const Arguments& a) {
  return is_integer(a[0]->get()) ? make_int(integer_of(a[0])) : as_int(f(real_of(a[0])));
}

Shared gcd(const Arguments& a) {
  int64_t x = integer_of(a[0]), y = integer_of(a[1]);
  while (y != 0) {
    const int64_t rest = y == -1 ? 0 : x % y;
    x = y, y = rest;
  }
  if (x == INT64_MIN) raise_named("OverflowError", "an int of more than 64 bits (gcd)");
  return make_int(x < 0 ? -x : x);
}

Shared factorial(const Arguments& a) {
  const int64_t n = integer_of(a[0]);
  if (n < 0) throw Error(TW_E_VALUE, "factorial() not defined for negative values");
  if (n > 20) raise_named("OverflowError", "an int of more than 64 bits (factorial)");
  int64_t product = 1;
  for (int64_t i = 2; i <= n; ++i) product *= i;
  return make_int(product);
}

// ---- conversions ------------------------------------------------------------------------------------------------

std::string stripped(const tw_value& value) {
  const std::string text = text_of(value);
  const size_t first = text.find_first_not_of(" \t\n\r\f\v"), last = text.find_last_not_of(" \t\n\r\f\v");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::string without_sign_and_underscores(const std::string& text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[i - 1])) &&
                         std::isdigit(static_cast<unsigned char>(text[i + 1]));
    if (!(text[i] == '_' && between) && !(i == 0 && text[i] == '+')) digits += text[i];
  }
  return digits;
}

Shared int_of_text(const Shared& value) {
  const std::string digits = without_sign_and_underscores(stripped(value->get()));
  int64_t number = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (status == std::errc::result_out_of_range) raise_named("OverflowError", "an int of more than 64 bits (int)");
  if (status != std::errc() || end != digits.data() + digits.size() || digits.empty())
    throw Error(TW_E_VALUE, "invalid literal for int() with base 10: " + repr_of(value));
  return make_int(number);
}

Shared to_int(const Arguments& a) {
  if ((*a[0])->tag == TW_STR) return int_of_text(a[0]);
  return rounded<std::trunc>(a);
}

Shared to_float(const Arguments& a) {
  if ((*a[0])->tag != TW_STR) return make_float(real_of(a[0]));
  std::string digits = without_sign_and_underscores(stripped(a[0]->get()));
  double number = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size() || digits.empty() || status == std::errc::invalid_argument)
    throw Error(TW_E_VALUE, "could not convert string to float: " + repr_of(a[0]));
  return make_float(status == std::errc() ? number : std::strtod(digits.c_str(), nullptr));
}

// To `places` decimals: correctly rounded, as the shortest decimal form is.
Shared round_to(double value, int64_t places) {
  if (!std::isfinite(value) || places > 322) return make_float(value);
  if (places >= 0) {
    char text[700];
    std::snprintf(text, sizeof text, "%.*f", static_cast<int>(places), value);
    return make_float(std::strtod(text, nullptr));
  }
  const double unit = std::pow(10.0, static_cast<double>(-places));
  return make_float(std::nearbyint(value / unit) * unit);
}

Shared round_int(int64_t value, int64_t places) {
  if (places >= 0) return make_int(value);
  int64_t unit = 1;
  for (; places < 0; ++places)
    if (__builtin_mul_overflow(unit, int64_t{10}, &unit)) return make_int(0);
  const int64_t rest = ((value % unit) + unit) % unit;
  const int64_t down = value - rest;
  const bool up = rest * 2 > unit || (rest * 2 == unit && (down / unit) % 2 != 0);
  return make_int(up ? down + unit : down);
}

Shared round(const Arguments& a) {
  if (a.size() == 1 || a[1]->is_none()) return rounded<std::nearbyint>(a);
  if (is_integer(a[0]->get())) return round_int(integer_of(a[0]), integer_of(a[1]));
  return round_to(real_of(a[0]), integer_of(a[1]));
}

}  // namespace

const Builtin kMathBuiltins[] = {
    {"int", 1, 1, false, to_int},
    {"float", 1, 1, false, to_float},
    {"round", 1, 2, false, round},
    {"math.sqrt", 1, 1, false, unary<std::sqrt>},
    {"math.exp", 1, 1, false, unary<std::exp>},
    {"math.exp2", 1, 1, false, unary<std::exp2>},
    {"math.expm1", 1, 1, false, unary<std::expm1>},
    {"math.sin", 1, 1, false, unary<std::sin>},
    {"math.cos", 1, 1, false, unary<std::cos>},
    {"math.tan", 1, 1, false, unary<std::tan>},
    {"math.asin", 1, 1, false, unary<std::asin>},
    {"math.acos", 1, 1, false, unary<std::acos>},
    {"math.atan", 1, 1, false, unary<std::atan>},
    {"math.sinh", 1, 1, false, unary<std::sinh>},
    {"math.cosh", 1, 1, false, unary<std::cosh>},
    {"math.tanh", 1, 1, false, unary<std::tanh>},
    {"math.asinh", 1, 1, false, unary<std::asinh>},
    {"math.acosh", 1, 1, false, unary<std::acosh>},
    {"math.atanh", 1, 1, false, atanh},
    {"math.erf", 1, 1, false, unary<std::erf>},
    {"math.erfc", 1, 1, false, unary<std::erfc>},
    {"math.fabs", 1, 1, false, unary<std::fabs>},
    {"math.atan2", 2, 2, false, binary<std::atan2>},
    {"math.fmod", 2, 2, false, binary<std::fmod>},
    {"math.copysign", 2, 2, false, binary<std::copysign>},
    {"math.pow", 2, 2, false, math_pow},
    {"math.log", 1, 2, false, log},
    {"math.log2", 1, 1, false, log2},
    {"math.log10", 1, 1, false, log10},
    {"math.log1p", 1, 1, false, log1p},
    {"math.degrees", 1, 1, false, degrees},
    {"math.radians", 1, 1, false, radians},
    {"math.isnan", 1, 1, false, isnan},
    {"math.isinf", 1, 1, false, isinf},
    {"math.isfinite", 1, 1, false, isfinite},
    {"math.floor", 1, 1, false, rounded<std::floor>},
    {"math.ceil", 1, 1, false, rounded<std::ceil>},
    {"math.trunc", 1, 1, false, rounded<std::trunc>},
    {"math.gcd", 2, 2, false, gcd},
    {"math.factorial", 1, 1, false, factorial},
    {},
};

}  // namespace tw::jit
