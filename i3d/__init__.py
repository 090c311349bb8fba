"""Two-stream action recognition for TensorFlow and Keras.

    import i3d
    predictor = i3d.load("rgb_imagenet")            # a card of i3d.cards(), or a path
    predictor.predict("jump.mp4")                   # [("high jump", 0.93), ...]
    predictor.features("jump.mp4")                  # float32 [1024]
    clip = i3d.load("clip_b16", "ViT-B-16.pt")      # classes in words
    clip.predict("jump.mp4", text=["jumping", "sitting down"])
    predictor.model.summary()                       # the keras.Model
    i3d.evaluate("runs/rgb/best.weights.h5")        # Result(... top-1 ...)
    i3d.probe("clips", "rgb_scratch")               # ProbeResult: a classifier of your classes
    i3d.detect("my.mp4", out="labelled.mp4")        # Detections: who does what, where
    i3d.localize("my.mp4", classifier="rgb_scratch")    # Localized: what happens when
    i3d.fvd.distance(real, fake)                    # of fvd.Statistics of two sets of videos
    model = i3d.models.build("inception_i3d", num_classes=400)
    i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")

`import i3d` is light: Keras and TensorFlow are imported by the submodules that need them.
`i3d.detect`, `i3d.evaluate`, `i3d.localize` and `i3d.probe` are both modules of commands and
callable (see i3d/runtime/callable_module.py).
"""

from i3d.runtime import starting

starting.stop_at_once()  # before anything else is imported

import importlib  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from i3d import flow, fvd, models, spec, weights
    from i3d.detect import detect
    from i3d.evaluate import evaluate
    from i3d.inference.load import load
    from i3d.localize import localize
    from i3d.probe import probe
    from i3d.training import config
    from i3d.weights.table import cards

__version__ = "0.1.0"
# Public name -> where it is; a submodule, or what a submodule holds.
_FACE = {
    "cards": "i3d.weights.table:cards",
    "config": "i3d.training.config",
    "detect": "i3d.detect",
    "evaluate": "i3d.evaluate",
    "flow": "i3d.flow",
    "fvd": "i3d.fvd",
    "load": "i3d.inference.load:load",
    "localize": "i3d.localize",
    "models": "i3d.models",
    "probe": "i3d.probe",
    "spec": "i3d.spec",
    "weights": "i3d.weights",
}
__all__ = [
    "cards",
    "config",
    "detect",
    "evaluate",
    "flow",
    "fvd",
    "load",
    "localize",
    "models",
    "probe",
    "spec",
    "weights",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'i3d' has no attribute {name!r}")
    module, _, attribute = _FACE[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted({*globals(), *_FACE} - {"Any", "TYPE_CHECKING", "importlib", "starting"})
