"""What inference is timed on: the shape of a network's clips, random weights and random clips."""

import re

import numpy as np

from i3d.weights import zoo

LARGEST = 224  # pixels; a few networks are tested on 256
# Segments that networks are trained on where the test takes more; of others 3.
SEGMENTS = {"tsn_r50_1x1x8": 8, "tsn_r101_1x1x8": 8, "two_stream_rgb": 1, "two_stream_flow": 1}


def shape_of(name):
    """Returns the keywords frames, size and channels of what a model is trained on."""
    spec = zoo.default_spec(name)
    frames = spec.length or spec.frames
    if spec.segments and not spec.fixed_segments:
        frames = SEGMENTS.get(name, 3)
    return {"frames": frames, "size": min(spec.crop, LARGEST), "channels": spec.channels}


def clips_of(shape, batch):
    """Returns clips [B, T, H, W, C] float32, the same for the same shape."""
    frames, size, channels = shape["frames"], shape["size"], shape["channels"]
    clips = np.random.default_rng(1).uniform(-1, 1, (batch, frames, size, size, channels))
    return clips.astype(np.float32)


def plain_weights(model, seed=0):
    """Returns random weights whose activations keep their scale through the network."""
    random = np.random.default_rng(seed)
    values = []
    for variable in model.weights:
        shape = variable.shape
        if variable.name == "kernel":
            limit = (6 / np.prod(shape[:-1])) ** 0.5
            limit *= 0.1 if re.search("theta|phi", variable.path) else 1  # they are multiplied
            values.append(random.uniform(-limit, limit, shape))
        elif variable.name == "moving_variance":
            values.append(random.uniform(1, 2.5, shape))
        elif variable.name == "gamma":  # small where a branch is added to its input
            small = 0.2 if re.search("(conv3|conv_out)-bn", variable.path) else 1
            values.append(small * random.uniform(0.5, 1, shape))
        else:
            values.append(random.uniform(-0.2, 0.4, shape))
    return values
