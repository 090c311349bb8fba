"""A small network with random weights, as a training run leaves it."""

import json

import keras

from i3d.spec import InputSpec
from tests.helpers import training

NAMES = ("walk", "jump high", "Straße überqueren", "走り幅跳び")


def spec(stream="rgb", **fields):
    """Returns the InputSpec of the small network: clips of 4 frames at 25 per second."""
    flow = {"flow_method": "dis", "flow_bound_px": 20.0} if stream == "flow" else {}
    own = {"frames": 4, "clips": 2, "fps": 25.0, "resize": 36, "crop": 32, "range": (-1.0, 1.0)}
    return InputSpec(stream=stream, **flow | own | fields)


def write(folder, stream="rgb", names=NAMES, seed=0, **fields):
    """Writes best.weights.h5 and config.json into a new folder; returns the checkpoint.

    The model is "tiny" of the fixture tiny_model.
    """
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(seed)
    seen = spec(stream, **fields)
    model = training.tiny_model(len(names), seen.channels, seen.crop, 0.1)
    model.get_layer("Logits").kernel.assign(40 * model.get_layer("Logits").kernel)
    checkpoint = folder / "best.weights.h5"
    model.save_weights(checkpoint)
    data = {"stream": stream, "frames": seen.frames, "stride": seen.stride, "size": seen.crop}
    settings: dict = {f"data.{key}": value for key, value in data.items()}
    settings |= {
        "data.flow_method": seen.flow_method,
        "model.name": "tiny",
        "model.width": 0.1,
        "input": seen.to_json(),
    }
    (folder / "config.json").write_text(json.dumps(settings | {"classes": names}))
    return checkpoint
