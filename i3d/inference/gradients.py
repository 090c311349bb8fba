"""Maps of a layer and the gradient of a class's score by them, as Grad-CAM needs both.

    name = last_map(net)                                          # "Mixed_5c"
    maps, gradient = MapsAndGradient(net, name)(view, number=7)   # float32 [T, h, w, C] each

Only what follows the layer is differentiated, so memory is little more than that of a prediction.
"""

import difflib
import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from i3d.inference.endpoints import before, outputs
from i3d.inference.network import Network, preprocessing
from i3d.runtime.command import UserError

_TOKENS = "CLIPEncoderLayer"  # the class of the blocks of CLIP's image transformer
_NAMED = 6  # layers in a message, at most


def layers_with_maps(net: Network) -> list[str]:
    """Returns the names of the layers whose output is a map in time and space, input first.

    The score depends on each, and each has more than one place. The network's input, and what is
    only cut out of it, is none. Of CLIP's image transformer they are those before its last block:
    what the last block makes of patches reaches no score.
    """
    found, layers_of = outputs(net.core), {layer.name for layer in net.core.layers}
    blocks = [layer.name for layer in net.core.layers if type(layer).__name__ == _TOKENS]
    tokens = found[blocks[-1]].shape if blocks else ()
    learned: set[str] = set()  # operations whose output depends on weights
    late = set(blocks[-1:])  # the last block, and what follows it
    names = []
    for operation in net.core.operations:  # from the input on
        name, place = operation.name, found.get(operation.name)
        if place is None:
            continue
        earlier = {one._keras_history.operation.name for one in before(place)}
        late |= {name} if late & earlier else set()
        learned |= {name} if getattr(operation, "weights", ()) or learned & earlier else set()
        fits = _is_map(place) or (place.shape == tokens and name not in late)
        if fits and name in learned and name in layers_of:
            names.append(name)
    return names


def _is_map(place):
    """Returns whether a tensor is [B, T, h, w, C] of more than one place."""
    return len(place.shape) == 5 and place.shape[2:4] != (1, 1)


def last_map(net: Network) -> str:
    """Returns the name of the last layer before pooling whose output is a map in time and space.

    Of SlowFast it is that of the slow pathway. Of CLIP's image transformer it is the last block but
    one: what the last block makes of patches reaches no score, but its input does.

    Raises:
      UserError: there is none.
    """
    for name, _ in _main_path(net, layers_with_maps(net)):
        return name
    raise UserError(f"{net.core.name}: no layer gives a map in time and space")


def _main_path(net, usable):
    """Yields (name, its output) of layers that end a block, from the last one before pooling."""
    place = outputs(net.core)["features"]
    while earlier := before(place):
        layer = place._keras_history.operation
        ends = isinstance(layer, layers.ReLU | layers.Concatenate) or len(place.shape) == 3
        if ends and layer.name in usable:
            yield layer.name, place
        place = earlier[0]


def check_layer(net: Network, layer: str) -> None:
    """Raises UserError where a layer has no maps in time and space; it names some that have."""
    usable = layers_with_maps(net)
    if layer in usable:
        return
    near = difflib.get_close_matches(layer, usable, 3)
    if not near:  # the last layer of each size of map
        sizes: dict[object, str] = {}
        for name, place in _main_path(net, usable):
            sizes.setdefault(place.shape[1:4] if len(place.shape) == 5 else name, name)
        near = list(sizes.values())[:_NAMED]
    raise UserError(
        f"expected a layer of {net.core.name} with maps in time and space, such as "
        f"{', '.join(near)}; got {layer!r:.80}"
    )


class MapsAndGradient:
    """The output of a layer for a clip, and the gradient of a class's score by it."""

    def __init__(self, net: Network, layer: str):
        """Builds what leads to the layer, and what follows it.

        Args:
          net: whose rows are the logits of classes.
          layer: its name.

        Raises:
          UserError: it is none of `layers_with_maps`.
        """
        check_layer(net, layer)
        self._net = net
        self._preprocessing = preprocessing(net.spec)
        place = outputs(net.core)[layer]
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
          UserError: there is no class of this number.
        """
        head = self._net.head  # that of the labels given last
        classes = head.text.shape[1] if head else self._net.num_classes
        if not 0 <= number < classes:
            raise UserError(f"number: expected a class from 0 to {classes - 1}, got {number}")
        clips = self._preprocessing(np.asarray(view)[None])
        maps = self._head(clips, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(maps)
            score = self._score(self._tail([clips, maps], training=False), number)
        return _grid(maps), _grid(tape.gradient(score, maps))

    def _score(self, rows, number):
        if self._net.head is None:
            return rows[0, number]
        text = ops.convert_to_tensor(self._net.head.text[:, number])
        return ops.mean(ops.matmul(text, ops.normalize(rows[0], axis=-1)[:, None]))


def _grid(maps):
    """Returns [T, h, w, C] of [1, T, h, w, C], or of tokens [T, 1 + h * h, C]."""
    maps = ops.convert_to_numpy(ops.cast(maps, "float32"))
    if maps.ndim == 5:
        return maps[0]
    side = math.isqrt(maps.shape[1] - 1)
    return maps[:, 1:].reshape(len(maps), side, side, -1)
