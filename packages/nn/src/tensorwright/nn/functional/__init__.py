"""The functions behind the layers, with PyTorch's names and argument order.

Each calls one op of ``tensorwright.ops`` or a few; shapes, dtypes and errors are those of the op's reference page.
"""

from tensorwright.nn.functional.activation import celu as celu
from tensorwright.nn.functional.activation import elu as elu
from tensorwright.nn.functional.activation import gelu as gelu
from tensorwright.nn.functional.activation import hardsigmoid as hardsigmoid
from tensorwright.nn.functional.activation import hardswish as hardswish
from tensorwright.nn.functional.activation import hardtanh as hardtanh
from tensorwright.nn.functional.activation import leaky_relu as leaky_relu
from tensorwright.nn.functional.activation import log_softmax as log_softmax
from tensorwright.nn.functional.activation import mish as mish
from tensorwright.nn.functional.activation import relu as relu
from tensorwright.nn.functional.activation import relu6 as relu6
from tensorwright.nn.functional.activation import selu as selu
from tensorwright.nn.functional.activation import sigmoid as sigmoid
from tensorwright.nn.functional.activation import silu as silu
from tensorwright.nn.functional.activation import softmax as softmax
from tensorwright.nn.functional.activation import softplus as softplus
from tensorwright.nn.functional.activation import tanh as tanh
from tensorwright.nn.functional.convolution import conv2d as conv2d
from tensorwright.nn.functional.dropout import dropout as dropout
from tensorwright.nn.functional.linear import linear as linear
from tensorwright.nn.functional.loss import binary_cross_entropy as binary_cross_entropy
from tensorwright.nn.functional.loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from tensorwright.nn.functional.loss import cross_entropy as cross_entropy
from tensorwright.nn.functional.loss import ctc_loss as ctc_loss
from tensorwright.nn.functional.loss import gaussian_nll_loss as gaussian_nll_loss
from tensorwright.nn.functional.loss import huber_loss as huber_loss
from tensorwright.nn.functional.loss import kl_div as kl_div
from tensorwright.nn.functional.loss import l1_loss as l1_loss
from tensorwright.nn.functional.loss import linear_cross_entropy as linear_cross_entropy
from tensorwright.nn.functional.loss import mse_loss as mse_loss
from tensorwright.nn.functional.loss import nll_loss as nll_loss
from tensorwright.nn.functional.loss import poisson_nll_loss as poisson_nll_loss
from tensorwright.nn.functional.loss import smooth_l1_loss as smooth_l1_loss
from tensorwright.nn.functional.margin_loss import cosine_embedding_loss as cosine_embedding_loss
from tensorwright.nn.functional.margin_loss import cosine_similarity as cosine_similarity
from tensorwright.nn.functional.margin_loss import hinge_embedding_loss as hinge_embedding_loss
from tensorwright.nn.functional.margin_loss import margin_ranking_loss as margin_ranking_loss
from tensorwright.nn.functional.margin_loss import multi_margin_loss as multi_margin_loss
from tensorwright.nn.functional.margin_loss import multilabel_margin_loss as multilabel_margin_loss
from tensorwright.nn.functional.margin_loss import multilabel_soft_margin_loss as multilabel_soft_margin_loss
from tensorwright.nn.functional.margin_loss import pairwise_distance as pairwise_distance
from tensorwright.nn.functional.margin_loss import soft_margin_loss as soft_margin_loss
from tensorwright.nn.functional.margin_loss import triplet_margin_loss as triplet_margin_loss
from tensorwright.nn.functional.margin_loss import (
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from tensorwright.nn.functional.normalization import batch_norm as batch_norm
from tensorwright.nn.functional.normalization import layer_norm as layer_norm
from tensorwright.nn.functional.normalization import normalize as normalize
from tensorwright.nn.functional.padding import channel_shuffle as channel_shuffle
from tensorwright.nn.functional.padding import pad as pad
from tensorwright.nn.functional.padding import pixel_shuffle as pixel_shuffle
from tensorwright.nn.functional.padding import pixel_unshuffle as pixel_unshuffle
from tensorwright.nn.functional.pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
from tensorwright.nn.functional.pooling import avg_pool2d as avg_pool2d
from tensorwright.nn.functional.pooling import max_pool2d as max_pool2d
from tensorwright.nn.functional.sparse import embedding as embedding
from tensorwright.nn.functional.sparse import embedding_bag as embedding_bag
from tensorwright.nn.functional.sparse import one_hot as one_hot
