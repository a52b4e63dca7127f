"""Recurrent layers, where PyTorch has them: ``tw.nn.modules.rnn``."""

from tensorwright.nn import GRU as GRU
from tensorwright.nn import LSTM as LSTM
from tensorwright.nn import RNN as RNN
from tensorwright.nn import GRUCell as GRUCell
from tensorwright.nn import LSTMCell as LSTMCell
from tensorwright.nn import RNNBase as RNNBase
from tensorwright.nn import RNNCell as RNNCell
from tensorwright.nn import RNNCellBase as RNNCellBase
