"""The catalogue of models: name -> builder of a keras.Model.

from i3d import models
models.names()                                        # ("c3d_16x1x1", ..., "tv_s3d", ...)
model = models.build("inception_i3d", num_classes=400, channels=3)
model = models.build("slowonly_r50_8x8x1", num_classes=101, dropout=0.5)
model = models.build("omni_slowonly_r50", num_classes=400, image_classes=1000)  # and images
model = models.build("actionclip", arch="ViT-B/16", head="Transf", frames=8)   # video and text
model = models.build("ava_slowonly_r50_4x16x1", num_classes=81)                # actions of people
model = models.build("actionformer", num_classes=20, channels=2048)    # of feature rows: when
"""

import difflib
from typing import Any

import keras

from i3d.models import actionclip as clip
from i3d.models import (
    actionformer,
    ava,
    bmn,
    c3d,
    cnn_lstm,
    csn,
    deep_video,
    omni,
    r2plus1d,
    resnet3d,
    s3d,
    slowfast,
    tsm,
    tsn,
    two_stream,
    x3d,
)
from i3d.models.fold import fold_batch_norm
from i3d.models.inception_i3d import inception_i3d, inception_v1

__all__ = ["build", "fold_batch_norm", "inception_i3d", "inception_v1", "names"]

_BUILDERS = {builder.__name__: builder for builder in (inception_i3d, inception_v1)}
_FAMILIES = {  # name of a configuration -> builder that takes the name first
    name: builder
    for configs, builder in (
        (clip.CONFIGS, clip.actionclip),
        (actionformer.CONFIGS, actionformer.actionformer),
        (ava.CONFIGS, ava.ava),
        (bmn.CONFIGS, bmn.bmn),
        (c3d.CONFIGS, c3d.c3d),
        (cnn_lstm.CONFIGS, cnn_lstm.cnn_lstm),
        (csn.CONFIGS, csn.csn),
        (deep_video.CONFIGS, deep_video.deep_video),
        (omni.CONFIGS, omni.omni),
        (r2plus1d.CONFIGS, r2plus1d.r2plus1d),
        (resnet3d.CONFIGS, resnet3d.resnet3d),
        (s3d.CONFIGS, s3d.s3d),
        (slowfast.CONFIGS, slowfast.slowfast),
        (tsm.CONFIGS, tsm.tsm),
        (tsn.CONFIGS, tsn.tsn),
        (two_stream.CONFIGS, two_stream.two_stream),
        (x3d.CONFIGS, x3d.x3d),
    )
    for name in configs
}


def names() -> tuple[str, ...]:
    """Returns the names that `build` knows, in alphabetical order."""
    return tuple(sorted({**_BUILDERS, **_FAMILIES}))


def build(name: str, **keywords: Any) -> keras.Model:
    """Returns the keras.Model of this name; `keywords` go to its builder (see its docstring).

    Raises:
      ValueError: an unknown name (the nearest known ones are named), or an argument out of range.
    """
    if name in _BUILDERS:
        return _BUILDERS[name](**keywords)
    if name in _FAMILIES:
        return _FAMILIES[name](name, **keywords)
    raise ValueError(f"model: expected one of {names()}, got {name!r}{_hint(name)}")


def _hint(name):
    """Returns the names that are meant, "" where none is near: "i3d" means inception_i3d."""
    word = name.lower().replace("-", "_")
    # Names that have all its parts, shortest first: "slowfast" is slowfast_r50.
    whole = [known for known in names() if set(word.split("_")) <= set(known.split("_"))]
    whole.sort(key=len)
    paper = ["inception_i3d"] if word == "i3d" else []
    near = difflib.get_close_matches(word, names(), 1)
    found = [*dict.fromkeys([*paper, *whole, *near])][:3]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
