"""Small networks with random weights, as feature rows of windows are made of."""

import keras

from i3d.inference import dense_views, network
from i3d.spec import WHOLE, InputSpec
from i3d.weights.cards import Card

FLOW = {"stream": "flow", "flow_method": "farneback", "flow_bound_px": 20.0}
SMALL = {"resize": 40, "crop": 32, "range": (-1.0, 1.0), "average": "logits"}


def i3d_card(stream="rgb", **changes):
    """Card of an I3D of whole videos."""
    fields = {"frames": 16, "clips": WHOLE, "min_frames": 9, "fps": 25.0} | SMALL | changes
    spec = InputSpec(**fields | (FLOW if stream == "flow" else {}))
    return Card(f"small_{stream}", "", "inception_i3d", spec, 0.125, 5)


def tsn_card(stream="rgb", segments=3):
    """Card of a TSN; of flow, five fields a segment."""
    fields = {"segments": segments, "frames": 5 if stream == "flow" else 1} | SMALL
    model = "tsn_r50_5x1x3_flow" if stream == "flow" else "tsn_r50_1x1x3"
    spec = InputSpec(**fields | (FLOW if stream == "flow" else {}))
    return Card(f"tsn_{stream}", "", model, spec, 0.125, 5)


def built(card, crops=None, endpoint="features", seed=0):
    """Network of a card that is given windows."""
    card = dense_views.windowed(card, crops)
    keras.utils.set_random_seed(seed)
    core = network.build(card.model, card.spec, 5, width=card.width, frames=card.spec.length)
    return network.Network(network.ending_at(core, endpoint), card.spec, 5, card=card)
