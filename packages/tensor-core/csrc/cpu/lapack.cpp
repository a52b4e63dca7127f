#include "cpu/lapack.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "cpu/blas.h"

namespace tw::cpu {
namespace {

using Int = int64_t;
using Length = size_t;  // Fortran passes the length of each character argument at the end

enum Routine {
  kPotrf,
  kGetrf,
  kGetrs,
  kGetri,
  kGeqrf,
  kOrgqr,
  kSytrf,
  kSytrs,
  kHetrf,
  kHetrs,
  kSyevd,
  kGeev,
  kGesdd,
  kGels,
  kGelsy,
  kGelsd,
  kGelss,
  kTrsm,
  kRoutines
};

constexpr const char* kRealNames[kRoutines] = {"potrf", "getrf", "getrs", "getri", "geqrf", "orgqr",
                                               "sytrf", "sytrs", "sytrf", "sytrs", "syevd", "geev",
                                               "gesdd", "gels",  "gelsy", "gelsd", "gelss", "trsm"};
constexpr const char* kComplexNames[kRoutines] = {"potrf", "getrf", "getrs", "getri", "geqrf", "ungqr",
                                                  "sytrf", "sytrs", "hetrf", "hetrs", "heevd", "geev",
                                                  "gesdd", "gels",  "gelsy", "gelsd", "gelss", "trsm"};

template <class T>
constexpr char kLetter = 's';
template <>
constexpr char kLetter<double> = 'd';
template <>
constexpr char kLetter<std::complex<float>> = 'c';
template <>
constexpr char kLetter<std::complex<double>> = 'z';

struct Table {
  const void* functions[kRoutines];
};

template <class T>
Table load_table() {
  Table table{};
  for (int i = 0; i < kRoutines; ++i) {
    const std::string name = std::string(1, kLetter<T>) + (kIsComplex<T> ? kComplexNames : kRealNames)[i];
    table.functions[i] = blas_symbol(i == kTrsm ? "scipy_cblas_" + name + "64_" : "scipy_" + name + "_64_");
  }
  return table;
}

template <class T>
const void* const* table_of() {
  blas();  // may take Python's lock, so it comes before the static's
  static const Table table = load_table<T>();
  return table.functions;
}

template <class... Args>
void call(const void* function, Args... args) {
  reinterpret_cast<void (*)(Args...)>(const_cast<void*>(function))(args...);
}

Int at_least_one(Int n) { return std::max<Int>(n, 1); }

}  // namespace

template <class T>
Lapack<T>::Lapack() : table_(table_of<T>()) {}

template <class T>
T* Lapack<T>::work(T size) {
  // A size above 2^24 may have been rounded down to a float.
  const auto count = static_cast<size_t>(std::ceil(static_cast<double>(std::real(size)) * (1 + 1e-6)));
  if (work_.size() < count + 1) work_.resize(count + 1);
  return work_.data();
}

// call(work, size) asks for the size when that is -1. Routines with one size per problem are asked once.
template <class T>
template <class Call>
int64_t Lapack<T>::with_work(Call call) {
  if (work_.empty()) {
    T size(0);
    const int64_t info = call(&size, -1);
    if (info != 0) return info;
    work(size);
  }
  return call(work_.data(), static_cast<Int>(work_.size()));
}

template <class T>
int64_t Lapack<T>::potrf(char uplo, int64_t n, T* a) {
  Int info = 0, ld = at_least_one(n);
  call(table_[kPotrf], &uplo, &n, a, &ld, &info, Length{1});
  return info;
}

template <class T>
int64_t Lapack<T>::getrf(int64_t m, int64_t n, T* a, int64_t* pivots) {
  Int info = 0, ld = at_least_one(m);
  call(table_[kGetrf], &m, &n, a, &ld, pivots, &info);
  return info;
}

template <class T>
int64_t Lapack<T>::getrs(char trans, int64_t n, int64_t columns, const T* lu, const int64_t* pivots, T* b) {
  Int info = 0, ld = at_least_one(n);
  call(table_[kGetrs], &trans, &n, &columns, lu, &ld, pivots, b, &ld, &info, Length{1});
  return info;
}

template <class T>
int64_t Lapack<T>::getri(int64_t n, T* lu, const int64_t* pivots) {
  return with_work([&](T* space, Int size) {
    Int info = 0, ld = at_least_one(n);
    call(table_[kGetri], &n, lu, &ld, pivots, space, &size, &info);
    return info;
  });
}

template <class T>
int64_t Lapack<T>::geqrf(int64_t m, int64_t n, T* a, T* tau) {
  return with_work([&](T* space, Int size) {
    Int info = 0, ld = at_least_one(m);
    call(table_[kGeqrf], &m, &n, a, &ld, tau, space, &size, &info);
    return info;
  });
}

template <class T>
int64_t Lapack<T>::orgqr(int64_t m, int64_t n, int64_t k, T* a, const T* tau) {
  return with_work([&](T* space, Int size) {
    Int info = 0, ld = at_least_one(m);
    call(table_[kOrgqr], &m, &n, &k, a, &ld, tau, space, &size, &info);
    return info;
  });
}

template <class T>
int64_t Lapack<T>::sytrf(bool hermitian, int64_t n, T* a, int64_t* pivots) {
  return with_work([&](T* space, Int size) {
    Int info = 0, ld = at_least_one(n);
    char uplo = 'L';
    call(table_[hermitian ? kHetrf : kSytrf], &uplo, &n, a, &ld, pivots, space, &size, &info, Length{1});
    return info;
  });
}

template <class T>
int64_t Lapack<T>::sytrs(bool hermitian, int64_t n, int64_t columns, const T* ld_factor, const int64_t* pivots, T* b) {
  Int info = 0, ld = at_least_one(n);
  char uplo = 'L';
  call(table_[hermitian ? kHetrs : kSytrs], &uplo, &n, &columns, ld_factor, &ld, pivots, b, &ld, &info, Length{1});
  return info;
}

template <class T>
int64_t Lapack<T>::syevd(bool vectors, char uplo, int64_t n, T* a, Real* values) {
  char job = vectors ? 'V' : 'N';
  Int ld = at_least_one(n), integers = vectors ? 3 + 5 * n : 1,
      reals = vectors ? 1 + 5 * n + 2 * n * n : at_least_one(n);
  integer_work_.resize(static_cast<size_t>(integers));
  if (kIsComplex<T>) real_work_.resize(static_cast<size_t>(reals));
  return with_work([&](T* space, Int size) {
    Int info = 0;
    if constexpr (kIsComplex<T>)
      call(table_[kSyevd], &job, &uplo, &n, a, &ld, values, space, &size, real_work_.data(), &reals,
           integer_work_.data(), &integers, &info, Length{1}, Length{1});
    else
      call(table_[kSyevd], &job, &uplo, &n, a, &ld, values, space, &size, integer_work_.data(), &integers, &info,
           Length{1}, Length{1});
    return info;
  });
}

namespace {

// LAPACK gives conjugate pairs of a real matrix as two real vectors, the real and the imaginary part.
template <class T>
void unpack_eigenvectors(int64_t n, const T* imaginary, const T* packed, std::complex<T>* right) {
  for (int64_t j = 0; j < n; ++j) {
    const T* column = packed + j * n;
    if (imaginary[j] == 0 || j + 1 == n) {
      for (int64_t i = 0; i < n; ++i) right[j * n + i] = column[i];
      continue;
    }
    for (int64_t i = 0; i < n; ++i) {
      right[j * n + i] = {column[i], column[n + i]};
      right[(j + 1) * n + i] = {column[i], -column[n + i]};
    }
    ++j;
  }
}

}  // namespace

template <class T>
int64_t Lapack<T>::geev(bool vectors, int64_t n, T* a, std::complex<Real>* values, std::complex<Real>* right) {
  char left_job = 'N', right_job = vectors ? 'V' : 'N';
  Int ld = at_least_one(n), one = 1;
  if constexpr (kIsComplex<T>) {
    real_work_.resize(static_cast<size_t>(at_least_one(2 * n)));
    return with_work([&](T* space, Int size) {
      Int info = 0;
      call(table_[kGeev], &left_job, &right_job, &n, a, &ld, values, static_cast<T*>(nullptr), &one, right, &ld, space,
           &size, real_work_.data(), &info, Length{1}, Length{1});
      return info;
    });
  } else {
    real_work_.resize(static_cast<size_t>(2 * n + (vectors ? n * n : 0) + 1));
    Real *wr = real_work_.data(), *wi = wr + n, *packed = wi + n;
    const Int status = with_work([&](T* space, Int size) {
      Int info = 0;
      call(table_[kGeev], &left_job, &right_job, &n, a, &ld, wr, wi, static_cast<T*>(nullptr), &one, packed, &ld, space,
           &size, &info, Length{1}, Length{1});
      return info;
    });
    for (Int i = 0; i < n; ++i) values[i] = {wr[i], wi[i]};
    if (vectors && status == 0) unpack_eigenvectors(n, wi, packed, right);
    return status;
  }
}

template <class T>
int64_t Lapack<T>::gesdd(char job, int64_t m, int64_t n, T* a, Real* s, T* u, T* vt) {
  const Int k = std::min(m, n);
  Int ld = at_least_one(m), ldvt = at_least_one(job == 'A' ? n : k);
  integer_work_.resize(static_cast<size_t>(8 * k + 1));
  if (kIsComplex<T>)
    real_work_.resize(static_cast<size_t>(
        at_least_one(job == 'N' ? 7 * k : std::max(5 * k * k + 7 * k, 2 * std::max(m, n) * k + 2 * k * k + k))));
  return with_work([&](T* space, Int size) {
    Int info = 0;
    if constexpr (kIsComplex<T>)
      call(table_[kGesdd], &job, &m, &n, a, &ld, s, u, &ld, vt, &ldvt, space, &size, real_work_.data(),
           integer_work_.data(), &info, Length{1});
    else
      call(table_[kGesdd], &job, &m, &n, a, &ld, s, u, &ld, vt, &ldvt, space, &size, integer_work_.data(), &info,
           Length{1});
    return info;
  });
}

template <class T>
int64_t Lapack<T>::gels(int64_t m, int64_t n, int64_t columns, T* a, T* b) {
  char trans = 'N';
  Int ld = at_least_one(m), ldb = at_least_one(std::max(m, n));
  return with_work([&](T* space, Int size) {
    Int info = 0;
    call(table_[kGels], &trans, &m, &n, &columns, a, &ld, b, &ldb, space, &size, &info, Length{1});
    return info;
  });
}

template <class T>
int64_t Lapack<T>::gelsy(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real rcond, int64_t* rank) {
  Int ld = at_least_one(m), ldb = at_least_one(std::max(m, n));
  integer_work_.assign(static_cast<size_t>(at_least_one(n)), 0);  // no column is fixed in place
  real_work_.resize(static_cast<size_t>(at_least_one(2 * n)));
  return with_work([&](T* space, Int size) {
    Int info = 0;
    if constexpr (kIsComplex<T>)
      call(table_[kGelsy], &m, &n, &columns, a, &ld, b, &ldb, integer_work_.data(), &rcond, rank, space, &size,
           real_work_.data(), &info);
    else
      call(table_[kGelsy], &m, &n, &columns, a, &ld, b, &ldb, integer_work_.data(), &rcond, rank, space, &size, &info);
    return info;
  });
}

template <class T>
int64_t Lapack<T>::gelsd(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank) {
  Int ld = at_least_one(m), ldb = at_least_one(std::max(m, n));
  const auto run = [&](T* space, Int size) {
    Int info = 0;
    if constexpr (kIsComplex<T>)
      call(table_[kGelsd], &m, &n, &columns, a, &ld, b, &ldb, s, &rcond, rank, space, &size, real_work_.data(),
           integer_work_.data(), &info);
    else
      call(table_[kGelsd], &m, &n, &columns, a, &ld, b, &ldb, s, &rcond, rank, space, &size, integer_work_.data(),
           &info);
    return info;
  };
  if (work_.empty()) {  // the query answers for all three
    T size(0);
    integer_work_.assign(1, 0), real_work_.assign(1, 0);
    const Int info = run(&size, -1);
    if (info != 0) return info;
    integer_work_.resize(static_cast<size_t>(at_least_one(integer_work_[0])));
    real_work_.resize(static_cast<size_t>(at_least_one(static_cast<Int>(real_work_[0] * Real(1.001)) + 1)));
    work(size);
  }
  return run(work_.data(), static_cast<Int>(work_.size()));
}

template <class T>
int64_t Lapack<T>::gelss(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank) {
  Int ld = at_least_one(m), ldb = at_least_one(std::max(m, n));
  real_work_.resize(static_cast<size_t>(at_least_one(5 * std::min(m, n))));
  return with_work([&](T* space, Int size) {
    Int info = 0;
    if constexpr (kIsComplex<T>)
      call(table_[kGelss], &m, &n, &columns, a, &ld, b, &ldb, s, &rcond, rank, space, &size, real_work_.data(), &info);
    else
      call(table_[kGelss], &m, &n, &columns, a, &ld, b, &ldb, s, &rcond, rank, space, &size, &info);
    return info;
  });
}

template <class T>
void Lapack<T>::trsm(bool left, bool upper, bool unit, int64_t rows, int64_t columns, const T* a, T* b) const {
  constexpr int kLeft = 141, kRight = 142, kUpper = 121, kLower = 122, kNonUnit = 131, kUnit = 132;
  const T one(1);
  const Int lda = at_least_one(left ? rows : columns), ldb = at_least_one(columns);
  const int side = left ? kLeft : kRight, half = upper ? kUpper : kLower, diagonal = unit ? kUnit : kNonUnit;
  if constexpr (kIsComplex<T>)
    call(table_[kTrsm], kCblasRowMajor, side, half, kCblasNoTrans, diagonal, rows, columns,
         static_cast<const void*>(&one), static_cast<const void*>(a), lda, static_cast<void*>(b), ldb);
  else
    call(table_[kTrsm], kCblasRowMajor, side, half, kCblasNoTrans, diagonal, rows, columns, one, a, lda, b, ldb);
}

template class Lapack<float>;
template class Lapack<double>;
template class Lapack<std::complex<float>>;
template class Lapack<std::complex<double>>;

}  // namespace tw::cpu
