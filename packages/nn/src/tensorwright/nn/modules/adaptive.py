"""Softmax over many classes, where PyTorch has them: ``tw.nn.modules.adaptive``."""

from tensorwright.nn import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
