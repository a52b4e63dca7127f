// LAPACK for the four floating types, from the library that blas.h opens. Matrices are column-major, `ld` is the
// distance of columns; the pointers are what Fortran takes. Work space is asked for once and kept with the caller,
// who uses one `Lapack` for many matrices of one size. Calls that take long run apart, so that they can be interrupted.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "cpu/element_types.h"

namespace tw::cpu {

template <class T>
struct RealType {
  using type = T;
};
template <class T>
struct RealType<std::complex<T>> {
  using type = T;
};
template <class T>
using RealOf = typename RealType<T>::type;
template <class T>
constexpr bool kIsComplex = !std::is_same_v<T, RealOf<T>>;

template <class T>
T conjugate(T x) {
  if constexpr (kIsComplex<T>)
    return std::conj(x);
  else
    return x;
}

// Results are LAPACK's `info`: 0, or what went wrong; 64-bit integers throughout.
template <class T>
class Lapack {
 public:
  using Real = RealOf<T>;
  Lapack();

  // Factorizations.
  int64_t potrf(char uplo, int64_t n, T* a);
  int64_t getrf(int64_t m, int64_t n, T* a, int64_t* pivots);
  int64_t getrs(char trans, int64_t n, int64_t columns, const T* lu, const int64_t* pivots, T* b);
  int64_t getri(int64_t n, T* lu, const int64_t* pivots);
  int64_t geqrf(int64_t m, int64_t n, T* a, T* tau);
  int64_t orgqr(int64_t m, int64_t n, int64_t k, T* a, const T* tau);
  // L D L^T, or L D L^H if `hermitian`.
  int64_t sytrf(bool hermitian, int64_t n, T* a, int64_t* pivots);
  int64_t sytrs(bool hermitian, int64_t n, int64_t columns, const T* ld, const int64_t* pivots, T* b);

  // Eigenvalues and singular values.
  int64_t syevd(bool vectors, char uplo, int64_t n, T* a, Real* values);
  int64_t geev(bool vectors, int64_t n, T* a, std::complex<Real>* values, std::complex<Real>* right);
  // job: 'A' all, 'S' thin, 'N' no singular vectors.
  int64_t gesdd(char job, int64_t m, int64_t n, T* a, Real* s, T* u, T* vt);

  // Least squares: `b` has max(m, n) rows.
  int64_t gels(int64_t m, int64_t n, int64_t columns, T* a, T* b);
  int64_t gelsy(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real rcond, int64_t* rank);
  int64_t gelsd(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank);
  int64_t gelss(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank);

  // Row-major: op(a) x = b or x op(a) = b, in place of b [rows, columns].
  void trsm(bool left, bool upper, bool unit, int64_t rows, int64_t columns, const T* a, T* b) const;

 private:
  struct Space {
    std::vector<T> work;
    std::vector<Real> reals;
    std::vector<int64_t> integers;
    T* make_room(T size);  // that a query answered
  };

  const void* const* table_;
  std::shared_ptr<Space> space_;  // with the calls that run apart, which may outlive the object

  template <class Call>
  static int64_t with_work(Space& space, Call call);
};

template <class F>
void visit_lapack(const char* op, tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kFloat32:
      return f(Type<float>());
    case DtypeId::kFloat64:
      return f(Type<double>());
    case DtypeId::kComplex64:
      return f(Type<std::complex<float>>());
    case DtypeId::kComplex128:
      return f(Type<std::complex<double>>());
    default:
      unsupported_dtype(op, dtype);
  }
}

}  // namespace tw::cpu
