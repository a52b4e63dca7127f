"""Options of `LinearCrossEntropyLoss`, where PyTorch has them: ``tw.nn.modules.linear_cross_entropy_options``."""

from tensorwright.nn import LinearCrossEntropyOptions as LinearCrossEntropyOptions
