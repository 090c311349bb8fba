"""The catalogue of models: name -> builder of a keras.Model.

from i3d import models
models.names()                                        # ("inception_i3d", ...)
model = models.build("inception_i3d", num_classes=400, channels=3)
"""

import difflib

from i3d.models.fold import fold_batch_norm
from i3d.models.inception_i3d import inception_i3d, inception_v1

__all__ = ["build", "fold_batch_norm", "inception_i3d", "inception_v1", "names"]

_BUILDERS = {builder.__name__: builder for builder in (inception_i3d, inception_v1)}


def names():
    """Returns the names that `build` knows, in alphabetical order."""
    return tuple(sorted(_BUILDERS))


def build(name, **keywords):
    """Returns the keras.Model of this name; `keywords` go to its builder (see its docstring).

    Raises:
      ValueError: an unknown name (the nearest known one is named), or an argument out of range.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(name, _BUILDERS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"model: expected one of {names()}, got {name!r}{hint}")
    return _BUILDERS[name](**keywords)
