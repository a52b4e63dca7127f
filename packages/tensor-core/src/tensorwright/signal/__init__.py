"""Signal processing: window functions."""

from tensorwright.signal import windows as windows
