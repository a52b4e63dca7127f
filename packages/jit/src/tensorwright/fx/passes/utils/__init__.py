"""Parts that passes share."""

from tensorwright.fx.passes.utils import matcher_utils as matcher_utils
