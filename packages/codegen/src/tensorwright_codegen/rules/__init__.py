"""The rule language of facets: constraints on arguments, shapes and dtypes of results.

A rule is Python expression syntax over the arguments' metadata. It is compiled to C++ (the op's infer function) and
evaluated in Python (generators of test cases) from the same typed tree.

>>> from tensorwright_codegen.facets import Rule, parse_schema
>>> schema = parse_schema("(Tensor self, Tensor mat2) -> Tensor")
>>> rule = parse_rule(Rule("[self.shape[0], mat2.shape[1]]"), schema)
>>> evaluate_rule(rule, {"self": TensorMeta((2, 3)), "mat2": TensorMeta((3, 4))})
[2, 4]
"""

from .evaluate import RuleError as RuleError
from .evaluate import TensorMeta as TensorMeta
from .evaluate import evaluate_rule as evaluate_rule
from .infer import RefusedError as RefusedError
from .infer import check_arguments as check_arguments
from .infer import infer as infer
from .parse import parse_rule as parse_rule
from .promotion import promote_types as promote_types
from .tree import RuleType as RuleType
from .tree import Term as Term
