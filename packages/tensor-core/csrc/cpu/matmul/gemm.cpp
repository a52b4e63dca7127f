#include "cpu/matmul/gemm.h"

#include <algorithm>

#include "cpu/element_types.h"
#include "cpu/matmul/blas.h"

namespace tw::cpu {
namespace {

constexpr int64_t kTinyProduct = 512;  // multiplications below which a call of BLAS costs more than the work
constexpr int64_t kBlockProduct = int64_t{1} << 23;  // multiplications that are worth a block of their own
constexpr int64_t kMaxBlocks = 64;

// f(Type<T>()) of an operand's type.
template <class F>
void visit_operand(tw_dtype dtype, F&& f) {
  switch (dtype_id(dtype)) {
    case DtypeId::kFloat16:
      return f(Type<Half>());
    case DtypeId::kBFloat16:
      return f(Type<BFloat>());
    default:
      visit_floating("matrix product", dtype, f);
  }
}

struct Blocking {
  int64_t row_block, col_block, row_blocks, col_blocks;
  int64_t count() const { return row_blocks * col_blocks; }
};

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Halves the longer side until blocks are small enough. Depends on the shape only.
Blocking choose_blocking(int64_t rows, int64_t cols, int64_t depth) {
  int64_t row_block = rows, col_block = cols, count = 1;
  const double product = static_cast<double>(rows) * static_cast<double>(cols) * static_cast<double>(depth);
  while (count < kMaxBlocks && product / static_cast<double>(count) > static_cast<double>(kBlockProduct)) {
    int64_t& side = row_block > col_block ? row_block : col_block;
    if (side <= 32) break;
    side = round_up((side + 1) / 2, 16);
    count *= 2;
  }
  return {row_block, col_block, (rows + row_block - 1) / row_block, (cols + col_block - 1) / col_block};
}

// Shifts a problem to one matrix of the batch and one block of its result.
struct Block {
  int64_t batch, row, col, rows, cols;
};

template <class T>
const T* left_of(const Gemm& p, const Block& b) {
  return static_cast<const T*>(p.left.data) + b.batch * p.left_batch_stride + b.row * p.left.row_stride;
}
template <class T>
const T* right_of(const Gemm& p, const Block& b) {
  return static_cast<const T*>(p.right.data) + b.batch * p.right_batch_stride + b.col * p.right.col_stride;
}
template <class T>
T* result_of(const Gemm& p, const Block& b) {
  return static_cast<T*>(p.result) + b.batch * p.result_batch_stride + b.row * p.result_row_stride + b.col;
}

template <class T>
T scalar_as(const Scalar& s) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(s.integer());
  else
    return T(static_cast<typename T::value_type>(s.real()), static_cast<typename T::value_type>(s.imag()));
}

// Row by row, adding multiples of rows of `right`: for integers, and for small complex matrices.
template <class T>
void plain_block(const Gemm& p, const Block& b) {
  const T* left = left_of<T>(p, b);
  const T* right = right_of<T>(p, b);
  T* result = result_of<T>(p, b);
  const T alpha = scalar_as<T>(p.alpha), beta = scalar_as<T>(p.beta);
  for (int64_t i = 0; i < b.rows; ++i) {
    T* row = result + i * p.result_row_stride;
    if (beta == T(0))
      std::fill(row, row + b.cols, T(0));
    else if (beta != T(1))
      for (int64_t j = 0; j < b.cols; ++j) row[j] *= beta;
    for (int64_t k = 0; k < p.depth; ++k) {
      const T factor = static_cast<T>(alpha * left[i * p.left.row_stride + k * p.left.col_stride]);
      const T* other = right + k * p.right.row_stride;
      if (p.right.col_stride == 1)
        for (int64_t j = 0; j < b.cols; ++j) row[j] += factor * other[j];
      else
        for (int64_t j = 0; j < b.cols; ++j) row[j] += factor * other[j * p.right.col_stride];
    }
  }
}

struct BlasOperand {
  int transposed;
  int64_t leading;
};
// Which of the two strides BLAS is to step by; `leading` is at least 1 and at least the row's length.
BlasOperand blas_operand(const MatrixView& m, int64_t rows, int64_t cols) {
  const bool row_major = m.col_stride == 1 || cols == 1;
  if (row_major && (rows == 1 || m.row_stride >= cols))
    return {kCblasNoTrans, std::max<int64_t>(rows == 1 ? cols : m.row_stride, 1)};
  return {kCblasTrans, std::max<int64_t>(cols == 1 ? rows : m.col_stride, 1)};
}

template <class T, class Fn>
void blas_block(const Gemm& p, const Block& b, Fn fn) {
  const BlasOperand left = blas_operand(p.left, b.rows, p.depth), right = blas_operand(p.right, p.depth, b.cols);
  const T alpha = scalar_as<T>(p.alpha), beta = scalar_as<T>(p.beta);
  const int64_t ld = std::max(p.result_row_stride, b.cols);
  fn(kCblasRowMajor, left.transposed, right.transposed, b.rows, b.cols, p.depth, &alpha, left_of<T>(p, b), left.leading,
     right_of<T>(p, b), right.leading, &beta, result_of<T>(p, b), ld);
}

void compute_block(const Gemm& p, const Block& b) {
  const bool tiny = p.depth == 0 || b.rows * b.cols * p.depth <= kTinyProduct;
  switch (dtype_id(p.dtype)) {
    case DtypeId::kComplex64:
      return tiny ? plain_block<std::complex<float>>(p, b) : blas_block<std::complex<float>>(p, b, blas().cgemm);
    case DtypeId::kComplex128:
      return tiny ? plain_block<std::complex<double>>(p, b) : blas_block<std::complex<double>>(p, b, blas().zgemm);
    default:
      break;
  }
  visit_arithmetic("matrix product", p.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (std::is_integral_v<T>) plain_block<T>(p, b);
  });
}

// One stride is 1 and the other at least the row's length, wherever the size is not 1.
bool blas_strides(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  return (cols == 1 || col_stride == 1) && (rows == 1 || row_stride >= std::max<int64_t>(cols, 1));
}

}  // namespace

bool is_blas_layout(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  return blas_strides(rows, cols, row_stride, col_stride) || blas_strides(cols, rows, col_stride, row_stride);
}

void gemm(const Gemm& p) {
  if (p.rows == 0 || p.cols == 0 || p.batch == 0) return;
  if (is_floating(p.dtype))
    return visit_operand(p.dtype, [&](auto number) { packed_gemm<typename decltype(number)::type>(p); });
  const Blocking blocking = choose_blocking(p.rows, p.cols, p.depth);
  const int64_t tasks = p.batch * blocking.count();
  const int64_t block_work = blocking.row_block * blocking.col_block * std::max<int64_t>(p.depth, 1);
  const int64_t grain = std::max<int64_t>(1, (kBlockProduct / 8) / block_work);
  // On this thread, before others need it: the library is found by Python, whose lock this thread may hold.
  if (block_work > kTinyProduct && tasks > grain && !is_integral(p.dtype)) blas();
  parallel_for(0, tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t batch = task / blocking.count(), block = task % blocking.count();
      const int64_t row = block / blocking.col_blocks * blocking.row_block;
      const int64_t col = block % blocking.col_blocks * blocking.col_block;
      compute_block(
          p, {batch, row, col, std::min(blocking.row_block, p.rows - row), std::min(blocking.col_block, p.cols - col)});
    }
  });
}

int64_t packed_right_size(tw_dtype dtype, int64_t depth, int64_t cols) {
  int64_t size = 0;
  visit_operand(dtype, [&](auto number) {
    using T = typename decltype(number)::type;
    size = packed_panels_size<T>(depth, cols) * (dtype.bits == 16 ? 2 : 1);  // panels are of the sums' type
  });
  return size;
}

Tensor pack_right(tw_dtype dtype, const MatrixView& right, int64_t depth, int64_t cols) {
  Tensor packed = empty({packed_right_size(dtype, depth, cols)}, dtype);
  visit_operand(dtype, [&](auto number) {
    using T = typename decltype(number)::type;
    pack_panels<T>(right, depth, cols, static_cast<typename SumOf<T>::Type*>(packed.data<void>()));
  });
  return packed;
}

}  // namespace tw::cpu
