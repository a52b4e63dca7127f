#include "cpu/matmul/blas.h"

#include <dlfcn.h>
#include <tensorwright/tw.hpp>

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "cpu/isa.h"

namespace tw::cpu {
namespace {

std::atomic<BlasLocator> g_locator{nullptr};
std::atomic<const Blas*> g_blas{nullptr};
std::mutex g_opening;

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(TW_E_UNKNOWN, "linear algebra: the BLAS library cannot be used: " + reason +
                                "; reinstall it with `pip install --force-reinstall scipy-openblas64`");
}

template <class Fn>
Fn symbol(void* library, const std::string& path, const char* name) {
  void* address = dlsym(library, name);
  if (!address) refuse(path + " has no function " + name);
  return reinterpret_cast<Fn>(address);
}

// OpenBLAS chooses its kernels by processor model and takes AVX2 ones for models newer than itself, also where
// there is AVX-512 (twice the peak). A choice of the user's stays; so does one thread, since ours do the work.
void* open_with_settings(const std::string& path) {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
#endif
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
}

const Blas* open_library(const std::string& path) {
  void* library = open_with_settings(path);
  if (!library) refuse(dlerror());
  auto* result = new Blas();
  result->cgemm = symbol<ComplexGemmFn>(library, path, "scipy_cblas_cgemm64_");
  result->zgemm = symbol<ComplexGemmFn>(library, path, "scipy_cblas_zgemm64_");
  symbol<void (*)(int)>(library, path, "scipy_openblas_set_num_threads64_")(1);
  result->library = library, result->path = path;
  result->description = symbol<const char* (*)()>(library, path, "scipy_openblas_get_config64_")();
  return result;
}

}  // namespace

void set_blas_locator(BlasLocator locator) { g_locator.store(locator); }

const Blas& blas() {
  const Blas* ready = g_blas.load(std::memory_order_acquire);
  if (ready) return *ready;
  // The locator may take Python's lock, so it is asked before ours is held.
  BlasLocator locator = g_locator.load();
  if (!locator) refuse("nobody said where it is");
  const std::string path = locator();
  std::lock_guard<std::mutex> lock(g_opening);
  if (!g_blas.load()) g_blas.store(open_library(path), std::memory_order_release);
  return *g_blas.load();
}

void* blas_symbol(const std::string& name) {
  const Blas& opened = blas();
  return symbol<void*>(opened.library, opened.path, name.c_str());
}

std::string blas_description() {
  try {
    return blas().description;
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace tw::cpu
