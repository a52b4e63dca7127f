// The BLAS library: found by Python, opened at the first complex product or decomposition, kept for the life of the
// process. It runs single-threaded; work is split over our own thread pool by the callers.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>
#include <string>

namespace tw::cpu {

// The interface of cblas_?gemm with 64-bit integers for complex types, whose scalars are passed by address.
using ComplexGemmFn = void (*)(int order, int trans_a, int trans_b, int64_t m, int64_t n, int64_t k, const void* alpha,
                               const void* a, int64_t lda, const void* b, int64_t ldb, const void* beta, void* c,
                               int64_t ldc);

struct Blas {
  ComplexGemmFn cgemm;
  ComplexGemmFn zgemm;
  std::string description;  // "OpenBLAS 0.3.30 ..., SkylakeX"
  void* library;
  std::string path;
};
constexpr int kCblasRowMajor = 101;
constexpr int kCblasNoTrans = 111;
constexpr int kCblasTrans = 112;

// Who knows where the library is; asked once, by the thread that needs the first product. It may throw.
using BlasLocator = std::string (*)();
TW_EXPORT void set_blas_locator(BlasLocator locator);

// The library, opened if need be. Throws Error if it cannot be found or opened.
const Blas& blas();

// A further function of the library, such as "scipy_dgetrf_64_". Throws Error if there is none of that name.
void* blas_symbol(const std::string& name);

// For show_config; opens the library if need be, and says why if it cannot be.
TW_EXPORT std::string blas_description();

}  // namespace tw::cpu
