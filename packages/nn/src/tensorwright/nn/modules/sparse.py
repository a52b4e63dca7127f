"""Embeddings, where PyTorch has them: ``tw.nn.modules.sparse``."""

from tensorwright.nn import Embedding as Embedding
from tensorwright.nn import EmbeddingBag as EmbeddingBag
