"""Helpers of networks: gradients clipped, parameters as vectors, sequences packed, weights reparametrized or pruned."""

from tensorwright.nn.utils import parametrizations as parametrizations
from tensorwright.nn.utils import parametrize as parametrize
from tensorwright.nn.utils import prune as prune
from tensorwright.nn.utils import rnn as rnn
from tensorwright.nn.utils import stateless as stateless
from tensorwright.nn.utils._hooked_norms import remove_spectral_norm as remove_spectral_norm
from tensorwright.nn.utils._hooked_norms import remove_weight_norm as remove_weight_norm
from tensorwright.nn.utils._hooked_norms import spectral_norm as spectral_norm
from tensorwright.nn.utils._hooked_norms import weight_norm as weight_norm
from tensorwright.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from tensorwright.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from tensorwright.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from tensorwright.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from tensorwright.nn.utils.clip_grad import get_total_norm as get_total_norm
from tensorwright.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from tensorwright.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from tensorwright.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from tensorwright.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from tensorwright.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from tensorwright.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from tensorwright.nn.utils.init import skip_init as skip_init
from tensorwright.nn.utils.memory_format import (
    convert_conv2d_weight_memory_format as convert_conv2d_weight_memory_format,
)
from tensorwright.nn.utils.memory_format import (
    convert_conv3d_weight_memory_format as convert_conv3d_weight_memory_format,
)
from tensorwright.nn.utils.nan import NanError as NanError
from tensorwright.nn.utils.nan import stop_on_nan as stop_on_nan
