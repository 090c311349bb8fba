"""Maps of a layer and the gradient of a class's score by them, as Grad-CAM needs both.

    name = last_map(net)                                          # "Mixed_5c"
    maps, gradient = MapsAndGradient(net, name)(view, number=7)   # float32 [T, h, w, C] each

Only what follows the layer is differentiated, so memory is little more than that of a prediction.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from i3d.inference.endpoints import before, named, outputs
from i3d.inference.network import Network, preprocessing
from i3d.runtime.command import UserError

_TOKENS = "CLIPEncoderLayer"  # the class of the blocks of CLIP's image transformer


def last_map(net: Network) -> str:
    """Returns the name of the last layer before pooling whose output is a map in time and space.

    Of SlowFast it is that of the slow pathway. Of CLIP's image transformer it is the last block but
    one: what the last block makes of patches reaches no score, but its input does.

    Raises:
      UserError: there is none.
    """
    blocks = [layer.name for layer in net.core.layers if type(layer).__name__ == _TOKENS]
    if blocks:
        return blocks[max(0, len(blocks) - 2)]
    place = outputs(net.core)["features"]
    while earlier := before(place):
        layer = place._keras_history.operation
        if isinstance(layer, layers.ReLU | layers.Concatenate) and len(place.shape) == 5:
            return layer.name
        place = earlier[0]
    raise UserError(f"{net.core.name}: no layer gives a map in time and space; name one by --layer")


class MapsAndGradient:
    """The output of a layer for a clip, and the gradient of a class's score by it."""

    def __init__(self, net: Network, layer: str):
        """Builds what leads to the layer, and what follows it.

        Args:
          net: whose rows are the logits of classes.
          layer: its name.

        Raises:
          UserError: there is no such layer.
        """
        self._net, self._layer = net, layer
        self._preprocessing = preprocessing(net.spec)
        place = named(net.core, layer, "--layer")
        self._head = keras.Model(net.core.input, place)
        self._tail = keras.Model([net.core.input, place], net.core.output)

    def __call__(self, view: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the maps and their gradient, float32 [T, h, w, C] each.

        T are frames (or segments), h and w places, C channels. Of a transformer they are the tokens
        of the patches, without the class token.

        Args:
          view: uint8 [N, H, W, C], as i3d.inference.views makes it.
          number: of the class. The score is its logit; of a network with a text tower the mean
            over the templates of its cosine.

        Raises:
          UserError: the layer gives no map.
        """
        clips = self._preprocessing(np.asarray(view)[None])
        maps = self._head(clips, training=False)
        self._check(maps, clips.shape[1])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(maps)
            score = self._score(self._tail([clips, maps], training=False), number)
        return _grid(maps), _grid(tape.gradient(score, maps))

    def _score(self, rows, number):
        if self._net.head is None:
            return rows[0, number]
        text = ops.convert_to_tensor(self._net.head.text[:, number])
        return ops.mean(ops.matmul(text, ops.normalize(rows[0], axis=-1)[:, None]))

    def _check(self, maps, steps):
        """Raises UserError unless maps are [1, T, h, w, C], or [T, 1 + h * h, C]."""
        if len(maps.shape) == 5:
            return
        side = math.isqrt(maps.shape[1] - 1) if len(maps.shape) == 3 else 0
        if not side or maps.shape[:2] != (steps, 1 + side * side):
            raise UserError(
                f"--layer: {self._layer}: expected a map in time and space, [T, h, w, C], or "
                f"tokens of the patches of each frame, got {list(maps.shape[1:])}"
            )


def _grid(maps):
    """Returns [T, h, w, C] of [1, T, h, w, C], or of tokens [T, 1 + h * h, C]."""
    maps = ops.convert_to_numpy(ops.cast(maps, "float32"))
    if maps.ndim == 5:
        return maps[0]
    side = math.isqrt(maps.shape[1] - 1)
    return maps[:, 1:].reshape(len(maps), side, side, -1)
