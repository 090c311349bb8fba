"""Commands that are functions too: `i3d.evaluate(...)` beside `python -m i3d.evaluate`.

    def evaluate(checkpoint: str, records: str) -> Result: ...    # in i3d/evaluate.py
    callable_module.make(__name__, evaluate)

`i3d.evaluate` is the module whether or not `import i3d.evaluate` came before: an import binds the
submodule's name in the package, so that a function under the same name would last until the next
import. A module that can be called is both.
"""

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any


def make(name: str, function: Callable[..., Any]) -> None:
    """Makes a module callable: a call of it is a call of `function`, with its signature.

    Args:
      name: of the module, its `__name__`.
      function: public function of the module.
    """
    module = sys.modules[name]
    kind = type("CallableModule", (types.ModuleType,), {"__call__": staticmethod(function)})
    module.__class__ = kind
    module.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
