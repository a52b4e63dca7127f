#include "cpu/linalg/lapack.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <utility>

#include "cpu/matmul/blas.h"
#include "threads/apart.h"

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

template <class E>
threads::Operand written(E* data, Int count) {
  return {data, sizeof(E) * static_cast<size_t>(count), true};
}
template <class E>
threads::Operand read(const E* data, Int count) {
  return {const_cast<E*>(data), sizeof(E) * static_cast<size_t>(count), false};
}

double product(Int a, Int b, Int c) { return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c); }

constexpr double kLong = 1e9;  // multiplications: from some hundredths of a second on

Int run_routine(double work, std::initializer_list<threads::Operand> operands, std::shared_ptr<void> space,
                const threads::Routine& routine) {
  if (work >= kLong) return threads::run_apart(operands.begin(), operands.size(), routine, std::move(space));
  void* at[8];
  std::transform(operands.begin(), operands.end(), at, [](const threads::Operand& operand) { return operand.data; });
  return routine.call(routine.self, at);
}

// routine(places of the operands), of about `work` multiplications, in a work space.
template <class F>
Int run(double work, std::initializer_list<threads::Operand> operands, std::shared_ptr<void> space, F routine) {
  return run_routine(work, operands, std::move(space), threads::routine_of(routine));
}

}  // namespace

template <class T>
Lapack<T>::Lapack() : table_(table_of<T>()), space_(std::make_shared<Space>()) {}

template <class T>
T* Lapack<T>::Space::make_room(T size) {
  // A size above 2^24 may have been rounded down to a float.
  const auto count = static_cast<size_t>(std::ceil(static_cast<double>(std::real(size)) * (1 + 1e-6)));
  if (work.size() < count + 1) work.resize(count + 1);
  return work.data();
}

// call(work, size) asks for the size when that is -1. Routines with one size per problem are asked once.
template <class T>
template <class Call>
int64_t Lapack<T>::with_work(Space& space, Call call) {
  if (space.work.empty()) {
    T size(0);
    const int64_t info = call(&size, -1);
    if (info != 0) return info;
    space.make_room(size);
  }
  return call(space.work.data(), static_cast<Int>(space.work.size()));
}

template <class T>
int64_t Lapack<T>::potrf(char uplo, int64_t n, T* a) {
  return run(product(n, n, n), {written(a, n * n)}, space_, [=, f = table_[kPotrf]](void* const* at) mutable {
    Int info = 0, ld = at_least_one(n);
    call(f, &uplo, &n, at[0], &ld, &info, Length{1});
    return info;
  });
}

template <class T>
int64_t Lapack<T>::getrf(int64_t m, int64_t n, T* a, int64_t* pivots) {
  const Int k = std::min(m, n);
  return run(product(m, n, k), {written(a, m * n), written(pivots, k)}, space_,
             [=, f = table_[kGetrf]](void* const* at) mutable {
               Int info = 0, ld = at_least_one(m);
               call(f, &m, &n, at[0], &ld, at[1], &info);
               return info;
             });
}

template <class T>
int64_t Lapack<T>::getrs(char trans, int64_t n, int64_t columns, const T* lu, const int64_t* pivots, T* b) {
  return run(product(n, n, columns), {read(lu, n * n), read(pivots, n), written(b, n * columns)}, space_,
             [=, f = table_[kGetrs]](void* const* at) mutable {
               Int info = 0, ld = at_least_one(n);
               call(f, &trans, &n, &columns, at[0], &ld, at[1], at[2], &ld, &info, Length{1});
               return info;
             });
}

template <class T>
int64_t Lapack<T>::getri(int64_t n, T* lu, const int64_t* pivots) {
  return run(product(n, n, n), {written(lu, n * n), read(pivots, n)}, space_,
             [=, f = table_[kGetri], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(n);
                 call(f, &n, at[0], &ld, at[1], space, &size, &info);
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::geqrf(int64_t m, int64_t n, T* a, T* tau) {
  const Int k = std::min(m, n);
  return run(2 * product(m, n, k), {written(a, m * n), written(tau, k)}, space_,
             [=, f = table_[kGeqrf], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m);
                 call(f, &m, &n, at[0], &ld, at[1], space, &size, &info);
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::orgqr(int64_t m, int64_t n, int64_t k, T* a, const T* tau) {
  return run(2 * product(m, n, k), {written(a, m * n), read(tau, k)}, space_,
             [=, f = table_[kOrgqr], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m);
                 call(f, &m, &n, &k, at[0], &ld, at[1], space, &size, &info);
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::sytrf(bool hermitian, int64_t n, T* a, int64_t* pivots) {
  return run(product(n, n, n), {written(a, n * n), written(pivots, n)}, space_,
             [=, f = table_[hermitian ? kHetrf : kSytrf], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(n);
                 char uplo = 'L';
                 call(f, &uplo, &n, at[0], &ld, at[1], space, &size, &info, Length{1});
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::sytrs(bool hermitian, int64_t n, int64_t columns, const T* ld_factor, const int64_t* pivots, T* b) {
  return run(product(n, n, columns), {read(ld_factor, n * n), read(pivots, n), written(b, n * columns)}, space_,
             [=, f = table_[hermitian ? kHetrs : kSytrs]](void* const* at) mutable {
               Int info = 0, ld = at_least_one(n);
               char uplo = 'L';
               call(f, &uplo, &n, &columns, at[0], &ld, at[1], at[2], &ld, &info, Length{1});
               return info;
             });
}

template <class T>
int64_t Lapack<T>::syevd(bool vectors, char uplo, int64_t n, T* a, Real* values) {
  char job = vectors ? 'V' : 'N';
  const Int real_count = vectors ? 1 + 5 * n + 2 * n * n : at_least_one(n);
  space_->integers.resize(static_cast<size_t>(vectors ? 3 + 5 * n : 1));
  if (kIsComplex<T>) space_->reals.resize(static_cast<size_t>(real_count));
  return run(4 * product(n, n, n), {written(a, n * n), written(values, n)}, space_,
             [=, f = table_[kSyevd], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(n), integers = static_cast<Int>(own->integers.size());
                 Int reals = real_count;
                 if constexpr (kIsComplex<T>)
                   call(f, &job, &uplo, &n, at[0], &ld, at[1], space, &size, own->reals.data(), &reals,
                        own->integers.data(), &integers, &info, Length{1}, Length{1});
                 else
                   call(f, &job, &uplo, &n, at[0], &ld, at[1], space, &size, own->integers.data(), &integers, &info,
                        Length{1}, Length{1});
                 return info;
               });
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
  const double work = 10 * product(n, n, n);
  const Int vectors_size = vectors ? n * n : 1;
  if constexpr (kIsComplex<T>) {
    space_->reals.resize(static_cast<size_t>(at_least_one(2 * n)));
    return run(work, {written(a, n * n), written(values, n), written(right, vectors_size)}, space_,
               [=, f = table_[kGeev], own = space_.get()](void* const* at) mutable {
                 return with_work(*own, [&](T* space, Int size) {
                   Int info = 0, ld = at_least_one(n), one = 1;
                   call(f, &left_job, &right_job, &n, at[0], &ld, at[1], static_cast<T*>(nullptr), &one, at[2], &ld,
                        space, &size, own->reals.data(), &info, Length{1}, Length{1});
                   return info;
                 });
               });
  } else {
    space_->reals.resize(static_cast<size_t>(2 * n + (vectors ? n * n : 0) + 1));
    const Int status =
        run(work, {written(a, n * n)}, space_, [=, f = table_[kGeev], own = space_.get()](void* const* at) mutable {
          return with_work(*own, [&](T* space, Int size) {
            Int info = 0, ld = at_least_one(n), one = 1;
            Real* wr = own->reals.data();
            call(f, &left_job, &right_job, &n, at[0], &ld, wr, wr + n, static_cast<T*>(nullptr), &one, wr + 2 * n, &ld,
                 space, &size, &info, Length{1}, Length{1});
            return info;
          });
        });
    const Real *wr = space_->reals.data(), *wi = wr + n;
    for (Int i = 0; i < n; ++i) values[i] = {wr[i], wi[i]};
    if (vectors && status == 0) unpack_eigenvectors(n, wi, wi + n, right);
    return status;
  }
}

template <class T>
int64_t Lapack<T>::gesdd(char job, int64_t m, int64_t n, T* a, Real* s, T* u, T* vt) {
  const Int k = std::min(m, n), u_columns = job == 'A' ? m : k, vt_rows = job == 'A' ? n : k;
  const Int u_size = job == 'N' ? 1 : m * u_columns, vt_size = job == 'N' ? 1 : vt_rows * n;
  space_->integers.resize(static_cast<size_t>(8 * k + 1));
  if (kIsComplex<T>)
    space_->reals.resize(static_cast<size_t>(
        at_least_one(job == 'N' ? 7 * k : std::max(5 * k * k + 7 * k, 2 * std::max(m, n) * k + 2 * k * k + k))));
  return run(8 * product(m, n, k), {written(a, m * n), written(s, k), written(u, u_size), written(vt, vt_size)}, space_,
             [=, f = table_[kGesdd], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m), ldvt = at_least_one(vt_rows);
                 if constexpr (kIsComplex<T>)
                   call(f, &job, &m, &n, at[0], &ld, at[1], at[2], &ld, at[3], &ldvt, space, &size, own->reals.data(),
                        own->integers.data(), &info, Length{1});
                 else
                   call(f, &job, &m, &n, at[0], &ld, at[1], at[2], &ld, at[3], &ldvt, space, &size,
                        own->integers.data(), &info, Length{1});
                 return info;
               });
             });
}

namespace {

double least_squares_work(Int m, Int n, Int columns) {
  return 4 * product(m, n, std::min(m, n)) + product(m, n, columns);
}

}  // namespace

template <class T>
int64_t Lapack<T>::gels(int64_t m, int64_t n, int64_t columns, T* a, T* b) {
  const Int tall = std::max(m, n);
  return run(least_squares_work(m, n, columns), {written(a, m * n), written(b, tall * columns)}, space_,
             [=, f = table_[kGels], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m), ldb = at_least_one(tall);
                 char trans = 'N';
                 call(f, &trans, &m, &n, &columns, at[0], &ld, at[1], &ldb, space, &size, &info, Length{1});
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::gelsy(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real rcond, int64_t* rank) {
  const Int tall = std::max(m, n);
  space_->integers.assign(static_cast<size_t>(at_least_one(n)), 0);  // no column is fixed in place
  space_->reals.resize(static_cast<size_t>(at_least_one(2 * n)));
  return run(least_squares_work(m, n, columns), {written(a, m * n), written(b, tall * columns), written(rank, 1)},
             space_, [=, f = table_[kGelsy], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m), ldb = at_least_one(tall);
                 if constexpr (kIsComplex<T>)
                   call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, own->integers.data(), &rcond, at[2], space, &size,
                        own->reals.data(), &info);
                 else
                   call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, own->integers.data(), &rcond, at[2], space, &size,
                        &info);
                 return info;
               });
             });
}

template <class T>
int64_t Lapack<T>::gelsd(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank) {
  const Int tall = std::max(m, n);
  auto solve = [=, f = table_[kGelsd]](Space& own, void* const* at, T* space, Int size) mutable {
    Int info = 0, ld = at_least_one(m), ldb = at_least_one(tall);
    if constexpr (kIsComplex<T>)
      call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, at[2], &rcond, at[3], space, &size, own.reals.data(),
           own.integers.data(), &info);
    else
      call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, at[2], &rcond, at[3], space, &size, own.integers.data(),
           &info);
    return info;
  };
  return run(least_squares_work(m, n, columns),
             {written(a, m * n), written(b, tall * columns), written(s, std::min(m, n)), written(rank, 1)}, space_,
             [solve, own = space_.get()](void* const* at) mutable {
               if (own->work.empty()) {  // the query answers for all three
                 T size(0);
                 own->integers.assign(1, 0), own->reals.assign(1, 0);
                 const Int info = solve(*own, at, &size, -1);
                 if (info != 0) return info;
                 own->integers.resize(static_cast<size_t>(at_least_one(own->integers[0])));
                 const auto reals = static_cast<Int>(own->reals[0] * Real(1.001)) + 1;
                 own->reals.resize(static_cast<size_t>(at_least_one(reals)));
                 own->make_room(size);
               }
               return solve(*own, at, own->work.data(), static_cast<Int>(own->work.size()));
             });
}

template <class T>
int64_t Lapack<T>::gelss(int64_t m, int64_t n, int64_t columns, T* a, T* b, Real* s, Real rcond, int64_t* rank) {
  const Int tall = std::max(m, n);
  space_->reals.resize(static_cast<size_t>(at_least_one(5 * std::min(m, n))));
  return run(least_squares_work(m, n, columns),
             {written(a, m * n), written(b, tall * columns), written(s, std::min(m, n)), written(rank, 1)}, space_,
             [=, f = table_[kGelss], own = space_.get()](void* const* at) mutable {
               return with_work(*own, [&](T* space, Int size) {
                 Int info = 0, ld = at_least_one(m), ldb = at_least_one(tall);
                 if constexpr (kIsComplex<T>)
                   call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, at[2], &rcond, at[3], space, &size,
                        own->reals.data(), &info);
                 else
                   call(f, &m, &n, &columns, at[0], &ld, at[1], &ldb, at[2], &rcond, at[3], space, &size, &info);
                 return info;
               });
             });
}

template <class T>
void Lapack<T>::trsm(bool left, bool upper, bool unit, int64_t rows, int64_t columns, const T* a, T* b) const {
  const Int n = left ? rows : columns;
  run(product(n, rows, columns), {read(a, n * n), written(b, rows * columns)}, space_,
      [=, f = table_[kTrsm]](void* const* at) {
        constexpr int kLeft = 141, kRight = 142, kUpper = 121, kLower = 122, kNonUnit = 131, kUnit = 132;
        const T one(1);
        const Int lda = at_least_one(n), ldb = at_least_one(columns);
        const int side = left ? kLeft : kRight, half = upper ? kUpper : kLower, diagonal = unit ? kUnit : kNonUnit;
        if constexpr (kIsComplex<T>)
          call(f, kCblasRowMajor, side, half, kCblasNoTrans, diagonal, rows, columns, static_cast<const void*>(&one),
               at[0], lda, at[1], ldb);
        else
          call(f, kCblasRowMajor, side, half, kCblasNoTrans, diagonal, rows, columns, one, at[0], lda, at[1], ldb);
        return Int{0};
      });
}

template class Lapack<float>;
template class Lapack<double>;
template class Lapack<std::complex<float>>;
template class Lapack<std::complex<double>>;

}  // namespace tw::cpu
