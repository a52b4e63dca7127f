// Error sentences are put together here: tw::text("mm: self is ", a.shape(), ", dtype ", a.dtype()).
#pragma once

#include <tensorwright/tw.hpp>

#include <string>
#include <string_view>

namespace tw {

TW_EXPORT void append_text(std::string& out, std::string_view s);
TW_EXPORT void append_text(std::string& out, int64_t i);
TW_EXPORT void append_text(std::string& out, uint64_t i);
TW_EXPORT void append_text(std::string& out, double f);
TW_EXPORT void append_text(std::string& out, IntList list);      // [2, 3]
TW_EXPORT void append_text(std::string& out, tw_dtype dtype);    // float32
TW_EXPORT void append_text(std::string& out, tw_device device);  // cpu, npu:1
inline void append_text(std::string& out, const char* s) { append_text(out, std::string_view(s)); }
inline void append_text(std::string& out, const std::string& s) { append_text(out, std::string_view(s)); }
inline void append_text(std::string& out, int i) { append_text(out, static_cast<int64_t>(i)); }
inline void append_text(std::string& out, unsigned i) { append_text(out, static_cast<uint64_t>(i)); }
inline void append_text(std::string& out, bool b) { append_text(out, b ? "True" : "False"); }
TW_EXPORT void append_text(std::string& out, const Scalar& s);

template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (append_text(out, parts), ...);
  return out;
}

// throw fail(TW_E_SHAPE, "view: ...", sizes);
template <class... Parts>
Error fail(tw_status code, const Parts&... parts) {
  return Error(code, text(parts...));
}

}  // namespace tw
