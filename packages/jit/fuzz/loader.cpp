// What reads programs that somebody else wrote, under libFuzzer: an input is a text form after a byte 't', else the
// bytes of an archive. Programs that are read must print to a text that reads back to itself.
#include <dlfcn.h>
#include <sys/mman.h>
#include <tensorwright/tw_core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "archive/archive.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace tw::jit {
namespace {

// The registry of ops is the core's: TENSORWRIGHT_LIB names the folder of libtensorwright.
void start() {
  const char* folder = std::getenv("TENSORWRIGHT_LIB");
  void* library = dlopen((std::string(folder ? folder : ".") + "/libtensorwright.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  void* entry = library ? dlsym(library, "tw_core_1") : nullptr;
  if (!entry)
    std::fprintf(stderr, "TENSORWRIGHT_LIB must name the folder of libtensorwright: %s\n", dlerror()), std::exit(1);
  g_host = reinterpret_cast<tw_core_fn>(entry)()->host;
}

void reads_back(const Module& module) {
  const std::string text = print(module);
  Module again;
  parse(text, again);
  if (print(again) != text) std::abort();
}

// The verifier says of every level whether a program is at it, and does not stumble.
void look_at_levels(const Module& module) {
  for (const Level level : {Level::kFunctional, Level::kCore, Level::kGrouped, Level::kPlanned}) {
    try {
      verify(module, level);
    } catch (const Error&) {
    }
  }
}

void read_text(std::string_view text) {
  Module module;
  parse(text, module);
  verify(module, Level::kCapture);
  reads_back(module);
  look_at_levels(module);
}

void read_file(std::string_view bytes) {
  const int file = memfd_create("archive", MFD_CLOEXEC);
  if (file < 0 || write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  try {
    reads_back(read_archive(path)->module);
  } catch (...) {
    close(file);
    throw;
  }
  close(file);
}

}  // namespace
}  // namespace tw::jit

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  tw::jit::start();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    if (!input.empty() && input[0] == 't')
      tw::jit::read_text(input.substr(1));
    else
      tw::jit::read_file(input);
  } catch (const tw::Error&) {
  } catch (const tw::PendingError&) {
    tw_error* error = nullptr;
    if (tw::g_host->err_take(&error) == TW_OK) tw::g_host->err_free(error);
  }
  return 0;
}
