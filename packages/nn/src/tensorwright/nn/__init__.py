"""Neural-network modules: ``tw.nn``; their functions: ``tw.nn.functional``; initial values: ``tw.nn.init``."""

from typing import TYPE_CHECKING

from tensorwright.nn import functional as functional
from tensorwright.nn import init as init
from tensorwright.nn import parameter as parameter
from tensorwright.nn import utils as utils
from tensorwright.nn._activation import CELU as CELU
from tensorwright.nn._activation import ELU as ELU
from tensorwright.nn._activation import GELU as GELU
from tensorwright.nn._activation import GLU as GLU
from tensorwright.nn._activation import SELU as SELU
from tensorwright.nn._activation import Hardshrink as Hardshrink
from tensorwright.nn._activation import Hardsigmoid as Hardsigmoid
from tensorwright.nn._activation import Hardswish as Hardswish
from tensorwright.nn._activation import Hardtanh as Hardtanh
from tensorwright.nn._activation import LeakyReLU as LeakyReLU
from tensorwright.nn._activation import LogSigmoid as LogSigmoid
from tensorwright.nn._activation import LogSoftmax as LogSoftmax
from tensorwright.nn._activation import Mish as Mish
from tensorwright.nn._activation import PReLU as PReLU
from tensorwright.nn._activation import ReLU as ReLU
from tensorwright.nn._activation import ReLU6 as ReLU6
from tensorwright.nn._activation import RReLU as RReLU
from tensorwright.nn._activation import Sigmoid as Sigmoid
from tensorwright.nn._activation import SiLU as SiLU
from tensorwright.nn._activation import Softmax as Softmax
from tensorwright.nn._activation import Softmax2d as Softmax2d
from tensorwright.nn._activation import Softmin as Softmin
from tensorwright.nn._activation import Softplus as Softplus
from tensorwright.nn._activation import Softshrink as Softshrink
from tensorwright.nn._activation import Softsign as Softsign
from tensorwright.nn._activation import Tanh as Tanh
from tensorwright.nn._activation import Tanhshrink as Tanhshrink
from tensorwright.nn._activation import Threshold as Threshold
from tensorwright.nn._adaptive_pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from tensorwright.nn._adaptive_pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from tensorwright.nn._adaptive_pooling import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from tensorwright.nn._adaptive_pooling import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from tensorwright.nn._adaptive_pooling import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from tensorwright.nn._adaptive_pooling import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from tensorwright.nn._adaptive_pooling import FractionalMaxPool2d as FractionalMaxPool2d
from tensorwright.nn._adaptive_pooling import FractionalMaxPool3d as FractionalMaxPool3d
from tensorwright.nn._adaptive_pooling import MaxUnpool1d as MaxUnpool1d
from tensorwright.nn._adaptive_pooling import MaxUnpool2d as MaxUnpool2d
from tensorwright.nn._adaptive_pooling import MaxUnpool3d as MaxUnpool3d
from tensorwright.nn._adaptive_softmax import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from tensorwright.nn._attention import MultiheadAttention as MultiheadAttention
from tensorwright.nn._batch_norm import BatchNorm1d as BatchNorm1d
from tensorwright.nn._batch_norm import BatchNorm2d as BatchNorm2d
from tensorwright.nn._batch_norm import BatchNorm3d as BatchNorm3d
from tensorwright.nn._batch_norm import InstanceNorm1d as InstanceNorm1d
from tensorwright.nn._batch_norm import InstanceNorm2d as InstanceNorm2d
from tensorwright.nn._batch_norm import InstanceNorm3d as InstanceNorm3d
from tensorwright.nn._batch_norm import SyncBatchNorm as SyncBatchNorm
from tensorwright.nn._containers import Flatten as Flatten
from tensorwright.nn._containers import Identity as Identity
from tensorwright.nn._containers import ModuleDict as ModuleDict
from tensorwright.nn._containers import ModuleList as ModuleList
from tensorwright.nn._containers import Sequential as Sequential
from tensorwright.nn._containers import Unflatten as Unflatten
from tensorwright.nn._conv import Conv1d as Conv1d
from tensorwright.nn._conv import Conv2d as Conv2d
from tensorwright.nn._conv import Conv3d as Conv3d
from tensorwright.nn._conv import ConvTranspose1d as ConvTranspose1d
from tensorwright.nn._conv import ConvTranspose2d as ConvTranspose2d
from tensorwright.nn._conv import ConvTranspose3d as ConvTranspose3d
from tensorwright.nn._dropout import AlphaDropout as AlphaDropout
from tensorwright.nn._dropout import Dropout as Dropout
from tensorwright.nn._dropout import Dropout1d as Dropout1d
from tensorwright.nn._dropout import Dropout2d as Dropout2d
from tensorwright.nn._dropout import Dropout3d as Dropout3d
from tensorwright.nn._dropout import FeatureAlphaDropout as FeatureAlphaDropout
from tensorwright.nn._embedding import Embedding as Embedding
from tensorwright.nn._embedding import EmbeddingBag as EmbeddingBag
from tensorwright.nn._lazy import LazyBatchNorm1d as LazyBatchNorm1d
from tensorwright.nn._lazy import LazyBatchNorm2d as LazyBatchNorm2d
from tensorwright.nn._lazy import LazyBatchNorm3d as LazyBatchNorm3d
from tensorwright.nn._lazy import LazyConv1d as LazyConv1d
from tensorwright.nn._lazy import LazyConv2d as LazyConv2d
from tensorwright.nn._lazy import LazyConv3d as LazyConv3d
from tensorwright.nn._lazy import LazyConvTranspose1d as LazyConvTranspose1d
from tensorwright.nn._lazy import LazyConvTranspose2d as LazyConvTranspose2d
from tensorwright.nn._lazy import LazyConvTranspose3d as LazyConvTranspose3d
from tensorwright.nn._lazy import LazyInstanceNorm1d as LazyInstanceNorm1d
from tensorwright.nn._lazy import LazyInstanceNorm2d as LazyInstanceNorm2d
from tensorwright.nn._lazy import LazyInstanceNorm3d as LazyInstanceNorm3d
from tensorwright.nn._lazy import LazyLinear as LazyLinear
from tensorwright.nn._linear import Bilinear as Bilinear
from tensorwright.nn._linear import Linear as Linear
from tensorwright.nn._loss import BCELoss as BCELoss
from tensorwright.nn._loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from tensorwright.nn._loss import CrossEntropyLoss as CrossEntropyLoss
from tensorwright.nn._loss import CTCLoss as CTCLoss
from tensorwright.nn._loss import GaussianNLLLoss as GaussianNLLLoss
from tensorwright.nn._loss import HuberLoss as HuberLoss
from tensorwright.nn._loss import KLDivLoss as KLDivLoss
from tensorwright.nn._loss import L1Loss as L1Loss
from tensorwright.nn._loss import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from tensorwright.nn._loss import MSELoss as MSELoss
from tensorwright.nn._loss import NLLLoss as NLLLoss
from tensorwright.nn._loss import NLLLoss2d as NLLLoss2d
from tensorwright.nn._loss import PoissonNLLLoss as PoissonNLLLoss
from tensorwright.nn._loss import SmoothL1Loss as SmoothL1Loss
from tensorwright.nn._margin_loss import CosineEmbeddingLoss as CosineEmbeddingLoss
from tensorwright.nn._margin_loss import CosineSimilarity as CosineSimilarity
from tensorwright.nn._margin_loss import HingeEmbeddingLoss as HingeEmbeddingLoss
from tensorwright.nn._margin_loss import MarginRankingLoss as MarginRankingLoss
from tensorwright.nn._margin_loss import MultiLabelMarginLoss as MultiLabelMarginLoss
from tensorwright.nn._margin_loss import MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss
from tensorwright.nn._margin_loss import MultiMarginLoss as MultiMarginLoss
from tensorwright.nn._margin_loss import PairwiseDistance as PairwiseDistance
from tensorwright.nn._margin_loss import SoftMarginLoss as SoftMarginLoss
from tensorwright.nn._margin_loss import TripletMarginLoss as TripletMarginLoss
from tensorwright.nn._margin_loss import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
from tensorwright.nn._module import Module as Module
from tensorwright.nn._normalization import CrossMapLRN2d as CrossMapLRN2d
from tensorwright.nn._normalization import GroupNorm as GroupNorm
from tensorwright.nn._normalization import LayerNorm as LayerNorm
from tensorwright.nn._normalization import LocalResponseNorm as LocalResponseNorm
from tensorwright.nn._normalization import RMSNorm as RMSNorm
from tensorwright.nn._padding import CircularPad1d as CircularPad1d
from tensorwright.nn._padding import CircularPad2d as CircularPad2d
from tensorwright.nn._padding import CircularPad3d as CircularPad3d
from tensorwright.nn._padding import ConstantPad1d as ConstantPad1d
from tensorwright.nn._padding import ConstantPad2d as ConstantPad2d
from tensorwright.nn._padding import ConstantPad3d as ConstantPad3d
from tensorwright.nn._padding import ReflectionPad1d as ReflectionPad1d
from tensorwright.nn._padding import ReflectionPad2d as ReflectionPad2d
from tensorwright.nn._padding import ReflectionPad3d as ReflectionPad3d
from tensorwright.nn._padding import ReplicationPad1d as ReplicationPad1d
from tensorwright.nn._padding import ReplicationPad2d as ReplicationPad2d
from tensorwright.nn._padding import ReplicationPad3d as ReplicationPad3d
from tensorwright.nn._padding import ZeroPad1d as ZeroPad1d
from tensorwright.nn._padding import ZeroPad2d as ZeroPad2d
from tensorwright.nn._padding import ZeroPad3d as ZeroPad3d
from tensorwright.nn._parameter import Buffer as Buffer
from tensorwright.nn._parameter import Parameter as Parameter
from tensorwright.nn._parameter_containers import Container as Container
from tensorwright.nn._parameter_containers import DataParallel as DataParallel
from tensorwright.nn._parameter_containers import ParameterDict as ParameterDict
from tensorwright.nn._parameter_containers import ParameterList as ParameterList
from tensorwright.nn._pooling import AvgPool1d as AvgPool1d
from tensorwright.nn._pooling import AvgPool2d as AvgPool2d
from tensorwright.nn._pooling import AvgPool3d as AvgPool3d
from tensorwright.nn._pooling import LPPool1d as LPPool1d
from tensorwright.nn._pooling import LPPool2d as LPPool2d
from tensorwright.nn._pooling import LPPool3d as LPPool3d
from tensorwright.nn._pooling import MaxPool1d as MaxPool1d
from tensorwright.nn._pooling import MaxPool2d as MaxPool2d
from tensorwright.nn._pooling import MaxPool3d as MaxPool3d
from tensorwright.nn._recurrent import GRU as GRU
from tensorwright.nn._recurrent import LSTM as LSTM
from tensorwright.nn._recurrent import RNN as RNN
from tensorwright.nn._recurrent import RNNBase as RNNBase
from tensorwright.nn._recurrent_cells import GRUCell as GRUCell
from tensorwright.nn._recurrent_cells import LSTMCell as LSTMCell
from tensorwright.nn._recurrent_cells import RNNCell as RNNCell
from tensorwright.nn._recurrent_cells import RNNCellBase as RNNCellBase
from tensorwright.nn._transformer import Transformer as Transformer
from tensorwright.nn._transformer import TransformerDecoder as TransformerDecoder
from tensorwright.nn._transformer import TransformerDecoderLayer as TransformerDecoderLayer
from tensorwright.nn._transformer import TransformerEncoder as TransformerEncoder
from tensorwright.nn._transformer import TransformerEncoderLayer as TransformerEncoderLayer
from tensorwright.nn._uninitialized import UninitializedBuffer as UninitializedBuffer
from tensorwright.nn._uninitialized import UninitializedParameter as UninitializedParameter
from tensorwright.nn._vision import ChannelShuffle as ChannelShuffle
from tensorwright.nn._vision import Fold as Fold
from tensorwright.nn._vision import PixelShuffle as PixelShuffle
from tensorwright.nn._vision import PixelUnshuffle as PixelUnshuffle
from tensorwright.nn._vision import Unfold as Unfold
from tensorwright.nn._vision import Upsample as Upsample
from tensorwright.nn._vision import UpsamplingBilinear2d as UpsamplingBilinear2d
from tensorwright.nn._vision import UpsamplingNearest2d as UpsamplingNearest2d
from tensorwright.nn.functional._chunked_loss import LinearCrossEntropyOptions as LinearCrossEntropyOptions

if TYPE_CHECKING:  # what loads on first use, since it needs more of the standard library than all of nn
    from tensorwright.nn._summary import LayerSummary as LayerSummary
    from tensorwright.nn._summary import Summary as Summary
    from tensorwright.nn._summary import summary as summary

_SUMMARY = ("LayerSummary", "Summary", "summary")


def __getattr__(name: str) -> object:
    if name not in _SUMMARY:
        raise AttributeError(f"module 'tensorwright.nn' has no attribute {name!r}")
    from tensorwright.nn import _summary

    return getattr(_summary, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUMMARY})
