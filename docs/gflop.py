"""Counts the multiply-adds of networks for a view, as i3d/weights/arithmetic.py lists them.

python -m docs.gflop tsn_r50_1x1x3 bmn

Prints a line of that table for each view that a card or the default protocol of these networks, or
of all, has. The operations are those of the traced TensorFlow graph: convolutions and products of
matrices, each multiply-add counted as one, as PySlowFast and MMAction2 do. Pooling, normalisation
and activations are left out.
"""

import math
import sys
from typing import Any

import keras
import tensorflow as tf
from absl import app

from i3d import models
from i3d.models import actionclip
from i3d.weights import arithmetic, kinds, localization_zoo, table, zoo
from i3d.weights.clip_zoo import takes_text


def main(argv: list[str]) -> None:
    """Prints the lines of the networks that are named, or of all."""
    if unknown := sorted(set(argv[1:]) - set(models.names())):
        raise app.UsageError(f"expected names of networks, got {unknown[0]!r}")
    for view in views():
        if not argv[1:] or view.model in argv[1:]:
            print(f'    "{view.key}": {counted(view) / 1e9:.4g},', flush=True)
            keras.backend.clear_session()


def views() -> list[arithmetic.View]:
    """Returns the View of every card, and of every network by its default protocol."""
    of_cards = {card.view for card in table.cards()}
    return sorted(of_cards | set(map(default_view, builders())))


def builders() -> dict[str, str]:
    """Returns {name in the catalogue: module of its builder}, without those of tests."""
    known = models._BUILDERS | models._FAMILIES
    modules = {name: known[name].__module__ for name in models.names()}
    return {
        name: module.rpartition(".")[2]
        for name, module in modules.items()
        if module.startswith("i3d.")
    }


def default_view(name: str) -> arithmetic.View:
    """Returns what a network of the catalogue sees at once, by its first card or its paper."""
    if name == "inception_v1":  # pictures
        return arithmetic.View(name, 3, 1, 224)
    if spec := localization_zoo.SPECS.get(name):
        return arithmetic.view_of(name, spec, longest=localization_zoo.LONGEST.get(name, 0))
    return arithmetic.view_of(name, zoo.default_spec(name))


def counted(view: arithmetic.View) -> int:
    """Returns the number of multiply-adds of a network for one view."""
    network = _network(view)
    function = tf.function(lambda inputs: network(inputs, training=False))
    return _of_graph(function.get_concrete_function(_inputs(view)).graph)


def _network(view):
    if takes_text(view.model):
        return _unrolled(actionclip.video_part(models.build(view.model)))
    keywords: dict[str, Any] = {"channels": view.channels, "width": view.width}
    if kinds.taken_by(view.model) == "features":
        return models.build(view.model, rows=view.length, **keywords)
    keywords["size"] = view.size
    if view.model != "inception_v1":
        keywords["frames"] = view.length
    return _unrolled(models.build(view.model, **keywords))


def _unrolled(model):
    """Unrolls recurrent layers: a loop's body is in the graph once."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.RNN):
            layer.unroll = True
    return model


def _inputs(view) -> Any:
    if kinds.taken_by(view.model) == "features":
        features = tf.TensorSpec((1, view.length, view.channels))
        mask = tf.TensorSpec((1, view.length), tf.bool)
        return {"features": features} | ({} if view.model == "bmn" else {"mask": mask})
    size = view.size
    shape = (size, size, view.channels)
    clips = tf.TensorSpec((1, *shape) if view.model == "inception_v1" else (1, view.length, *shape))
    if kinds.taken_by(view.model) == "boxes":
        return {"clips": clips, "boxes": tf.TensorSpec((1, 1, 4))}
    return clips


def _of_graph(graph):
    return sum(_of_operation(operation) for operation in graph.get_operations())


def _of_operation(operation):
    kind = operation.type
    if kind in ("PartitionedCall", "StatefulPartitionedCall"):
        return _of_graph(operation.graph._get_function(operation.get_attr("f").name).graph)
    if kind in ("While", "StatelessWhile"):
        raise ValueError(f"{operation.name}: a loop, whose turns are not known")
    if kind == "Einsum":
        return _of_einsum(operation)
    shapes = [tuple(x.shape) for x in operation.inputs]
    if kind in ("Conv2D", "Conv3D", "DepthwiseConv2dNative"):
        positions = tuple(operation.outputs[0].shape)[:-1]
        return math.prod(positions) * math.prod(shapes[1])
    if kind in ("MatMul", "BatchMatMulV2", "BatchMatMul"):
        first = "transpose_a" if kind == "MatMul" else "adj_x"
        inner = shapes[0][-2 if operation.get_attr(first) else -1]
        return math.prod(operation.outputs[0].shape) * inner
    return 0


def _of_einsum(operation):
    """All combinations of the letters."""
    letters: dict[str, int] = {}
    terms = operation.get_attr("equation").decode().partition("->")[0].split(",")
    for term, x in zip(terms, operation.inputs, strict=True):
        if "..." in term:
            raise ValueError(f"{operation.name}: an ellipsis in {term}")
        letters |= dict(zip(term, tuple(x.shape), strict=True))
    return math.prod(letters.values()) if len(terms) > 1 else 0


if __name__ == "__main__":
    sys.exit(app.run(main))
