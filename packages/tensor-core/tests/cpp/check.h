// A test program calls TW_CHECK and returns failures() from main.
#pragma once

#include <cstdio>

inline int& failures() {
  static int count = 0;
  return count;
}

#define TW_CHECK(condition)                                                        \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++failures();                                                                \
    }                                                                              \
  } while (false)
