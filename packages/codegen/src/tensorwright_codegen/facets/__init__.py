"""Op facets: YAML files read into typed, frozen objects that say where every part of them was written.

>>> from tensorwright_codegen.facets import parse_schema
>>> parse_schema("(Tensor self, int dim=-1) -> Tensor").args[1].default
Default(value=-1)
"""

from .errors import FacetError as FacetError
from .errors import Location as Location
from .model import Constraint as Constraint
from .model import Expression as Expression
from .model import Kind as Kind
from .model import Op as Op
from .model import OpSet as OpSet
from .model import Rule as Rule
from .model import Sample as Sample
from .nodes import Node as Node
from .nodes import parse_yaml as parse_yaml
from .nodes import read_entries as read_entries
from .reader import load_ops as load_ops
from .reader import read_op as read_op
from .reader import read_ops as read_ops
from .schema import DTYPES as DTYPES
from .schema import Alias as Alias
from .schema import Arg as Arg
from .schema import Constant as Constant
from .schema import Default as Default
from .schema import Dtype as Dtype
from .schema import Ret as Ret
from .schema import Schema as Schema
from .schema import Type as Type
from .schema import parse_schema as parse_schema
from .writer import write_op as write_op
