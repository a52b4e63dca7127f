// Strings: how values are written, f-strings' format specifications, and the methods of str.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "../ir/types.h"
#include "table.h"

namespace tw::jit {
namespace {

ObjectRef show_tensor, print_text;

// The shortest decimal form that reads back to the same bits, laid out as Python does.
std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;
  char fixed[400];
  std::string written(fixed, std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr);
  return written.find('.') == std::string::npos ? written + ".0" : written;
}

std::string part_repr(double value) {  // as a part of a complex number: no `.0`
  std::string text = float_repr(value);
  return text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0 ? text.substr(0, text.size() - 2) : text;
}

std::string complex_repr(const Scalar& z) {
  if (z.real() == 0 && !std::signbit(z.real())) return part_repr(z.imag()) + "j";
  const std::string imag = part_repr(z.imag());
  return "(" + part_repr(z.real()) + (imag[0] == '-' ? "" : "+") + imag + "j)";
}

std::string string_repr(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string written(1, quote);
  for (const char c : text) {
    char escape[8];
    if (c == quote || c == '\\')
      written += '\\', written += c;
    else if (c == '\n')
      written += "\\n";
    else if (c == '\t')
      written += "\\t";
    else if (c == '\r')
      written += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      std::snprintf(escape, sizeof escape, "\\x%02x", c), written += escape;
    else
      written += c;
  }
  return written + quote;
}

std::string tensor_text(const tw_value& value) {
  if (show_tensor) {
    Value shown;
    call_object(show_tensor.get(), Span<tw_value>(&value, 1), shown);
    return text_of(shown.get());
  }
  std::string text = std::string("tensor<") + dtype_name(TensorRef(value.u.t).dtype()) + ", [";
  for (int d = 0; d < TensorRef(value.u.t).ndim(); ++d)
    text += (d ? ", " : "") + std::to_string(TensorRef(value.u.t).size(d));
  return text + "]>";
}

std::string joined(const std::vector<Shared>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) text += (i ? ", " : "") + repr_of(items[i]);
  return text;
}

std::string dict_repr(const DictObject& dict) {
  std::string text;
  for (const auto& [key, value] : dict.items) text += (text.empty() ? "" : ", ") + repr_of(key) + ": " + repr_of(value);
  return "{" + text + "}";
}

}  // namespace

void set_host_text(ObjectRef show, ObjectRef print) { show_tensor = std::move(show), print_text = std::move(print); }

std::string repr_of(const Shared& shared) {
  const tw_value& value = shared->get();
  switch (value.tag) {
    case TW_NONE:
      return "None";
    case TW_BOOL:
      return value.u.i ? "True" : "False";
    case TW_INT:
      return std::to_string(value.u.i);
    case TW_FLOAT:
      return float_repr(value.u.f);
    case TW_COMPLEX:
      return complex_repr(value);
    case TW_STR:
      return string_repr(text_of(value));
    case TW_TENSOR:
      return tensor_text(value);
    case TW_DTYPE:
      return std::string("tensorwright.") + dtype_name(value.u.dt);
    case TW_DEVICE:
      return "device(type='" + device_text(value.u.dev) + "')";
    default:
      break;
  }
  if (list_in(value)) return "[" + joined(items_of(shared)) + "]";
  if (const DictObject* dict = dict_in(value)) return dict_repr(*dict);
  if (value.tag == TW_OBJECT) return "<object>";
  const std::vector<Shared> items = items_of(shared);
  return "(" + joined(items) + (items.size() == 1 ? ",)" : ")");
}

std::string str_of(const Shared& value) {
  if ((*value)->tag == TW_STR) return text_of(value->get());
  if ((*value)->tag == TW_DEVICE) return device_text((*value)->u.dev);
  return repr_of(value);
}

namespace {

// ---- format specifications --------------------------------------------------------------------------------------

struct Specification {
  std::string fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false;
  int width = 0, precision = -1;
};

int number_at(const std::string& text, size_t& at) {
  int number = 0;
  const auto end = std::from_chars(text.data() + at, text.data() + text.size(), number).ptr;
  at = static_cast<size_t>(end - text.data());
  if (number > 100000) throw Error(TW_E_VALUE, "a width or precision above 100000 in the format '" + text + "'");
  return number;
}

Specification specification(const std::string& text) {
  Specification spec;
  size_t at = 0;
  const auto is = [&](size_t place, const char* set) {
    return place < text.size() && std::string_view(set).find(text[place]) != std::string_view::npos;
  };
  size_t letter = 1;
  while (letter < text.size() && (static_cast<unsigned char>(text[letter]) & 0xc0) == 0x80) ++letter;
  if (is(letter, "<>^="))
    spec.fill = text.substr(0, letter), spec.align = text[letter], at = letter + 1;
  else if (is(0, "<>^="))
    spec.align = text[at++];
  if (is(at, "+- ")) spec.sign = text[at++];
  if (is(at, "#")) spec.alternate = true, ++at;
  if (is(at, "0")) {
    if (!spec.align) spec.fill = "0", spec.align = '=';
    ++at;
  }
  if (is(at, "123456789")) spec.width = number_at(text, at);
  if (is(at, ",_")) spec.grouping = text[at++];
  if (is(at, ".")) spec.precision = number_at(text, ++at);
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size()) throw Error(TW_E_VALUE, "Invalid format specifier '" + text + "'");
  return spec;
}

size_t letters_in(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string padded(const Specification& spec, const std::string& sign, const std::string& body, char default_align) {
  const size_t length = letters_in(sign) + letters_in(body), width = static_cast<size_t>(spec.width);
  if (length >= width) return sign + body;
  const char align = spec.align ? spec.align : default_align;
  const size_t all = width - length;
  const size_t before = align == '>' || align == '=' ? all : align == '^' ? all / 2 : 0;
  std::string left, right;
  for (size_t i = 0; i < before; ++i) left += spec.fill;
  for (size_t i = before; i < all; ++i) right += spec.fill;
  return align == '=' ? sign + left + body : left + sign + body + right;
}

std::string grouped(const std::string& body, char separator) {
  if (!separator) return body;
  const size_t whole = std::min(body.find_first_not_of("0123456789"), body.size());
  std::string text = body.substr(whole);
  for (size_t i = whole, n = 0; i > 0; --i, ++n) {
    if (n && n % 3 == 0) text.insert(text.begin(), separator);
    text.insert(text.begin(), body[i - 1]);
  }
  return text;
}

std::string sign_text(const Specification& spec, bool negative) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

std::string integer_digits(uint64_t value, char type) {
  char digits[72];
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value, base).ptr);
  if (type == 'X') std::transform(text.begin(), text.end(), text.begin(), [](char c) { return std::toupper(c); });
  return text;
}

std::string format_integer(const Specification& spec, int64_t value) {
  if (spec.precision >= 0) throw Error(TW_E_VALUE, "Precision not allowed in integer format specifier");
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  std::string prefix = sign_text(spec, value < 0);
  if (spec.alternate && spec.type && spec.type != 'd') prefix += std::string("0") + spec.type;
  return padded(spec, prefix, grouped(integer_digits(magnitude, spec.type), spec.grouping), '>');
}

std::string float_body(const Specification& spec, double magnitude) {
  char type = spec.type;
  if (!type) {
    if (spec.precision < 0) return float_repr(magnitude);
    type = 'g';
  }
  const bool percent = type == '%';
  char pattern[8] = {'%', '.', '*', percent ? 'f' : type, 0}, text[700];
  if (spec.precision > 300) throw Error(TW_E_VALUE, "a precision above 300 for a float");
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  std::snprintf(text, sizeof text, pattern, precision, percent ? magnitude * 100 : magnitude);
  std::string body = text;
  if (!spec.type && body.find_first_of(".ein") == std::string::npos &&
      static_cast<int>(body.size()) < std::max(precision, 1))
    body += ".0";  // a format without a type always shows that it is a float
  return percent ? body + "%" : body;
}

std::string format_float(const Specification& spec, double value) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  return padded(spec, sign_text(spec, negative), grouped(float_body(spec, std::fabs(value)), spec.grouping), '>');
}

std::string format_string(const Specification& spec, const std::string& text) {
  if (spec.type && spec.type != 's')
    throw Error(TW_E_VALUE, std::string("Unknown format code '") + spec.type + "' for object of type 'str'");
  std::string cut = text;
  for (size_t i = 0, n = 0; spec.precision >= 0 && i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (n++ == static_cast<size_t>(spec.precision)) {
      cut = text.substr(0, i);
      break;
    }
  }
  return padded(spec, "", cut, '<');
}

Shared format(const Arguments& a) {
  const std::string text = text_of(a[1]->get());
  if (text.empty()) return make_string(str_of(a[0]));
  const Specification spec = specification(text);
  const tw_value& v = a[0]->get();
  const bool as_float = spec.type && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (spec.type && !as_float && std::string_view("dxXobs").find(spec.type) == std::string_view::npos)
    throw Error(TW_E_VALUE, std::string("Unknown format code '") + spec.type + "'");
  if (v.tag == TW_STR) return make_string(format_string(spec, text_of(v)));
  if (v.tag == TW_FLOAT || (is_integer(v) && as_float)) {
    if (spec.type && !as_float)
      throw Error(TW_E_VALUE, std::string("Unknown format code '") + spec.type + "' for object of type 'float'");
    return make_string(format_float(spec, real_of(a[0])));
  }
  if (is_integer(v) && spec.type != 's') return make_string(format_integer(spec, integer_of(a[0])));
  throw Error(TW_E_TYPE, "unsupported format string '" + text + "'");
}

// ---- methods of str ---------------------------------------------------------------------------------------------

std::string ascii(const Shared& value, const char* method) {
  std::string text = text_of(value->get());
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80)
      throw Error(TW_E_UNSUPPORTED, std::string("str.") + method + " knows the letters of ASCII only");
  return text;
}

template <int (*f)(int)>
Shared mapped(const Arguments& a) {
  std::string text = ascii(a[0], "upper and str.lower");
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return static_cast<char>(f(c)); });
  return make_string(text);
}
template <int (*f)(int)>
Shared is_all(const Arguments& a) {
  const std::string text = ascii(a[0], "isdigit and its like");
  return make_bool(!text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return f(c) != 0; }));
}

std::string strip_text(const Arguments& a, bool left, bool right) {
  const std::string text = text_of(a[0]->get());
  const std::string set = a.size() > 1 && !a[1]->is_none() ? text_of(a[1]->get()) : " \t\n\r\f\v";
  const size_t first = left ? text.find_first_not_of(set) : 0,
               last = right ? text.find_last_not_of(set) : text.size() - 1;
  if (text.empty() || first == std::string::npos || last == std::string::npos) return "";
  return text.substr(first, last - first + 1);
}
Shared strip(const Arguments& a) { return make_string(strip_text(a, true, true)); }
Shared lstrip(const Arguments& a) { return make_string(strip_text(a, true, false)); }
Shared rstrip(const Arguments& a) { return make_string(strip_text(a, false, true)); }

Shared split_words(const std::string& text) {
  std::vector<Shared> words;
  constexpr char kSpace[] = " \t\n\r\f\v";
  for (size_t at = text.find_first_not_of(kSpace); at != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(make_string(text.substr(at, end - at)));
    at = text.find_first_not_of(kSpace, end);
  }
  return make_list(std::move(words));
}
Shared split(const Arguments& a) {
  const std::string text = text_of(a[0]->get());
  if (a.size() < 2 || a[1]->is_none()) return split_words(text);
  const std::string separator = text_of(a[1]->get());
  if (separator.empty()) throw Error(TW_E_VALUE, "empty separator");
  std::vector<Shared> parts;
  size_t at = 0;
  for (size_t end; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size())
    parts.push_back(make_string(text.substr(at, end - at)));
  parts.push_back(make_string(text.substr(at)));
  return make_list(std::move(parts));
}

Shared join(const Arguments& a) {
  std::string text;
  bool first = true;
  for (const Shared& item : items_of(a[1])) {
    if ((*item)->tag != TW_STR) throw Error(TW_E_TYPE, "str.join takes strings");
    text += (first ? "" : text_of(a[0]->get())) + text_of(item->get());
    first = false;
  }
  return make_string(text);
}

Shared replace(const Arguments& a) {
  std::string text = text_of(a[0]->get());
  const std::string from = text_of(a[1]->get()), to = text_of(a[2]->get());
  if (from.empty()) throw Error(TW_E_UNSUPPORTED, "str.replace of the empty string");
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return make_string(text);
}

Shared find(const Arguments& a) {
  const std::string text = text_of(a[0]->get());
  const size_t at = text.find(text_of(a[1]->get()));
  return make_int(at == std::string::npos ? -1 : static_cast<int64_t>(letters_in(text.substr(0, at))));
}
Shared startswith(const Arguments& a) { return make_bool(text_of(a[0]->get()).rfind(text_of(a[1]->get()), 0) == 0); }
Shared endswith(const Arguments& a) {
  const std::string text = text_of(a[0]->get()), end = text_of(a[1]->get());
  return make_bool(text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0);
}

Shared ord(const Arguments& a) {
  const std::string text = text_of(a[0]->get());
  if (letters_in(text) != 1) throw Error(TW_E_TYPE, "ord() expected a character");
  const auto lead = static_cast<unsigned char>(text[0]);
  int64_t code = text.size() == 1 ? lead : lead & (0x7f >> text.size());
  for (size_t i = 1; i < text.size(); ++i) code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  return make_int(code);
}
Shared chr(const Arguments& a) {
  const int64_t code = integer_of(a[0]);
  if (code < 0 || code > 0x10ffff) throw Error(TW_E_VALUE, "chr() arg not in range(0x110000)");
  std::string text;
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80)
    text += static_cast<char>(code);
  else if (code < 0x800)
    text += static_cast<char>(0xc0 | code >> 6), tail(0);
  else if (code < 0x10000)
    text += static_cast<char>(0xe0 | code >> 12), tail(6), tail(0);
  else
    text += static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0);
  return make_string(text);
}

Shared str(const Arguments& a) { return make_string(str_of(a[0])); }
Shared repr(const Arguments& a) { return make_string(repr_of(a[0])); }

Shared print(const Arguments& a) {
  if (print_text) {
    Value ignored;
    call_object(print_text.get(), Span<tw_value>(&a[0]->get(), 1), ignored);
  } else {
    const std::string text = text_of(a[0]->get());
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return make_none();
}

}  // namespace

const Builtin kTextBuiltins[] = {
    {"str", 1, 1, false, str},
    {"repr", 1, 1, false, repr},
    {"format", 2, 2, false, format},
    {"str.upper", 1, 1, false, mapped<std::toupper>},
    {"str.lower", 1, 1, false, mapped<std::tolower>},
    {"str.isdigit", 1, 1, false, is_all<std::isdigit>},
    {"str.isalpha", 1, 1, false, is_all<std::isalpha>},
    {"str.isalnum", 1, 1, false, is_all<std::isalnum>},
    {"str.isspace", 1, 1, false, is_all<std::isspace>},
    {"str.strip", 1, 2, false, strip},
    {"str.lstrip", 1, 2, false, lstrip},
    {"str.rstrip", 1, 2, false, rstrip},
    {"str.split", 1, 2, false, split},
    {"str.join", 2, 2, false, join},
    {"str.replace", 3, 3, false, replace},
    {"str.find", 2, 2, false, find},
    {"str.startswith", 2, 2, false, startswith},
    {"str.endswith", 2, 2, false, endswith},
    {"ord", 1, 1, false, ord},
    {"chr", 1, 1, false, chr},
    {"print", 1, 1, true, print},
    {},
};

}  // namespace tw::jit
