#include "dispatch/autocast.h"

#include <tensorwright/tw.hpp>

#include <algorithm>

#include "dispatch/call.h"
#include "dispatch/layers.h"
#include "dispatch/op.h"
#include "dispatch/registry.h"
#include "runtime/dtype.h"

namespace tw {

namespace {

enum class Policy { kLower, kFloat32, kWidest };

constexpr Policy kLower = Policy::kLower, kFloat32Policy = Policy::kFloat32, kWidest = Policy::kWidest;

constexpr std::string_view kLowerOps[] = {
    "mm",
    "bmm",
    "addmm",
    "baddbmm",
    "addbmm",
    "matmul",
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "convolution",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linalg_vecdot",
    "linalg_multi_dot",
    "scaled_dot_product_attention",
};
constexpr std::string_view kFloat32Ops[] = {
    "avg_pool3d",
    "binary_cross_entropy",
    "grid_sampler",
    "polar",
    "prod",
    "quantile",
    "nanquantile",
    "stft",
    "cdist",
    "trace",
    "view_as_complex",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "inverse",
    "lu_solve",
    "linalg_matrix_rank",
    "orgqr",
    "ormqr",
    "pinverse",
    "max_pool3d",
    "max_unpool2d",
    "max_unpool3d",
    "adaptive_avg_pool3d",
    "mse_loss",
    "cosine_embedding_loss",
    "nll_loss",
    "cross_entropy",
    "hinge_embedding_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "huber_loss",
    "margin_ranking_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "ctc_loss",
    "kl_div",
    "fft_fft",
    "fft_ifft",
    "fft_fft2",
    "fft_ifft2",
    "fft_fftn",
    "fft_ifftn",
    "fft_rfft",
    "fft_irfft",
    "fft_rfft2",
    "fft_irfft2",
    "fft_rfftn",
    "fft_irfftn",
    "fft_hfft",
    "fft_ihfft",
    "linalg_cond",
    "linalg_solve",
    "linalg_cholesky",
    "linalg_svdvals",
    "linalg_eigvals",
    "linalg_eigvalsh",
    "linalg_inv",
    "linalg_householder_product",
    "linalg_tensorinv",
    "linalg_tensorsolve",
    "linalg_qr",
    "linalg_cholesky_ex",
    "linalg_svd",
    "linalg_eig",
    "linalg_eigh",
    "linalg_lstsq",
    "linalg_inv_ex",
    "linalg_det",
    "linalg_slogdet",
    "linalg_pinv",
    "geqrf",
    "qr",
    "svd",
    "triangular_solve",
};
constexpr std::string_view kWidestOps[] = {"cat", "stack", "index_copy"};

thread_local tw_dtype lower = kBFloat16;

// Double precision is a choice, and integers are no numbers of reduced precision.
bool is_castable(const tw_tensor* t) { return t && is_floating(t->dl.dtype) && t->dl.dtype != kFloat64; }

template <class F>
void each_tensor(const tw_call* call, F&& f) {
  for (uint32_t i = 0; i < call->nargs; ++i) {
    const tw_value& v = call->args[i];
    if (v.tag == TW_TENSOR) f(v.u.t);
    if (v.tag == TW_TENSORS)
      for (tw_tensor* t : From<TensorList>::get(v)) f(t);
  }
}

tw_dtype target(Policy policy, const tw_call* call) {
  if (policy == kLower) return lower;
  if (policy == kFloat32Policy) return kFloat32;
  bool any_float32 = false;
  each_tensor(call, [&](const tw_tensor* t) { any_float32 |= t && t->dl.dtype == kFloat32; });
  return any_float32 ? kFloat32 : lower;
}

// The call's arguments, cast; `owned` keeps what is new.
class CastArguments {
 public:
  CastArguments(const tw_call* call, tw_dtype dtype) : dtype_(dtype) {
    std::copy_n(call->args, call->nargs, args);
    lists_.reserve(call->nargs);
    for (uint32_t i = 0; i < call->nargs; ++i) {
      if (args[i].tag == TW_TENSOR) args[i].u.t = cast(args[i].u.t);
      if (args[i].tag != TW_TENSORS) continue;
      std::vector<tw_tensor*>& list = lists_.emplace_back();
      for (tw_tensor* t : From<TensorList>::get(args[i])) list.push_back(cast(t));
      args[i] = to_value(TensorList(list));
    }
  }
  tw_value args[64];

 private:
  tw_tensor* cast(tw_tensor* t) {
    if (!is_castable(t) || t->dl.dtype == dtype_) return t;
    static const OpHandle convert("tw::to.dtype");
    return owned_.emplace_back(convert.call({to_value(TensorRef(t)), to_value(dtype_)})).get();
  }

  tw_dtype dtype_;
  std::vector<Tensor> owned_;
  std::vector<std::vector<tw_tensor*>> lists_;
};

bool gives_results(const tw_call* call) {
  for (uint32_t i = 0; i < call->nrets; ++i)
    if (call->rets[i].tag != TW_NONE) return true;
  return false;
}

tw_status run(void* self, tw_call* call) {
  if (gives_results(call) || call->nargs > 64) return redispatch(call);  // in place and out= keep the given dtype
  return guard([&] {
    const LayerScope below = LayerScope::without(uint64_t{1} << TW_L_AUTOCAST);
    const CastArguments cast(call, target(*static_cast<const Policy*>(self), call));
    check(call_op(call->op, cast.args, call->nargs, call->rets, call->nrets));
  });
}

const Policy* policy_of(std::string_view op) {
  const auto names = [op](const auto& list) {
    return std::find(std::begin(list), std::end(list), op) != std::end(list);
  };
  if (names(kLowerOps)) return &kLower;
  if (names(kFloat32Ops)) return &kFloat32Policy;
  return names(kWidestOps) ? &kWidest : nullptr;
}

std::string_view base_name(const OpSpec& spec) {
  const std::string_view name = display_name(spec);
  return name.substr(0, name.find('.'));
}

}  // namespace

void register_autocast() {
  add_layer(TW_L_AUTOCAST, {"tw.autocast", nullptr, kBuiltinProvider});
  for (uint32_t i = 0; i < kBuiltinOpCount; ++i) {
    tw_op* op = builtin_op(i);
    const Policy* policy = policy_of(base_name(*op->spec));
    if (!policy) continue;
    add_layer_kernel(
        op, TW_L_AUTOCAST,
        new KernelRecord{run, const_cast<Policy*>(policy), 0, op->spec->revision, kBuiltinProvider, nullptr});
  }
}

tw_dtype autocast_dtype() { return lower; }
void set_autocast_dtype(tw_dtype dtype) { lower = dtype; }

}  // namespace tw
