"""Transformers, where PyTorch has them: ``tw.nn.modules.transformer``."""

from tensorwright.nn import Transformer as Transformer
from tensorwright.nn import TransformerDecoder as TransformerDecoder
from tensorwright.nn import TransformerDecoderLayer as TransformerDecoderLayer
from tensorwright.nn import TransformerEncoder as TransformerEncoder
from tensorwright.nn import TransformerEncoderLayer as TransformerEncoderLayer
