"""Libraries that PyTorch computes with and this does not: none is available, and their switches are only remembered.

Results are the same on every run whatever ``cudnn.deterministic`` says, and products are full float32.
"""

from tensorwright.backends import cuda as cuda
from tensorwright.backends import cudnn as cudnn
from tensorwright.backends import mps as mps
