"""Two-stream action recognition for TensorFlow and Keras.

    import i3d
    model = i3d.models.build("inception_i3d", num_classes=400)
    i3d.weights.load(model, "checkpoints/rgb_imagenet/model.ckpt")
    i3d.load("tsn_r50_1x1x3", "tsn.pth").predict("jump.mp4")        # [("high jump", 0.93), ...]

`import i3d` is light: Keras and TensorFlow are imported by the submodules that need them.
"""

import importlib

__version__ = "0.1.0"


def __getattr__(name):
    if name in ("models", "weights"):
        return importlib.import_module(f"i3d.{name}")
    if name == "load":
        return importlib.import_module("i3d.inference.predictor").load
    raise AttributeError(f"module 'i3d' has no attribute {name!r}")
