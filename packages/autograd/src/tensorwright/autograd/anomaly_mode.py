"""Anomaly mode, under PyTorch's name of its module."""

from tensorwright.autograd._anomaly import detect_anomaly as detect_anomaly
from tensorwright.autograd._anomaly import set_detect_anomaly as set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
