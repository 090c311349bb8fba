"""Small networks with random weights, and sums of pixels, as rows of windows are made of."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from i3d.inference import dense_views, network
from i3d.spec import WHOLE, InputSpec
from i3d.training import config
from i3d.weights.cards import Card

FLOW = {"stream": "flow", "flow_method": "farneback", "flow_bound_px": 20.0}
SMALL = {"resize": 40, "crop": 32, "range": (-1.0, 1.0), "average": "logits"}


def i3d_card(stream="rgb", **changes):
    """Card of an I3D of whole videos."""
    fields = (
        {"frames": 16, "clips": WHOLE, "longest": 250, "min_frames": 9, "fps": 25.0}
        | SMALL
        | changes
    )
    spec = InputSpec(**fields | (FLOW if stream == "flow" else {}))
    return Card(f"small_{stream}", "", "inception_i3d", spec, 0.125, 5)


def tsn_card(stream="rgb", segments=3):
    """Card of a TSN; of flow, five fields a segment."""
    fields = {"segments": segments, "frames": 5 if stream == "flow" else 1} | SMALL
    model = "tsn_r50_5x1x3_flow" if stream == "flow" else "tsn_r50_1x1x3"
    spec = InputSpec(**fields | (FLOW if stream == "flow" else {}))
    return Card(f"tsn_{stream}", "", model, spec, 0.125, 5)


def built(card, crops=None, endpoint="features", seed=0, apart=True):
    """Network of a card that is given windows; apart=False: of a card as it is."""
    card = dense_views.windowed(card, crops) if apart else card
    keras.utils.set_random_seed(seed)
    core = network.build(card.model, card.spec, 5, width=card.width, frames=card.spec.length)
    return network.Network(network.ending_at(core, endpoint), card.spec, 5, card=card)


class Sums:
    """In place of a network: per channel the mean of the pixels, and the mean weighted by time."""

    def __init__(self, card, crops=None):
        self.card = dense_views.windowed(card, crops)
        self.spec = self.card.spec
        self.model = SimpleNamespace(output_shape=(None, 2 * self.spec.view_shape[-1]))

    def body(self, views):
        """Returns float32 [B, 2 C] of uint8 [B, N, H, W, C]."""
        each = tf.reduce_mean(tf.cast(views, tf.float32), (2, 3))
        times = tf.range(tf.shape(each)[1], dtype=tf.float32)[None, :, None]
        return tf.concat([tf.reduce_mean(each, 1), tf.reduce_mean(each * times, 1)], 1)


def sums(views):
    """Returns what Sums does of one view uint8 [N, H, W, C]."""
    each = np.float32(views).mean(axis=(1, 2))
    times = np.arange(len(each))[:, None]
    return np.concatenate([each.mean(axis=0), (each * times).mean(axis=0)])


def write_run(folder, card, seed=0):
    """Writes weights of a card's model, and the config.json of a run; returns the path."""
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(seed)
    frames = card.spec.length
    network.build(card.model, card.spec, 5, width=card.width, frames=frames).save_weights(
        folder / "best.weights.h5"
    )
    own = {"model.name": card.model, "model.width": card.width, "input": card.spec.to_json()}
    settings = config.flat(config.defaults()) | own | {"classes": list("abcde")}
    (folder / "config.json").write_text(json.dumps(settings))
    return str(folder / "best.weights.h5")
