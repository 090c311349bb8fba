"""The graph that is exported: a network with its preprocessing as head, in one Keras model.

graph = of_network(net, "probabilities", "clips", names)
graph.model(clips)                   # {"probabilities": float32 [B, K]} of uint8 clips
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from i3d.exports.pictures import CentreViews
from i3d.inference.network import Network, preprocessing
from i3d.spec import InputSpec

OUTPUTS = ("logits", "probabilities", "features")
INPUTS = ("clips", "frames")
BATCH = "batch"  # the name of the free axis


class Graph(NamedTuple):
    """What is exported.

    Attributes:
      model: keras.Model from uint8 [B, N, H, W, C] to {output: float32 [B, K]}.
      input: "clips": crops as the network sees them; "frames": whole pictures, H and W free.
      output: "logits", "probabilities" or "features".
      shape: (N, H, W, C) of the input, None where free.
      spec: InputSpec of a view.
      name: of the network in the catalogue.
      class_names: in the order of the output, () of features.
    """

    model: keras.Model
    input: str
    output: str
    shape: tuple[int | None, ...]
    spec: InputSpec
    name: str
    class_names: tuple[str, ...]

    def metadata(self) -> str:
        """Returns, as JSON, what a program needs to make the input and read the output."""
        known = {
            "model": self.name,
            "input": {"name": self.input, "dtype": "uint8", "shape": [None, *self.shape]},
            "output": {"name": self.output, "dtype": "float32"},
            "spec": self.spec.to_json(),
            "classes": list(self.class_names),
        }
        return json.dumps(known, ensure_ascii=False)


def of_network(
    net: Network,
    output: str,
    input: str = "clips",
    class_names: Sequence[str] = (),
    change: Any = lambda core: core,
    batch: int | None = None,
) -> Graph:
    """Returns the Graph of a network.

    Args:
      net: loaded with its logits, or with its features where they are the output; its clips have a
        fixed number of frames.
      output: one of OUTPUTS.
      input: one of INPUTS.
      class_names: K strings.
      change: takes the model of float32 clips and returns the one that is exported.
      batch: views at a time; None: free.
    """
    spec, (count, height, width, channels) = net.spec, net.spec.view_shape
    size = (None, None) if input == "frames" else (height, width)
    shape = (count, *size, channels)
    views = given = keras.Input(shape, batch_size=batch, dtype="uint8", name=input)
    if input == "frames":
        views = CentreViews(spec, dtype="float32", name="centre")(given)
    rows = change(net.core)(preprocessing(spec)(views))
    rows = net.head(rows) if net.head else rows
    if output == "probabilities":
        rows = layers.Activation(spec.activation, dtype="float32", name=output)(rows)
    model = keras.Model(given, {output: rows}, name=net.core.name)
    one = dataclasses.replace(spec, crops=1) if input == "frames" else spec
    name = net.card.model if net.card else net.core.name
    names = () if output == "features" else tuple(class_names)
    return Graph(model, input, output, shape, one, name, names)
