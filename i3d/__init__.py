"""Two-stream action recognition for TensorFlow and Keras.

    import i3d
    model = i3d.models.build("inception_i3d", num_classes=400)
    i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")
    i3d.load("tsn_r50_1x1x3", "tsn.pth").predict("jump.mp4")        # [("high jump", 0.93), ...]

`import i3d` is light: Keras and TensorFlow are imported by the submodules that need them.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
# Public name -> where it is; a submodule, or what a submodule holds.
_FACE = {
    "config": "i3d.training.config",
    "load": "i3d.inference.predictor:load",
    "models": "i3d.models",
    "spec": "i3d.spec",
    "weights": "i3d.weights",
}
__all__ = ["config", "load", "models", "spec", "weights"]  # noqa: F822 - see __getattr__


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'i3d' has no attribute {name!r}")
    module, _, attribute = _FACE[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
