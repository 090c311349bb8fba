"""Weight cards: what a checkpoint expects of its input, and what it is worth.

card = CARDS["rgb_imagenet"]
model = i3d.models.build(card.model, num_classes=card.num_classes, channels=card.channels)
card.class_names()[0]                                  # 'abseiling'
"""

import functools
import json
from dataclasses import dataclass
from importlib import resources

_PAPER = "test set, whole videos, Carreira & Zisserman 2017 (arXiv:1705.07750) and its README"


@dataclass(frozen=True)
class Card:
    """One checkpoint: what preprocessing must give it.

    Frame rate, short side and crop are read from here; the ranges and the bound of flow are those
    that i3d.data.schema makes (a test compares them).

    Attributes:
      name: of the card.
      file: the checkpoint, in the folder of checkpoints, as i3d.weights.load takes it.
      stream: "rgb" or "flow".
      num_classes: width of the head.
      labels: name of the class list in i3d/weights/labels.
      published: accuracy as published (top-1/top-5 in percent, protocol), or "".
      model, width: name in the catalogue of models, and its multiplier of filter counts.
      frames, stride: clip length in training and the distance between its frames.
      min_frames: the shortest clip that the model takes.
      fps: frame rate that videos are resampled to.
      short_side, crop: pixels; the frame is resized to the first and cut to the second.
      input_range: of the values that enter the network.
      flow_method, flow_bound_px: how flow was made, and where it is clipped ("" and 0: RGB).
      licence, source: of the weights.
    """

    name: str
    file: str
    stream: str
    num_classes: int
    labels: str
    published: str
    model: str = "inception_i3d"
    width: float = 1.0
    frames: int = 64
    stride: int = 1
    min_frames: int = 9
    fps: float = 25.0
    short_side: int = 256
    crop: int = 224
    input_range: tuple = (-1.0, 1.0)
    licence: str = "Apache-2.0"
    source: str = "github.com/google-deepmind/kinetics-i3d"

    @property
    def channels(self):
        """Input channels: 3 for RGB, 2 for flow."""
        return {"rgb": 3, "flow": 2}[self.stream]

    @property
    def flow_method(self):
        """How the flow that the weights were trained on was made."""
        return "tvl1" if self.stream == "flow" else ""

    @property
    def flow_bound_px(self):
        """Pixels per frame at which that flow was clipped."""
        return 20.0 if self.stream == "flow" else 0.0

    def class_names(self):
        """Returns the class names (tuple of str) in the order of the logits."""
        return class_names(self.labels)


@functools.cache
def class_names(labels):
    """Returns the class names of a list shipped in i3d/weights/labels, in label order."""
    file = resources.files("i3d.weights") / "labels" / f"{labels}.json"
    return tuple(json.loads(file.read_text(encoding="utf-8"))["classes"])


def _published(name, stream, num_classes, labels, published):
    return Card(name, f"{name}/model.ckpt", stream, num_classes, labels, published)


CARDS = {
    card.name: card
    for card in (
        _published("rgb_imagenet", "rgb", 400, "kinetics400", f"71.1/89.3, {_PAPER}"),
        _published("rgb_scratch", "rgb", 400, "kinetics400", f"68.4/88.0, {_PAPER}"),
        _published("flow_imagenet", "flow", 400, "kinetics400", f"63.4/84.9, {_PAPER}"),
        _published("flow_scratch", "flow", 400, "kinetics400", f"61.5/83.4, {_PAPER}"),
        _published("rgb_scratch_kin600", "rgb", 600, "kinetics600", ""),
    )
}


def _demo(stream, published):
    return Card(
        name=f"demo_{stream}",
        file=f"demo/{stream}.weights.h5",
        stream=stream,
        num_classes=13,
        labels="figures",
        published=published,
        width=0.25,
        frames=16,
        stride=3,
        short_side=96,
        crop=80,
        source="configs/i3d/figures.py",
    )


# Our own; commands and other seeds: checkpoints/README.md.
_DRAWN = "260 drawn test videos, 3 clips each, top-1"
DEMO_CARDS = {
    card.name: card for card in (_demo("rgb", f"88.5, {_DRAWN}"), _demo("flow", f"87.3, {_DRAWN}"))
}
