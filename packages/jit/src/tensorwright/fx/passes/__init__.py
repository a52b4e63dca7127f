"""Ready-made work on graphs: shapes, splitting, drawing, matching."""

from tensorwright.fx.passes import graph_drawer as graph_drawer
from tensorwright.fx.passes import shape_prop as shape_prop
from tensorwright.fx.passes import split_module as split_module
from tensorwright.fx.passes import utils as utils
