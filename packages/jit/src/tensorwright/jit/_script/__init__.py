"""Python source of functions and modules as graphs."""

from typing import Final as Final

from ._api import ScriptFunction as ScriptFunction
from ._api import ScriptMethod as ScriptMethod
from ._api import ScriptModule as ScriptModule
from ._api import script as script
from ._decorators import annotate as annotate
from ._decorators import export as export
from ._decorators import ignore as ignore
from ._decorators import is_scripting as is_scripting
from ._decorators import unused as unused
from ._errors import FrontendError as FrontendError
