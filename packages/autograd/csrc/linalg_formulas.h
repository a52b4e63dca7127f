// Gradients of decompositions and solvers (M. Giles 2008, and what is named at each), made of ops, so that they can be
// differentiated again. A gradient G of A stands for dL = Re tr(G^H dA).
#pragma once

#include <tensorwright/tw.hpp>

#include <string_view>
#include <tuple>

namespace tw::autograd {

Tensor conjugate(TensorRef t);
Tensor real_part(TensorRef t);                     // of a real tensor, itself
Tensor adjoint_of(TensorRef t);                    // the conjugate transpose
Tensor real_like(TensorRef grad, tw_dtype dtype);  // the real part, if dtype is real

// ---- solvers --------------------------------------------------------------------------------------------------

Tensor cholesky_backward(TensorRef grad, TensorRef L, bool upper);
Tensor lu_factor_backward(TensorRef grad, TensorRef LU, TensorRef pivots);
std::tuple<Tensor, Tensor> solve_backward(TensorRef grad, TensorRef A, TensorRef result, TensorRef LU, TensorRef pivots,
                                          bool left, bool needs_matrix);
std::tuple<Tensor, Tensor> solve_triangular_backward(TensorRef grad, TensorRef A, TensorRef result, bool upper,
                                                     bool left, bool unitriangular, bool needs_matrix);
Tensor inverse_backward(TensorRef grad, TensorRef inverse);
Tensor det_backward(TensorRef grad, TensorRef A, TensorRef det);
Tensor slogdet_backward(TensorRef grad_sign, TensorRef grad_log, TensorRef A, TensorRef sign);
Tensor ldl_solve_backward(TensorRef grad, TensorRef LD, TensorRef pivots, bool hermitian);

// ---- decompositions -------------------------------------------------------------------------------------------

Tensor qr_backward(TensorRef grad_Q, TensorRef grad_R, TensorRef Q, TensorRef R, std::string_view mode);
std::tuple<Tensor, Tensor> householder_product_backward(TensorRef grad, TensorRef input, TensorRef tau);
Tensor eigh_backward(TensorRef grad_values, TensorRef grad_vectors, TensorRef values, TensorRef vectors);
Tensor eigvalsh_backward(TensorRef grad, TensorRef A, std::string_view UPLO);
Tensor eig_backward(TensorRef grad_values, TensorRef grad_vectors, TensorRef values, TensorRef vectors, tw_dtype dtype);
Tensor eigvals_backward(TensorRef grad, TensorRef A);
Tensor svd_backward(TensorRef grad_U, TensorRef grad_S, TensorRef grad_Vh, TensorRef U, TensorRef S, TensorRef Vh);
Tensor svdvals_backward(TensorRef grad, TensorRef A);
Tensor pinv_backward(TensorRef grad, TensorRef A, TensorRef pinv);
std::tuple<Tensor, Tensor> lstsq_backward(TensorRef grad_solution, TensorRef grad_residuals, TensorRef A, TensorRef b,
                                          TensorRef solution);

// ---- functions ------------------------------------------------------------------------------------------------

Tensor root_backward(TensorRef grad, TensorRef root);
Tensor matrix_exp_backward(TensorRef grad, TensorRef A);
std::tuple<Tensor, Tensor> cross_backward(TensorRef grad, TensorRef a, TensorRef b, int64_t dim);
Tensor pdist_backward(TensorRef grad, TensorRef x, double p);
std::tuple<Tensor, Tensor> cdist_backward(TensorRef grad, TensorRef x1, TensorRef x2, TensorRef distances, double p);

// ---- Fourier transforms ---------------------------------------------------------------------------------------

Tensor fft_r2c_backward(TensorRef grad, IntList shape, IntList dim, int64_t normalization, bool onesided);
Tensor fft_c2r_backward(TensorRef grad, IntList dim, int64_t normalization);

}  // namespace tw::autograd
