"""Dropout, where PyTorch has them: ``tw.nn.modules.dropout``."""

from tensorwright.nn import AlphaDropout as AlphaDropout
from tensorwright.nn import Dropout as Dropout
from tensorwright.nn import Dropout1d as Dropout1d
from tensorwright.nn import Dropout2d as Dropout2d
from tensorwright.nn import Dropout3d as Dropout3d
from tensorwright.nn import FeatureAlphaDropout as FeatureAlphaDropout
from tensorwright.nn._dropout import _Dropout as _DropoutNd  # noqa: F401
