"""The functions of packages/autograd/csrc/formulas.h that formulas may call, and what they give."""

from .values import INT, INT_VECTOR, TENSOR, TENSOR_VECTOR, TUPLE

HELPERS = {
    # broadcasting, dtypes, shapes
    "scaled": TENSOR,
    "cast": TENSOR,
    "moved_back": TENSOR,
    "zeros_like": TENSOR,
    "sum_to_shape": TENSOR,
    "sum_over_all_but": TENSOR,
    "rows": TENSOR,
    "inverse_permutation": INT_VECTOR,
    "negated": INT_VECTOR,
    "product": INT,
    "item": INT,
    # reductions and scans
    "expand_reduced": TENSOR,
    "select_extremes": TENSOR,
    "prod_backward": TENSOR,
    "reverse_cumsum": TENSOR,
    "cumprod_backward": TENSOR,
    "restore_dim": TENSOR,
    # views
    "narrow_backward": TENSOR,
    "select_backward": TENSOR,
    "slice_backward": TENSOR,
    "diagonal_backward": TENSOR,
    "unfold_backward": TENSOR,
    "as_strided_backward": TENSOR,
    "split_backward": TENSOR,
    "unbind_backward": TENSOR,
    "cat_backward": TENSOR_VECTOR,
    # pointwise, powers
    "gelu_tanh_backward": TENSOR,
    "pow_backward_self": TENSOR,
    "pow_backward_exponent": TENSOR,
    # special functions
    "over_argument": TENSOR,
    "sinc_slope": TENSOR,
    "polynomial_slope": TENSOR,
    # networks
    "embedding_backward_transposed": TENSOR,
    "embedding_bag_backward": TENSOR,
    "embedding_bag_backward_samples": TENSOR,
    "batch_norm_backward": TUPLE,
    "layer_norm_backward": TUPLE,
    # images and volumes
    "gather_in_volumes": TENSOR,
    "avg_pool": TENSOR,
    "adaptive_avg_pool": TENSOR,
    "grid_sampler_backward": TUPLE,
    # linear algebra
    "cholesky_backward": TENSOR,
    "lu_factor_backward": TENSOR,
    "solve_backward": TUPLE,
    "solve_triangular_backward": TUPLE,
    "inverse_backward": TENSOR,
    "det_backward": TENSOR,
    "slogdet_backward": TENSOR,
    "ldl_solve_backward": TENSOR,
    "qr_backward": TENSOR,
    "eigh_backward": TENSOR,
    "eigvalsh_backward": TENSOR,
    "eig_backward": TENSOR,
    "eigvals_backward": TENSOR,
    "svd_backward": TENSOR,
    "svdvals_backward": TENSOR,
    "pinv_backward": TENSOR,
    "lstsq_backward": TUPLE,
}
