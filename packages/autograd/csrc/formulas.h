// What formulas of derivatives/*.yaml call beside ops. All of it is made of ops, so it can be differentiated again.
#pragma once

#include <tensorwright/tw.hpp>

#include <string_view>
#include <tuple>

#include "linalg_formulas.h"
#include "saved.h"
#include "strided.h"
#include "tensor_ops.h"

namespace tw::autograd {

// Whether ops that run now are recorded: a pass with create_graph=True.
bool is_recording();

// ---- broadcasting, dtypes, shapes -----------------------------------------------------------------------------

Tensor scaled(TensorRef grad, const Scalar& factor);       // grad * factor; grad itself if that is 1
Tensor scaled_conj(TensorRef grad, const Scalar& factor);  // the same by the conjugate
Tensor times_conj(TensorRef grad, const Operand& factor);
Tensor moved_back(TensorRef grad, tw_dtype dtype, tw_device device);
Tensor zeros_like(TensorRef grad);
Tensor sum_to_shape(TensorRef grad, IntList shape);
Tensor sum_over_all_but(TensorRef grad, int64_t dim);
Tensor rows(TensorRef t);  // a matrix whose columns are the last dimension
std::vector<int64_t> inverse_permutation(IntList dims);
std::vector<int64_t> negated(IntList values);
int64_t product(IntList shape);
int64_t item(IntList list, int64_t index);  // negative indices count from the end

// ---- reductions and scans -------------------------------------------------------------------------------------

// A reduction's gradient, repeated over what was reduced.
Tensor expand_reduced(TensorRef grad, IntList shape, const std::optional<IntList>& dim, bool keepdim);
// To the elements that equal the result, in equal shares.
Tensor select_extremes(TensorRef grad, TensorRef self, TensorRef result, const std::optional<IntList>& dim,
                       bool keepdim);
Tensor prod_backward(TensorRef grad, TensorRef self, const std::optional<IntList>& dim, bool keepdim);
Tensor reverse_cumsum(TensorRef grad, int64_t dim);
Tensor cumprod_backward(TensorRef grad, TensorRef self, int64_t dim);
// Puts gradients of values that were picked along `dim` where their indices say.
Tensor restore_dim(TensorRef grad, TensorRef indices, IntList shape, int64_t dim, bool keepdim);

// To the elements that equal the result (NaN that of NaN), in equal shares.
Tensor share_among_equals(TensorRef grad, TensorRef self, TensorRef result);

// ---- scattering -----------------------------------------------------------------------------------------------

// The tensor at the start of zeros of a larger shape.
Tensor padded(TensorRef t, IntList shape);
std::tuple<Tensor, Tensor> scatter_reduce_backward(TensorRef grad, TensorRef self, int64_t dim, TensorRef index,
                                                   TensorRef src, std::string_view reduce, bool include_self,
                                                   TensorRef result);
Tensor masked_scatter_backward(TensorRef grad, TensorRef mask, IntList source);

// ---- views ----------------------------------------------------------------------------------------------------

Tensor narrow_backward(TensorRef grad, IntList shape, int64_t dim, int64_t start);
Tensor select_backward(TensorRef grad, IntList shape, int64_t dim, int64_t index);
Tensor slice_backward(TensorRef grad, IntList shape, int64_t dim, std::optional<int64_t> start,
                      std::optional<int64_t> end, int64_t step);
Tensor diagonal_backward(TensorRef grad, IntList shape, int64_t offset, int64_t dim1, int64_t dim2);
Tensor unfold_backward(TensorRef grad, const SavedGeometry& self, const SavedGeometry& result);
Tensor as_strided_backward(TensorRef grad, const SavedGeometry& self, const SavedGeometry& result);
Tensor split_backward(TensorList grads, IntList shape, int64_t split_size, int64_t dim);
Tensor split_backward(TensorList grads, IntList shape, IntList sizes, int64_t dim);
Tensor unbind_backward(TensorList grads, IntList shape, int64_t dim);
std::vector<Tensor> cat_backward(TensorRef grad, const SavedShapes& shapes, int64_t dim);

// ---- pointwise ------------------------------------------------------------------------------------------------

Tensor sgn_backward(TensorRef grad, TensorRef self, TensorRef result);
Tensor angle_backward(TensorRef grad, TensorRef self);
Tensor imag_backward(TensorRef grad, tw_dtype dtype);
Tensor imaginary(TensorRef grad);  // the imaginary parts
Tensor gelu_tanh_backward(TensorRef grad, TensorRef self);
Tensor pow_backward_self(TensorRef grad, const Operand& self, const Operand& exponent);
Tensor pow_backward_exponent(TensorRef grad, const Operand& self, const Operand& exponent, TensorRef result);

// ---- special functions ----------------------------------------------------------------------------------------

// value / x for an odd function with slope 1 / 2 at 0.
Tensor over_argument(TensorRef value, TensorRef x);
// The slope of sin(scale x) / (scale x), which has that value at x.
Tensor sinc_slope(TensorRef x, TensorRef value, double scale);
// By x, of a family of op orthogonal_polynomial.
Tensor polynomial_slope(TensorRef x, TensorRef n, std::string_view family);

// ---- networks -------------------------------------------------------------------------------------------------

Tensor embedding_backward_transposed(TensorRef grad, TensorRef indices, int64_t num_embeddings, int64_t padding_idx,
                                     bool scale_grad_by_freq);
// Gradients of a table and of the weights of samples, from embedding_bag's results.
Tensor embedding_bag_backward(TensorRef grad, TensorRef weight, TensorRef indices, TensorRef offset2bag,
                              TensorRef bag_size, TensorRef max_indices, bool scale_grad_by_freq, int64_t mode,
                              TensorRef per_sample_weights, std::optional<int64_t> padding_idx);
Tensor embedding_bag_backward_samples(TensorRef grad, TensorRef weight, TensorRef indices, TensorRef offset2bag,
                                      std::optional<int64_t> padding_idx);
// Gradients of input, weight and bias; out of smaller ops when they are to be differentiated again.
std::tuple<Tensor, Tensor, Tensor> batch_norm_backward(TensorRef grad, TensorRef self, TensorRef weight,
                                                       TensorRef running_mean, TensorRef running_var,
                                                       TensorRef save_mean, TensorRef save_invstd, bool training,
                                                       double eps);
std::tuple<Tensor, Tensor, Tensor> layer_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape,
                                                       TensorRef mean, TensorRef rstd, TensorRef weight, double eps);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lstm_gates_gradients(TensorRef grad_hidden, TensorRef grad_cell,
                                                                        TensorRef input_gate, TensorRef forget_gate,
                                                                        TensorRef cell_gate, TensorRef output_gate,
                                                                        TensorRef cell, TensorRef next_cell);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gru_gates_gradients(
    TensorRef grad, TensorRef input_reset, TensorRef input_update, TensorRef input_new, TensorRef hidden_reset,
    TensorRef hidden_update, TensorRef hidden_new, TensorRef hidden);
// Of layers over all times: of input, states, weights and biases in the order of the op.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> lstm_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef grad_cell, TensorRef self, TensorRef hidden, TensorRef cell,
    TensorRef input_weight, TensorRef hidden_weight, TensorRef bias, TensorRef output, TensorRef sums, TensorRef cells,
    IntList batch_sizes, bool reverse, bool needs_self, bool needs_input_weight, bool needs_hidden_weight);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gru_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef self, TensorRef hidden, TensorRef input_weight,
    TensorRef hidden_weight, TensorRef input_bias, TensorRef hidden_bias, TensorRef output, TensorRef input_sums,
    TensorRef hidden_sums, IntList batch_sizes, bool reverse, bool needs_self, bool needs_input_weight,
    bool needs_hidden_weight);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> rnn_layer_gradients(
    TensorRef grad_output, TensorRef grad_hidden, TensorRef self, TensorRef hidden, TensorRef input_weight,
    TensorRef hidden_weight, TensorRef bias, TensorRef output, bool relu, IntList batch_sizes, bool reverse,
    bool needs_self, bool needs_input_weight, bool needs_hidden_weight);
std::tuple<Tensor, Tensor, Tensor> attention_gradients(TensorRef grad, TensorRef query, TensorRef key, TensorRef value,
                                                       TensorRef result, TensorRef logsumexp, TensorRef attn_mask,
                                                       bool is_causal, double scale);
Tensor attention_mask_gradient(TensorRef grad, TensorRef query, TensorRef key, TensorRef value, TensorRef attn_mask,
                               bool is_causal, double scale);
std::tuple<Tensor, Tensor> rms_norm_backward(TensorRef grad, TensorRef self, IntList normalized_shape, TensorRef rstd,
                                             TensorRef weight, double eps);
std::tuple<Tensor, Tensor, Tensor> group_norm_backward(TensorRef grad, TensorRef self, TensorRef mean, TensorRef rstd,
                                                       TensorRef weight, int64_t group, double eps);

// ---- images and volumes (formulas_spatial.cpp) ---------------------------------------------------------------

// Indices into the last `dims` dimensions as one.
Tensor gather_in_volumes(TensorRef grad, TensorRef indices, int64_t dims);
// The places of the maxima are looked for again.
Tensor max_pool_values_backward(TensorRef grad, TensorRef self, IntList kernel_size, std::optional<IntList> stride,
                                IntList padding, IntList dilation, bool ceil_mode);
// In as many dimensions as there are sizes.
Tensor avg_pool(TensorRef self, IntList kernel_size, std::optional<IntList> stride, IntList padding, bool ceil_mode,
                bool count_include_pad, std::optional<int64_t> divisor_override);
// Gradients of the images (or volumes) and of the grid.
std::tuple<Tensor, Tensor> grid_sampler_backward(TensorRef grad, TensorRef self, TensorRef grid,
                                                 int64_t interpolation_mode, int64_t padding_mode, bool align_corners);
// To the last `dims` sizes of `shape`.
Tensor adaptive_avg_pool(TensorRef self, IntList shape, int64_t dims);

}  // namespace tw::autograd
