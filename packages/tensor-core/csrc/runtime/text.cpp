#include "runtime/text.h"

#include <cmath>
#include <cstdio>

#include "runtime/device.h"
#include "runtime/dtype.h"

namespace tw {

void append_text(std::string& out, std::string_view s) { out.append(s); }
void append_text(std::string& out, int64_t i) { out += std::to_string(i); }
void append_text(std::string& out, uint64_t i) { out += std::to_string(i); }

void append_text(std::string& out, double f) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", f);
  double parsed = 0;
  for (int digits = 6; digits < 17; ++digits) {  // the shortest text that reads back as f
    char shorter[32];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, f);
    if (std::sscanf(shorter, "%lf", &parsed) == 1 && parsed == f) {
      out += shorter;
      if (std::isfinite(f) && std::string_view(shorter).find_first_of(".e") == std::string_view::npos) out += ".0";
      return;
    }
  }
  out += buffer;
}

void append_text(std::string& out, IntList list) {
  out += '[';
  for (size_t i = 0; i < list.size(); ++i) {
    if (i) out += ", ";
    append_text(out, list[i]);
  }
  out += ']';
}

void append_text(std::string& out, tw_dtype dtype) { out += dtype_name(dtype); }

void append_text(std::string& out, tw_device device) {
  out += device_type_name(device.type);
  if (device.type != TW_DEVICE_CPU && device.type != TW_DEVICE_META) {
    out += ':';
    append_text(out, static_cast<int64_t>(device.index));
  }
}

void append_text(std::string& out, const Scalar& s) {
  if (s.is_bool())
    append_text(out, s.integer() != 0);
  else if (s.is_complex())
    append_text(out, text(s.real(), "+", s.imag(), "j"));
  else if (s.is_float())
    append_text(out, s.real());
  else if (s.is_unsigned())
    append_text(out, static_cast<uint64_t>(s.integer()));
  else
    append_text(out, s.integer());
}

}  // namespace tw
